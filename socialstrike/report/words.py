"""The report's languages: every text in one table."""

from __future__ import annotations

from socialstrike.page import words
from socialstrike.page.words import Language, default_language

__all__ = ["Language", "Words", "default_language"]

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
    "handed_off": "confié à la plateforme",
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


class Words(words.Words):
    """The report in one language."""

    def __init__(self, language: Language) -> None:
        super().__init__(language, _FRENCH)
