"""Which pictures are kept, and which go when there are too many, too old ones, or too little room."""

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge import quotas
from edge.database import FILE_NAME, reading
from edge.drivers.simulated import SimulatedClock
from edge.picture_policy import PictureClass, Pictures, Quota, class_of
from edge.picture_store import JPEG_QUALITY, WORKING_QUALITY, jpeg_of
from edge.record import Record
from edge.recorder import Recorder
from edge.verdict import Outcome, Reason, Verdict, fault
from tests.stations import until
from tests.test_recorder import PIXELS, part, recording

AMPLE = Quota(mb=100, days=36_500, free_mb=0)
POLICY = Pictures(ok_every=10, borderline_from=0.9, ng=AMPLE, fault=AMPLE, borderline=AMPLE, ok=AMPLE, working=AMPLE)
SMALL = np.ascontiguousarray(PIXELS[::2, ::2])
WORKING_BYTES = len(jpeg_of(SMALL, quality=WORKING_QUALITY))
WHOLE_BYTES = len(jpeg_of(PIXELS, quality=JPEG_QUALITY))


def judged(distance: float) -> Verdict:
    is_ok = distance <= 1
    return Verdict(
        outcome=Outcome("OK" if is_ok else "NG"),
        reason=Reason.WITHIN_LIMIT if is_ok else Reason.TOO_FAR,
        distance=distance,
        limit=1.0,
    )


VERDICTS = {"ok": judged(0.5), "borderline": judged(0.95), "ng": judged(2.0), "fault": fault(Reason.BLURRED)}


def record(sequence: int, verdict: Verdict, *, wall_ns: int | None = None) -> Record:
    found = replace(part(sequence), verdict=verdict, working=SMALL, frame=PIXELS)
    return found if wall_ns is None else replace(found, wall_ns=wall_ns)


def keep(kept: Recorder, *records: Record) -> None:
    for one in records:
        kept.begin(one.sequence)
        kept.put(one)
        assert kept.wait_until_kept(timeout_ms=10_000)


def kept_in(folder: Path) -> tuple[dict[str, list[int]], list[int]]:
    """Numbers of the whole pictures by class, and of the working pictures; both as the sums of `kept` say."""
    with reading(folder) as connection:
        rows = connection.execute("SELECT class, sequence, path, bytes FROM pictures ORDER BY sequence").fetchall()
        working = [row[0] for row in connection.execute("SELECT sequence FROM working_pictures ORDER BY sequence")]
        sums = {row[0]: (row[1], row[2]) for row in connection.execute("SELECT class, number, bytes FROM kept")}
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*.jpg")}
    assert {row["path"]: row["bytes"] for row in rows} == files
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["class"], []).append(row["sequence"])
    for name, numbers in found.items():
        assert sums[name] == (len(numbers), len(numbers) * WHOLE_BYTES)
    assert sums.get("working", (0, 0)) == (len(working), len(working) * WORKING_BYTES)
    return found, working


def test_everything_not_good_is_kept_and_of_good_parts_the_borderline_and_a_sample() -> None:
    expected = {"ok": None, "borderline": PictureClass.BORDERLINE, "ng": PictureClass.NG, "fault": PictureClass.FAULT}
    assert {name: class_of(verdict, 7, POLICY) for name, verdict in VERDICTS.items()} == expected
    sampled = [number for number in range(1, 101) if class_of(VERDICTS["ok"], number, POLICY)]
    assert sampled == list(range(10, 101, 10))
    assert class_of(VERDICTS["ok"], 10, POLICY.model_copy(update={"ok_every": 0})) is None
    assert class_of(judged(0.9), 7, POLICY) is PictureClass.BORDERLINE
    none = POLICY.model_copy(update={"fault": Quota(mb=0, days=1, free_mb=0)})
    assert class_of(VERDICTS["fault"], 7, none) is None


def test_each_part_has_its_working_picture_and_those_of_a_class_the_whole_one(tmp_path: Path) -> None:
    names = ["ok", "ng", "borderline", "fault", "ok", "ng"]
    with recording(tmp_path, pictures=POLICY) as kept:
        keep(kept, *(record(number, VERDICTS[name]) for number, name in enumerate(names, start=1)))
        keep(kept, record(10, VERDICTS["ok"]))
    whole, working = kept_in(tmp_path)
    assert whole == {"ng": [2, 6], "borderline": [3], "fault": [4], "ok": [10]}
    assert working == [1, 2, 3, 4, 5, 6, 10]


def test_working_pictures_can_be_left_out(tmp_path: Path) -> None:
    none = POLICY.model_copy(update={"working": Quota(mb=0, days=1, free_mb=0)})
    with recording(tmp_path, pictures=none) as kept:
        keep(kept, record(1, VERDICTS["ng"]))
    assert kept_in(tmp_path) == ({"ng": [1]}, [])


@pytest.mark.parametrize("name", ["ng", "fault", "borderline", "working"])
def test_one_class_beyond_its_bytes_loses_its_own_oldest_only(tmp_path: Path, name: str) -> None:
    size = WORKING_BYTES if name == "working" else WHOLE_BYTES
    policy = POLICY.model_copy(update={name: Quota(mb=3 * size / 1e6, days=36_500, free_mb=0)})
    cycle = ("ng", "fault", "borderline")
    with recording(tmp_path, pictures=policy) as kept:
        keep(kept, *(record(number, VERDICTS[cycle[number % 3]]) for number in range(1, 16)))
    whole, working = kept_in(tmp_path)
    assert len(working) == (3 if name == "working" else 15)
    assert {one: len(numbers) for one, numbers in whole.items()} == {one: 3 if one == name else 5 for one in cycle}
    assert (working if name == "working" else whole[name])[-1] >= 13


