"""What the tests of single modules share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# packs.py is imported by name.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of this content in a folder of the test's own, and says where."""

    def write(content: str | bytes, name: str = "posts.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
