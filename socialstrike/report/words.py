"""The report's languages: every text in one table, and times as people write them."""

from __future__ import annotations

import locale
import os
from datetime import datetime, timedelta
from typing import Literal

Language = Literal["fr", "en"]

_FRENCH = {
    "What went out: {campaign}": "Ce qui a été publié : {campaign}",
    "Report of the campaign {campaign}": "Compte rendu de la campagne {campaign}",
    "Made on {when} by socialstrike {version}.": "Établi le {when} par socialstrike {version}.",
    "All times are those of {zone}.": "Toutes les heures sont celles de {zone}.",
    "Names of people are replaced: the same words stand for the same person.": (
        "Les noms des personnes sont remplacés : les mêmes mots désignent la même personne."
    ),
    "Characters that cannot be seen or that change the direction of writing are left out.": (
        "Les caractères invisibles ou qui changent le sens de l’écriture ne sont pas reproduits."
    ),
    "The campaign": "La campagne",
    "Name": "Nom",
    "Strike day": "Jour de grève",
    "Window": "Durée",
    "from {start} to {end} ({hours} h)": "du {start} au {end} ({hours} h)",
    "Time zone": "Fuseau horaire",
    "Hashtag": "Mot-dièse",
    "Mention": "Mention",
    "Link": "Lien",
    "Summary": "Résumé",
    "Deliveries by account": "Envois par compte",
    "Account": "Compte",
    "Platform": "Plateforme",
    "Authorised by": "Autorisé par",
    "Planned": "Prévus",
    "Median lateness": "Retard médian",
    "Longest lateness": "Retard maximal",
    "Total": "Total",
    "scheduled": "en attente",
    "publishing": "en cours d’envoi",
    "published": "publié",
    "failed": "échoué",
    "uncertain": "incertain",
    "parked": "à trancher",
    "missed": "manqué",
    "cancelled": "annulé",
    "retracted": "retiré",
    "What went out": "Ce qui a été publié",
    "What went out, in the order it was published": "Les publications, dans leur ordre",
    "What did not go out": "Ce qui n’a pas été publié",
    "What did not go out, in the order it was due": "Le reste, dans l’ordre prévu",
    "Nothing.": "Rien.",
    "Due": "Prévu",
    "Published": "Publié",
    "Text": "Texte",
    "Proof": "Preuve",
    "State": "État",
    "Why": "Raison",
    "{lateness} late": "{lateness} de retard",
    "time not known": "heure inconnue",
    "picture: {alt}": "image : {alt}",
    "without a description": "sans description",
    "remote id": "identifiant",
    "scheduled by": "mis en attente par",
    "approved by": "approuvé par",
    "resolved by": "tranché par",
    "retracted since": "retiré depuis",
    "log entry": "entrée du journal",
    "The emergency stop": "L’arrêt d’urgence",
    "When the emergency stop was pulled and let go": (
        "Quand l’arrêt d’urgence a été déclenché et levé"
    ),
    "The emergency stop was not pulled.": "L’arrêt d’urgence n’a pas été déclenché.",
    "When": "Quand",
    "What": "Quoi",
    "By": "Par",
    "Reason": "Motif",
    "stopped": "arrêt",
    "started again": "reprise",
    "The audit log": "Le journal",
    "This page is a view for people. The evidence is the audit log, in which every entry is tied"
    " to the one before it.": (
        "Cette page est faite pour être lue. La preuve est le journal, dont chaque entrée est liée"
        " à la précédente."
    ),
    "Entries": "Entrées",
    "Head": "Tête",
    "Verified": "Vérifié",
    "yes, when this was made": "oui, au moment d’établir cette page",
    "no: {breaks}": "non : {breaks}",
    "Log and tables": "Journal et tables",
    "they agree": "ils concordent",
    "they disagree: {faults}": "ils ne concordent pas : {faults}",
    "Key": "Clé",
    "none": "aucune",
    "Newest checkpoint": "Dernier point de contrôle",
    "No checkpoint was made.": "Aucun point de contrôle n’a été établi.",
    "To verify, ask for the exported log, keep the checkpoint above in a file called note.txt, and"
    " run this command. The chapter on the audit log in the documents says how to do it without"
    " socialstrike.": (
        "Pour vérifier, demandez le journal exporté, gardez le point de contrôle ci-dessus dans un"
        " fichier nommé note.txt, et lancez cette commande. La documentation explique, au chapitre"
        " du journal, comment s’en passer."
    ),
}
_DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
        "octobre", "novembre", "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ),
}  # fmt: skip


class Words:
    """One language: texts, times and durations as its people write them."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, text: str, **values: object) -> str:
        """A text of the table, given in English, with its ``{places}`` filled."""
        return (_FRENCH[text] if self.language == "fr" else text).format(**values)

    def named(self, name: str) -> str:
        """What stands before a value: the name and a colon."""
        return f"{self(name)}\u00a0: " if self.language == "fr" else f"{self(name)}: "

    def day(self, moment: datetime) -> str:
        """A day with its name, in the zone that ``moment`` carries."""
        number = "1er" if moment.day == 1 and self.language == "fr" else str(moment.day)
        name, month = _DAYS[self.language][moment.weekday()], _MONTHS[self.language]
        return f"{name} {number} {month[moment.month - 1]} {moment.year}"

    def moment(self, moment: datetime) -> str:
        """A day and a time; with the offset where a change of the clock makes it mean two."""
        return f"{self.day(moment)}{self._at()}{moment:%H:%M:%S}{_offset_if_twice(moment)}"

    def minute(self, moment: datetime) -> str:
        """A day and a time without its seconds."""
        return f"{self.day(moment)}{self._at()}{moment:%H:%M}{_offset_if_twice(moment)}"

    def duration(self, seconds: float) -> str:
        """How long, as exactly as people care."""
        sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
        if seconds < 59.95:
            plain = f"{seconds:.1f}"
            return f"{sign}{plain.replace('.', ',') if self.language == 'fr' else plain}\u00a0s"
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        if not hours:
            return f"{sign}{minutes}\u00a0min\u00a0{rest:02}\u00a0s"
        return f"{sign}{hours}\u00a0h\u00a0{minutes:02}\u00a0min"

    def _at(self) -> str:
        return " à " if self.language == "fr" else ", "


def default_language() -> Language:
    """French where the person's settings say so, else English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if said := os.environ.get(name):
            return "fr" if said.lower().startswith("fr") else "en"
    said = locale.getlocale()[0] or ""
    return "fr" if said.lower().startswith("fr") else "en"


def _offset_if_twice(moment: datetime) -> str:
    first, second = moment.replace(fold=0).utcoffset(), moment.replace(fold=1).utcoffset()
    if first == second or first is None or second is None or first < second:
        return ""
    offset = moment.utcoffset() or timedelta(0)
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    return f" (UTC{'-' if offset < timedelta(0) else '+'}{hours:02}:{minutes:02})"
