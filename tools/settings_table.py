"""The settings as a Markdown table, for the documents: read from the class that reads them."""

from __future__ import annotations

from socialstrike.config import Settings

#: For the settings whose description the code leaves to their name.
_MEANINGS = {
    "connect_timeout": "How long a platform may take to accept a connection.",
    "read_timeout": "How long a platform may be silent within an answer.",
}
#: Defaults that depend on the machine or on other settings.
_DEFAULTS = {
    "home": "your data folder",
    "key_file": "`vault.key` in the home",
    "alerts_file": "`alerts.txt` in the home",
    "settle": f"{Settings().settle_after:g}",
}


def markdown() -> str:
    """One row for each variable, in the order of the code. Durations are in seconds."""
    rows = ["| variable | meaning | default |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        meaning = field.description or _MEANINGS[name]
        given = f"{field.default:g}" if isinstance(field.default, int | float) else ""
        default = _DEFAULTS.get(name, given)
        rows.append(f"| `SOCIALSTRIKE_{name.upper()}` | {meaning} | {default} |")
    return "\n".join([*rows, ""])
