"""Small post files, and how tests read them."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from PIL import Image

from socialstrike import post_file
from socialstrike.drafts import CampaignSpec, PostFile
from socialstrike.exceptions import InvalidFile

NOW = datetime(2020, 1, 1, tzinfo=UTC)
ACCOUNTS = {"collectif-x": "x", "antenne-x": "x", "collectif-fb": "facebook"}
STRIKE = CampaignSpec("greve", date(2020, 1, 24), "Europe/Paris", "#g24", None, None)
HEAD = "campaign: {name: greve, day: 2020-01-24, hashtag: '#g24'}\n"

Write = Callable[..., Path]


def picture(form: str = "PNG", size: tuple[int, int] = (4, 3), **options: object) -> bytes:
    """A real picture of many colours in the format Pillow calls ``form``."""
    made = io.BytesIO()
    gradient = Image.radial_gradient("L").resize(size)
    Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180))).save(
        made, form, **options
    )
    return made.getvalue()


PNG = picture()


def read(path: Path, **options: object) -> PostFile:
    """The file at ``path``, read beside the accounts and the campaign above."""
    asked: dict[str, object] = {
        "campaigns": lambda name: STRIKE if name == "greve" else None,
        "accounts": ACCOUNTS,
        "now": NOW,
        **options,
    }
    [file] = post_file.read([path], **asked)  # type: ignore[arg-type]
    return file


def problems(path: Path, **options: object) -> list[str]:
    """Everything wrong in the file at ``path``, as it is told, without its folder."""
    with pytest.raises(InvalidFile) as refused:
        read(path, **options)
    return [str(problem).removeprefix(f"{path.parent}/") for problem in refused.value.problems]


def one(kind: str = "announcement", **fields: str) -> str:
    """A YAML file of one post; a field given as nothing is left out."""
    said = {"kind": kind, "at": "D 09:00", "to": "collectif-x", "text": "En grève", **fields}
    body = "\n    ".join(f"{name}: {value}" for name, value in said.items() if value)
    return f"{HEAD}posts:\n  - {body}\n"


# The memory of a script at its peak, in megabytes. What getrusage tells begins, on Linux, at that
# of the process it was forked from.
PEAK = """
def peak():
    import sys
    from pathlib import Path
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [text for text in status.read_text().splitlines() if text.startswith("VmHWM")]
        return int(line.split()[1]) // 1024
    import resource
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
"""


def measured(script: str, path: Path) -> tuple[float, int, str]:
    """Run ``script`` on ``path``: the seconds, the megabytes and the rest it prints."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK + script, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    seconds, megabytes, said = done.stdout.split(" ", 2)
    return float(seconds), int(megabytes), said
