"""Fuzzers find no file, time or picture that does more harm than being refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from harness import Figures

SCRIPT = Path(__file__).with_name("files_targets.py")
SAMPLES = Path(__file__).parents[2] / "sample_posts"
TIMES = ("D-2 09:00", "2020-03-29T02:30", "2020-10-25 02:30+01:00", "1h30", "2020-01-24", "J 24:00")


@pytest.mark.parametrize("target", ["yaml", "csv", "jsonl", "times", "pictures"])
def test_whatever_comes_is_read_or_refused_in_words(
    target: str,
    runs: int,
    seconds: int,
    tmp_path: Path,
    ran: Callable[[str, Figures], None],
) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed; it has wheels for Linux alone")
    from harness import fuzz

    figures = fuzz(SCRIPT, target, tmp_path, runs=runs, seconds=seconds, seeds=_seeds(target))
    ran(target, figures)


def test_a_fuzzer_that_finds_something_tells_the_input(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed; it has wheels for Linux alone")
    from harness import fuzz

    script = tmp_path / "broken.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(SCRIPT.parent)!r})\n"
        "import harness\n"
        "harness.main({'broken': lambda: lambda data: 1 // (b'!' not in data)}, [])\n"
    )
    with pytest.raises(AssertionError, match="the input is in") as found:
        fuzz(script, "broken", tmp_path, runs=5_000, seeds=[b"a!"])
    path = Path(str(found.value).partition("the input is in ")[2].split()[0])
    assert b"!" in path.read_bytes()


def _seeds(target: str) -> list[bytes]:
    match target:
        case "yaml":
            return [(SAMPLES / "blocage24janvier.yaml").read_bytes()[:4000]]
        case "csv":
            return [(SAMPLES / "minimal.csv").read_bytes()]
        case "times":
            return [written.encode() for written in TIMES]
        case "pictures":
            return [_picture(form, **how) for form in _FORMS for how in _HOW]
        case _:
            return []


_FORMS = ("PNG", "JPEG", "GIF", "WEBP")
_HOW: tuple[dict[str, object], ...] = ({}, {"exif": True}, {"icc_profile": b"\0" * 200})


def _picture(form: str, **how: object) -> bytes:
    """A small picture; the fuzzer does the rest."""
    if how.get("exif"):
        exif = Image.Exif()
        exif[0x0112] = 6
        exif.get_ifd(0x8825)[2] = (48.0, 51.0, 24.0)
        how["exif"] = exif
    made = io.BytesIO()
    Image.radial_gradient("L").resize((9, 7)).convert("RGB").save(made, form, **how)
    return made.getvalue()
