"""What comes from elsewhere is as it was published, with its licence beside it."""

import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UPLOT, AXE = ROOT / "edge" / "web" / "static" / "uplot", ROOT / "tests" / "vendor" / "axe-core"


@pytest.mark.parametrize(
    ("file", "sha256"),
    [
        (UPLOT / "uPlot.iife.min.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
        (UPLOT / "uPlot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
        (AXE / "axe.min.js", "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"),
    ],
    ids=["uPlot", "uPlot style", "axe-core"],
)
def test_vendored_file_is_unchanged_and_its_licence_is_beside_it(file: Path, sha256: str) -> None:
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    licence = (file.parent / "LICENSE").read_text()
    assert "MIT License" in licence or "Mozilla Public License, version 2.0" in licence
