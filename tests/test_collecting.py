"""What people corrected on a station becomes a data set that nobody changes, and a new model is asked about it."""

import hashlib
import io
import sqlite3
import stat
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.commands.collecting import send
from edge.commands.managing import switch
from edge.config import StationConfig, load_config
from edge.corrections import Judgement, PartName, correct
from edge.inspection import Inspection, StageTimes
from edge.model_switch import ModelWish
from edge.page_store import PageStore
from edge.pictures import read_picture
from tests.sealing import needs_root, sealed
from tests.small_model import Small, small_frame
from tests.ssh import needs_sshd, sshd
from tests.stationed import station_in
from tests.stations import until, verdict
from tests.test_model_switch import rows
from tests.test_model_trial import run_parts
from tests.test_receive import take
from tests.test_set_up import running
from training.__main__ import main
from training.collecting import ABOUT, Corrected, corrected_in, picture_of, unpack_into, version_of
from training.commands.corrected import hidden_by, line_of
from training.dataset import open_dataset
from training.errors import DataSetError

ROOT = Path(__file__).parents[1]
PARTS = 8


@pytest.fixture
def config(tmp_path: Path, small_model: Small) -> StationConfig:
    """A station that has judged eight parts, every fourth defective, and keeps all whole pictures."""
    station_in(tmp_path, small_model)
    path = tmp_path / "station.yaml"
    path.write_text(path.read_text() + "records: {pictures: {ok_every: 1}}\n")
    config = load_config(path)
    take(config, sealed(small_model.raw))
    with running(config) as appliance:
        switch(config, ModelWish(do="activate", serial=7))
        run_parts(config, PARTS)
        until(lambda: appliance.recorder.wait_until_kept(timeout_ms=100))
    return config


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The data set that the model was taught, in the simple layout."""
    for label, numbers in (("good", range(30, 42)), ("bent", range(50, 52))):
        (tmp_path / "before" / label).mkdir(parents=True)
        for number in numbers:
            cv2.imwrite(str(tmp_path / "before" / label / f"{number}.png"), small_frame(number).pixels)
    return tmp_path / "before"


def say(config: StationConfig, what: dict[int, Judgement]) -> None:
    with closing(sqlite3.connect(Path(config.data) / "records.sqlite")) as database:
        found = dict(database.execute("SELECT sequence, triggered_ns FROM parts").fetchall())
    with PageStore(Path(config.data)) as store:
        for sequence, judgement in what.items():
            part = PartName(sequence=sequence, triggered_ns=found[sequence], boot_id="b", model_sha256="", outcome="OK")
            correct(store, part, judgement, who="eva", wall_ns=1)


def judged(config: StationConfig, outcome: str) -> list[int]:
    return [row[0] for row in rows(config) if row[1] == outcome]


def sent_by(config: StationConfig) -> bytes:
    out = io.BytesIO()
    send(config, first=1, last=10**6, out=out)
    return out.getvalue()


def unpacked(raw: bytes, folder: Path) -> Path:
    folder.mkdir()
    unpack_into(io.BytesIO(raw), folder)
    return folder


@needs_root
def test_corrections_become_a_data_set_that_nobody_changes(config: StationConfig, before: Path, tmp_path: Path) -> None:
    ok, ng = judged(config, "OK"), judged(config, "NG")
    say(config, {ok[0]: Judgement.BAD, ok[1]: Judgement.GOOD, ng[0]: Judgement.GOOD, ok[2]: Judgement.UNCERTAIN})
    sent = unpacked(sent_by(config), tmp_path / "arrived")
    collected = unpack_into(io.BytesIO(sent_by(config)), sent)
    version = version_of(collected, sent, onto=before, out=tmp_path / "versions")
    assert (version.is_new, version.added, version.unusable) == (True, {"good": 2, "missed": 1}, ())
    old, new = open_dataset(before), open_dataset(version.folder)
    assert len(new.train) == len(old.train) + 3
    assert [sample.part for sample in new.test] == [sample.part for sample in old.test]
    missed = new.train_of("missed")[0]
    frame = read_picture(missed.path)
    assert frame.pixels.shape == small_frame(0).pixels.shape
    assert not any(path.stat().st_mode & stat.S_IWUSR for path in version.folder.rglob("*") if path.is_file())
    assert (version.folder / "parts.csv").read_text().count("\n") == len(rows(config)) + 1
    again = version_of(collected, sent, onto=before, out=tmp_path / "versions")
    assert (again.folder, again.is_new) == (version.folder, False)
    say(config, {ok[0]: Judgement.GOOD})  # a later word moves the picture
    last = unpack_into(io.BytesIO(sent_by(config)), sent)
    third = version_of(last, sent, onto=version.folder, out=tmp_path / "versions")
    assert third.folder != version.folder
    assert open_dataset(third.folder).labels == old.labels
    assert len(list((tmp_path / "versions").iterdir())) == 2


@needs_root
def test_a_part_whose_picture_is_gone_is_told(config: StationConfig, before: Path, tmp_path: Path) -> None:
    ok = judged(config, "OK")
    say(config, {ok[0]: Judgement.BAD, ok[1]: Judgement.BAD})
    next((Path(config.data) / "pictures").rglob(f"{ok[0]:09d}.jpg")).unlink()
    sent = unpacked(sent_by(config), tmp_path / "arrived")
    (sent / f"{ok[1]}.jpg").write_bytes(b"no picture")
    version = version_of(
        unpack_into(io.BytesIO(sent_by(config)), tmp_path / "arrived"), sent, onto=before, out=tmp_path
    )
    assert version.unusable == (ok[0],)
    (sent / f"{ok[1]}.jpg").write_bytes(cv2.imencode(".jpg", np.zeros((50, 50, 3), np.uint8))[1].tobytes())
    collected = corrected_in(version.folder)
    other = version_of(collected, sent, onto=before, out=tmp_path / "other")
    assert other.unusable == (ok[0], ok[1])  # of another camera


def tar_of(**members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def link() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("model")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    return out.getvalue()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "damaged or cut off"),
        (b"Traceback", "damaged or cut off"),
        (tar_of(**{"../x": b"1"}), "does not belong there"),
        (tar_of(**{"pictures/../../x.jpg": b"1"}), "does not belong there"),
        (tar_of(**{"/etc/x": b"1"}), "does not belong there"),
        (link(), "does not belong there"),
        (tar_of(model=b"1"), "damaged or cut off"),
        (tar_of(**{ABOUT: b"{}"}), "damaged or cut off"),
        (tar_of(**{ABOUT: b'{"station": "../x", "first": 1, "last": 2, "corrected": []}'}), "damaged or cut off"),
    ],
)
def test_what_no_station_sends_is_refused(raw: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "arrived").mkdir()
    with pytest.raises(DataSetError, match=words):
        unpack_into(io.BytesIO(raw), tmp_path / "arrived")
    assert {path.name for path in tmp_path.rglob("*")} <= {"arrived", "model", ABOUT}


def part(correction: str, *, outcome: str = "OK", label: str | None = "bent_42") -> Corrected:
    return Corrected(
        sequence=1, triggered_ns=1, outcome=outcome, reason="", margin=0.5, nearest_label=label, model_serial=1,
        model_sha256="", correction=correction, corrected_by="eva", correction_note="", picture="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (part("good", outcome="NG"), "good"),
        (part("bad"), "missed"),
        (part("bad", outcome="NG"), "bent_42"),
        (part("bad", outcome="NG", label="../x"), "missed"),
        (part("bad", outcome="NG", label=None), "missed"),
    ],
)
def test_a_part_is_filed_under_what_is_known_of_it(given: Corrected, label: str) -> None:
    assert given.label == label


def seen(outcome: str, *, strongest: int) -> Inspection:
    cell_map = np.full((36, 39), 40, np.uint8)
    cell_map[3, 4] = strongest
    return Inspection(verdict=verdict(outcome), times=StageTimes(), cell_map=cell_map)


def test_a_missed_defect_is_hidden_by_the_map_or_by_what_comes_after_it() -> None:
    assert "the map does not see it (strongest cell 2.6 deviations" in hidden_by(seen("OK", strongest=80))
    assert "the map sees it (1 cells beyond 5 deviations), embedding or limit hide it at 0.50" in hidden_by(
        seen("OK", strongest=200)
    )
    line = line_of(part("bad"), seen("OK", strongest=80))
    assert (line.was_right, line.is_right) == (False, False)
    assert line_of(part("bad"), seen("NG", strongest=200)).words == "OK before, NG now: right"
    assert line_of(part("good", outcome="NG"), seen("FAULT", strongest=40)).is_right is False
    assert line_of(part("bad"), None).is_right is None


@needs_sshd
@needs_root
def test_collected_over_ssh_and_asked_of_a_model(
    config: StationConfig, before: Path, tmp_path: Path, small_model: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    ok, ng = judged(config, "OK"), judged(config, "NG")
    say(config, {ok[0]: Judgement.BAD, ng[0]: Judgement.BAD})
    remote = f"cd {ROOT} && {sys.executable} -m edge"
    with sshd(tmp_path / "ssh") as (_, server):
        way = ["--ssh", server, "--remote", remote, "--station", str(tmp_path / "station.yaml")]
        command = ["collect", "127.0.0.1", str(tmp_path / "versions"), "--onto", str(before)]
        assert main([*command, *way]) == 0
        assert main([*command, *way[:-1], str(tmp_path / "none.yaml")]) == 1
    told = capsys.readouterr()
    assert "2 corrected parts" in told.out
    assert "1 added to missed" in told.out
    assert "cannot be read" in told.err
    folder = next((tmp_path / "versions").iterdir())
    collected = corrected_in(folder)
    assert all(picture_of(folder, collected.station, one) for one in collected.corrected)
    model = tmp_path / "model"
    model.write_bytes(small_model.raw)
    assert main(["corrected", str(model), str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "OK before, OK now: WRONG; the map" in lines[0] or "OK before, OK now: WRONG; the map" in lines[1]
    assert any("NG before, NG now: right" in line for line in lines)
    assert lines[-2] == "right before: 1 of 2, right now: 1 of 2"
    assert main(["corrected", str(model), str(before)]) == 1
    assert hashlib.sha256(model.read_bytes()).hexdigest() == small_model.bundle.sha256
