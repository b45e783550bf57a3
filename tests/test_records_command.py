"""`edge records`: what was recorded comes out whole, for other programs, for another model, for an auditor."""

import csv
import json
import sqlite3
from pathlib import Path

import pyarrow.parquet
import pytest

from edge import export
from edge.__main__ import main
from edge.corrections import Judgement, correct
from edge.database import reading
from edge.drivers.simulated import SimulatedClock
from edge.errors import RecordError
from edge.model_store import name_of
from edge.page_store import FILE_NAME as PAGE_FILE
from edge.page_store import PageStore
from edge.part_story import story_of
from edge.recorder import Recorder
from edge.rejudge import Judged, Rejudge, Used
from tests.recorded import BEGAN_NS, parts, write_parts
from tests.sites import STATION
from tests.small_model import Small
from tests.test_recorder import record_parts
from tests.test_rejudge import record_of

NUMBER = 120


@pytest.fixture
def station(tmp_path: Path) -> Path:
    file = tmp_path / "station.yaml"
    file.write_text(STATION.format(data=tmp_path / "data") + "trigger: {driver: interval}\n", encoding="utf-8")
    return file


@pytest.fixture
def recorded(station: Path) -> Path:
    write_parts(station.parent / "data", NUMBER)
    return station


def records(station: Path, *arguments: object) -> int:
    return main(["records", "--config", str(station), *map(str, arguments)])


