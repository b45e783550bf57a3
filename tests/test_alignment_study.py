"""The study of alignment runs from its command and says what it finds."""

import json
from pathlib import Path

import pytest

from training import alignment_study
from training.alignment_study import main


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment_study, "PICTURES", 8)
    monkeypatch.setattr(alignment_study, "MOTIONS", 1)


def test_the_study_prints_a_table_and_writes_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connector", "--json", str(tmp_path / "out.json")]) == 0
    rows = json.loads((tmp_path / "out.json").read_text())
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(rows) + 2
    assert {row["mode"] for row in rows} == {"fixture", "any_angle"}
    turned = next(row for row in rows if row["condition"] == "rotation to 10°")
    assert turned["found"] == 1.0
    assert turned["shift_error_px"][0] < turned["shift_error_px"][2] < 1
    no_part = [row for row in rows if row["condition"] == "no part"]
    assert all(row["faults"] == row["pictures"] and row["shift_error_px"] is None for row in no_part)


def test_a_set_without_pictures_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "*.png")]) == 1
    assert "0 pictures, at least 4 are needed" in capsys.readouterr().err