def test_pictures_beyond_their_age_go_and_rows_and_maps_stay(tmp_path: Path) -> None:
    clock = SimulatedClock()
    policy = POLICY.model_copy(update={"ng": Quota(mb=100, days=30, free_mb=0),
                                       "working": Quota(mb=100, days=10, free_mb=0)})  # fmt: skip
    with Recorder(tmp_path, clock=clock, pictures=policy) as kept:
        for number in range(1, 6):
            keep(kept, record(number, VERDICTS["ng"], wall_ns=clock.wall_ns()))
            clock.advance(ms=10 * 86_400_000)
        keep(kept, record(6, VERDICTS["ng"], wall_ns=clock.wall_ns()))
        until(lambda: len(kept_in(tmp_path)[1]) == 2)
    whole, working = kept_in(tmp_path)
    assert (whole["ng"], working) == ([3, 4, 5, 6], [5, 6])
    with reading(tmp_path) as connection:
        assert connection.execute("SELECT count(*) FROM parts JOIN maps USING (sequence)").fetchone()[0] == 6


def test_little_room_takes_the_classes_that_may_only_be_kept_with_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    free_mb = [10_000.0]
    monkeypatch.setattr(quotas.shutil, "disk_usage", lambda _: usage(0, 0, int(free_mb[0] * 1e6)))
    policy = Pictures(
        ok_every=1,
        borderline_from=0.9,
        **{name: Quota(mb=100, days=36_500, free_mb=limit) for name, limit in
           (("ng", 100), ("fault", 200), ("borderline", 300), ("ok", 400), ("working", 350))},  # type: ignore[arg-type]
    )  # fmt: skip
    with recording(tmp_path, pictures=policy) as kept:
        for number, name in enumerate(["ok", "ng", "borderline", "fault"] * 3, start=1):
            keep(kept, record(number, VERDICTS[name]))
        assert set(kept_in(tmp_path)[0]) == {"ok", "ng", "borderline", "fault"}
        for free, left in ((390, {"ng", "fault", "borderline"}), (210, {"ng", "fault"}), (110, {"ng"}), (90, set())):
            free_mb[0] = free
            until(lambda left=left: classes_in(tmp_path) == left)  # type: ignore[misc]
            assert set(kept_in(tmp_path)[0]) == left
        until(lambda: kept_in(tmp_path)[1] == [])
        assert kept.trouble is None


def test_room_that_working_pictures_leave_is_given_back_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    free = [10**12]
    monkeypatch.setattr(quotas.shutil, "disk_usage", lambda _: usage(0, 0, free[0]))
    policy = POLICY.model_copy(update={"working": Quota(mb=100, days=36_500, free_mb=100)})
    noise = np.random.default_rng(0).integers(0, 255, (288, 312, 3), dtype=np.uint8)
    with recording(tmp_path, pictures=policy) as kept:
        for number in range(1, 40):
            keep(kept, replace(record(number, VERDICTS["ok"]), working=noise, frame=None))
    before = (tmp_path / FILE_NAME).stat().st_size
    free[0] = 0
    with recording(tmp_path, pictures=policy):
        until(lambda: kept_in_count(tmp_path) == 0)
    assert (tmp_path / FILE_NAME).stat().st_size < before / 3


def classes_in(folder: Path) -> set[str]:
    with reading(folder) as connection:
        return {row[0] for row in connection.execute("SELECT DISTINCT class FROM pictures")}


def kept_in_count(folder: Path) -> int:
    with reading(folder) as connection:
        return int(connection.execute("SELECT count(*) FROM working_pictures").fetchone()[0])


def test_nothing_is_removed_because_a_database_looks_empty(tmp_path: Path) -> None:
    with recording(tmp_path, pictures=POLICY) as kept:
        keep(kept, *(record(number, VERDICTS["ng"]) for number in range(1, 6)))
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        path.unlink()
    with recording(tmp_path, pictures=POLICY) as kept:
        keep(kept, record(9, VERDICTS["ng"]))
    assert len(list((tmp_path / "pictures").rglob("*.jpg"))) == 6


def test_late_part_keeps_its_pictures_once(tmp_path: Path) -> None:
    with recording(tmp_path, pictures=POLICY) as kept:
        first = replace(record(1, fault(Reason.LATE)), working=None, frame=None, cell_map=None)
        keep(kept, first, record(1, fault(Reason.LATE)), record(1, fault(Reason.LATE)))
    assert kept_in(tmp_path) == ({"fault": [1]}, [1])


def test_whole_pictures_that_nobody_keeps_are_let_go_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand of them in the queue would fill the memory."""
    with recording(tmp_path, pictures=POLICY) as kept:
        monkeypatch.setattr(kept, "_write", lambda *_: "the disk hangs")
        kept.put(record(1, VERDICTS["ok"]))
        kept.put(record(2, VERDICTS["ng"]))
        assert [waiting.frame is None for waiting in kept._queue] == [True, False]
        monkeypatch.undo()
        assert kept.wait_until_kept(timeout_ms=10_000)
    assert shutil.disk_usage(tmp_path).free > 0