def test_csv_has_every_part_with_every_value(recorded: Path, tmp_path: Path) -> None:
    assert records(recorded, "export", "--out", tmp_path / "out") == 0
    with (tmp_path / "out" / "parts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == export.COLUMNS
    expected = list(parts(NUMBER))
    assert [int(row["sequence"]) for row in rows] == [record.sequence for record in expected]
    for row, record in zip(rows, expected, strict=True):
        assert row["outcome"] == record.verdict.outcome
        assert row["distance"] == ("" if record.verdict.distance is None else str(record.verdict.distance))
        assert row["light_gain"] == ("" if record.imaging is None else str(record.imaging.light_gain))
        assert float(row["takt_ms"]) == pytest.approx(record.takt_ms)
    assert rows[0]["time"] == "2026-05-28T20:26:40.000+00:00"


def test_parquet_has_the_same_as_csv(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PARTS_AT_ONCE", 50)
    assert records(recorded, "export", "--out", tmp_path / "out", "--format", "parquet") == 0
    assert records(recorded, "export", "--out", tmp_path / "out") == 0
    table = pyarrow.parquet.read_table(tmp_path / "out" / "parts.parquet").to_pylist()
    with (tmp_path / "out" / "parts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in table] == rows


def test_parquet_without_pyarrow_says_what_to_do(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert records(recorded, "export", "--out", tmp_path / "out", "--format", "parquet") == 1
    assert "Parquet needs the package pyarrow: pip install pyarrow, or export as csv" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_only_what_was_asked_for_is_exported(recorded: Path, tmp_path: Path) -> None:
    def numbers(*arguments: object) -> list[int]:
        assert records(recorded, "export", "--out", tmp_path / "out", *arguments) == 0
        with (tmp_path / "out" / "parts.csv").open(encoding="utf-8", newline="") as file:
            return [int(row["sequence"]) for row in csv.DictReader(file)]

    assert numbers("--last", 7) == list(range(NUMBER - 6, NUMBER + 1))
    assert numbers("--since", "2026-05-28T20:28:40+00:00", "--until", "2026-05-28T20:28:50+00:00") == list(
        range(61, 66)
    )
    ng = [record.sequence for record in parts(NUMBER) if record.verdict.outcome == "NG"]
    assert numbers("--outcome", "NG") == ng != []


def test_pictures_and_corrections_come_along(station: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Recorder(data, clock=SimulatedClock()) as kept:
        record_parts(kept, 1, 2, 3)
    with reading(data) as connection:
        story = story_of(connection, 2)
    assert story is not None
    with PageStore(data) as store:
        correct(store, story.name, Judgement.GOOD, who="佐藤", wall_ns=BEGAN_NS, note='shine, "not" a scratch')
    (data / "pictures" / "000000" / "000000003.jpg").unlink()
    assert records(station, "export", "--out", tmp_path / "out", "--pictures") == 0
    with (tmp_path / "out" / "parts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    said = [(row["correction"], row["corrected_by"], row["correction_note"]) for row in rows]
    assert said == [("", "", ""), ("good", "佐藤", 'shine, "not" a scratch'), ("", "", "")]
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg"))
    assert found == [*(f"whole/00000000{number}.jpg" for number in (1, 2)),
                     *(f"working/00000000{number}.jpg" for number in (1, 2, 3))]  # fmt: skip
    assert (tmp_path / "out" / "whole" / "000000001.jpg").read_bytes()[:2] == b"\xff\xd8"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export", "--out", "{out}", "--since", "2031-01-01"], "no part was recorded in that time"),
        (["export", "--out", "{out}", "--last", "0"], "no part was recorded in that time"),
        (["export", "--out", "{file}"], "cannot be written"),
        (["rejudge", "--bundle", "{out}"], "out: cannot be read: No such file"),
        (["rejudge", "--bundle", "demo", "--json", "{file}/x"], "cannot be written"),
        (["check-audit"], "nobody has changed anything on the page of this station yet"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    recorded: Path, tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    filled = [argument.format(out=tmp_path / "out", file=tmp_path / "file") for argument in arguments]
    assert records(recorded, *filled) == 1
    assert words in capsys.readouterr().err


def test_without_records_there_is_nothing_to_export(
    station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert records(station, "export", "--out", tmp_path / "out") == 1
    assert "no station has kept records here yet" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        records(station, "export", "--out", tmp_path / "out", "--since", "yesterday")
    assert "'yesterday' is no time such as 2026-11-22T06:00" in capsys.readouterr().err


def test_full_disk_leaves_no_half_file(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export._Csv, "write", full)
    assert records(recorded, "export", "--out", tmp_path / "out") == 1
    assert "No space left on device" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_rejudging_says_what_was_used_and_what_would_change(
    station: Path, tmp_path: Path, small_model: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle").write_bytes(small_model.raw)
    with Recorder(tmp_path / "data", clock=SimulatedClock()) as kept:
        for number, frame in enumerate(small_model.frames[:5], start=1):
            kept.put(record_of(number, small_model.inspector.inspect(frame), name_of(small_model.bundle)))
        assert kept.wait_until_kept(timeout_ms=10_000)
    database = sqlite3.connect(tmp_path / "data" / "records.sqlite")
    database.execute("UPDATE parts SET outcome = 'NG' WHERE sequence = 2")
    database.commit()
    database.close()
    assert records(station, "rejudge", "--bundle", tmp_path / "bundle", "--json", tmp_path / "out.json") == 0
    assert "5 from: map" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["changed"], found["used"]["map"], found["model"]["serial"]) == (1, 5, 7)
    assert found["outcomes"] == {"NG -> OK": 1, "OK -> OK": 4}
    (change,) = found["changes"]
    assert (change["sequence"], change["outcome_before"], change["outcome_after"]) == (2, "NG", "OK")
    assert change["used"] == "map"
    assert records(station, "rejudge", "--bundle", tmp_path / "bundle", "--json", "-") == 0
    printed = json.loads(capsys.readouterr().out)
    assert {**printed, "took_s": 0} == {**found, "took_s": 0}
    assert records(station, "rejudge", "--bundle", tmp_path / "bundle", "--last", 3) == 0
    shown = capsys.readouterr().out
    assert "3 from: map" in shown
    assert "0 would change" in shown


def test_rejudging_that_fails_half_way_leaves_no_half_file(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> object:
        yield Judged(sequence=1, used=Used.MAP, outcome_before="OK", margin_before=0.5, outcome_after="NG",
                     margin_after=1.5, label_after=None)  # fmt: skip
        raise RecordError("the disk is gone")

    monkeypatch.setattr(Rejudge, "parts", broken)
    assert records(recorded, "rejudge", "--bundle", "demo", "--json", tmp_path / "out.json") == 1
    assert "the disk is gone" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "station.yaml"]


def test_audit_log_is_checked(station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with PageStore(tmp_path / "data") as store:
        assert records(station, "check-audit") == 0
        newest = [store.log(wall_ns=BEGAN_NS, who="sato", what=what) for what in "abc"][-1]
    assert records(station, "check-audit") == 0
    shown = capsys.readouterr().out
    assert "whole and empty" in shown
    assert f"3 entries, the newest with the digest {newest.digest}" in shown
    database = sqlite3.connect(tmp_path / "data" / PAGE_FILE)
    database.execute("UPDATE audit SET new = 'x' WHERE number = 2")
    database.commit()
    database.close()
    assert records(station, "check-audit") == 1
    assert "the audit log was tampered with: entry 2" in capsys.readouterr().err
