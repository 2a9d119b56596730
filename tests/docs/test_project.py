"""The project file, the constraints and the import contract agree with what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: dict[str, Any] = {
    contract["id"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]
}


def _modules(folder: Path) -> set[str]:
    """The modules and packages right inside a package's folder."""
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in folder.glob("*/__init__.py")}


def _layers(contract: str) -> list[str]:
    return [name for layer in CONTRACTS[contract]["layers"] for name in re.findall(r"\w+", layer)]


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_every_module_has_exactly_one_floor() -> None:
    assert sorted(_layers("floors")) == sorted(_modules(ROOT / "socialstrike"))


def test_every_adapter_is_kept_apart_from_the_others() -> None:
    assert sorted(_layers("platforms")) == sorted(_modules(ROOT / "socialstrike" / "platforms"))


def test_the_contracts_refuse_modules_that_are_new_to_them() -> None:
    assert CONTRACTS["floors"]["exhaustive"] is True
    assert CONTRACTS["platforms"]["exhaustive"] is True


def test_the_sandbox_may_import_no_module_of_the_house() -> None:
    house = _modules(ROOT / "socialstrike") - {"sandbox"}
    forbidden = CONTRACTS["sandbox-is-outside"]["forbidden_modules"]
    assert forbidden == sorted(f"socialstrike.{module}" for module in house)


def test_constraints_are_exact_versions_and_name_no_source() -> None:
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[0-9][\w.!+]*", line), line


def test_constraints_hold_a_fitting_release_of_every_dependency() -> None:
    pins = _pins()
    project = PROJECT["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    for line in [*project["dependencies"], *extras]:
        requirement = Requirement(line)
        if requirement.name == project["name"]:
            continue  # an extra that takes in another, whose lines are here too
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} is missing: run make constraints"
        assert requirement.specifier.contains(pin), f"{line} but {pin} is pinned"


def test_the_licence_is_the_one_the_project_file_names() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["project"]["license"] == "GPL-3.0-or-later"
    assert re.match(r"\s*GNU GENERAL PUBLIC LICENSE\s+Version 3,", text)
