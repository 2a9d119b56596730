"""The vault: credentials sealed under a key that is kept outside the database.

``sealing`` is the cryptography, ``keys`` finds the key and ``changing`` replaces it. It comes from
``key_file``, ``ring`` or ``passphrase``; ``record`` is what the database says of it.
"""

from socialstrike.vault.changing import Changed
from socialstrike.vault.key_file import load_key
from socialstrike.vault.keys import Ask, Keys, Shown
from socialstrike.vault.passphrase import PassphraseError
from socialstrike.vault.record import SIGNING_KEY, SOURCES, Record, for_sealing, place_of
from socialstrike.vault.sealing import Place, Vault, key_id

__all__ = [
    "SIGNING_KEY",
    "SOURCES",
    "Ask",
    "Changed",
    "Keys",
    "PassphraseError",
    "Place",
    "Record",
    "Shown",
    "Vault",
    "for_sealing",
    "key_id",
    "load_key",
    "place_of",
]
