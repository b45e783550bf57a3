"""Records: every part kept, or the station is not READY and says why. Real SQLite, and a disk that is really full."""

import multiprocessing
import os
import resource
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge import database, picture_store, quotas, record_writer, recorder
from edge.data_folder import LAST_INSTANT
from edge.database import check_database, open_to_read
from edge.drivers.simulated import SimulatedClock
from edge.errors import RecordError
from edge.picture_policy import Pictures, Quota
from edge.record import Imaging, Record
from edge.recorder import Recorder
from edge.verdict import Reason, fault
from tests.small_disks import small_disk
from tests.stations import MODEL, until, verdict

PIXELS = np.random.default_rng(3).integers(0, 255, (96, 104, 3), dtype=np.uint8)
CELLS = np.arange(36 * 39).astype(np.uint8).reshape(36, 39)


IMAGING = Imaging(
    light_gain=0.98, sharpness=120.5, shift_x_percent=0.5, shift_y_percent=-0.25, rotation_degrees=1.5, fit=0.99
)
EVERYTHING = """
    parts LEFT JOIN models ON models.number = parts.model LEFT JOIN maps USING (sequence)
    LEFT JOIN working_pictures USING (sequence) LEFT JOIN pictures USING (sequence)
"""


def part(sequence: int, *, pixels: np.ndarray | None = PIXELS) -> Record:
    return Record(
        sequence=sequence,
        verdict=verdict("NG"),
        triggered_ns=10**9,
        wall_ns=1_800_000_000 * 10**9,
        exposed_ns=10**9 + 1,
        judged_ns=10**9 + 2,
        output_ns=10**9 + 3,
        stages_ms=(("capture", 1.5), ("map", 4.0)),
        source=f"part {sequence}",
        model=replace(MODEL, map_sha256="cd" * 32, calibrated_limit=0.9),
        imaging=IMAGING,
        cell_map=CELLS,
        working=pixels,
        frame=pixels,
    )


def ng_quota(size: int) -> Pictures:
    """So many bytes for pictures of NG parts, and no limits but that."""
    ample = Quota(mb=100, days=36_500, free_mb=0)
    ng = Quota(mb=size / 1e6, days=36_500, free_mb=0)
    return Pictures(ng=ng, fault=ample, borderline=ample, ok=ample, working=ample)


@contextmanager
def recording(folder: Path, **options: Any) -> Iterator[Recorder]:
    kept = Recorder(folder, clock=SimulatedClock(), **options)
    try:
        yield kept
    finally:
        kept.close()


def record_parts(kept: Recorder, *sequences: int) -> None:
    for sequence in sequences:
        kept.begin(sequence)
        kept.put(part(sequence))
        assert kept.wait_until_kept(timeout_ms=10_000)


def rows(folder: Path, columns: str = "*") -> list[sqlite3.Row]:
    connection = open_to_read(folder)
    try:
        return connection.execute(f"SELECT {columns} FROM {EVERYTHING} ORDER BY sequence").fetchall()
    finally:
        connection.close()


def test_everything_of_a_part_comes_back(tmp_path: Path) -> None:
    with recording(tmp_path) as kept:
        record_parts(kept, 1)
    (row,) = rows(tmp_path)
    assert (row["outcome"], row["reason"], row["nearest_label"]) == ("NG", "too far from good", "bent_42")
    assert (row["distance"], row["distance_limit"], row["cell_row"], row["cell_column"]) == (3.0, 1.0, 5, 7)
    assert (row["product"], row["serial"], row["sha256"]) == ("test", 3, "ab" * 32)
    assert (row["map_sha256"], row["calibrated_limit"], row["margin"]) == ("cd" * 32, 0.9, 3.0)
    assert (row["light_gain"], row["sharpness"], row["fit"]) == (0.98, 120.5, 0.99)
    assert (row["shift_x_percent"], row["shift_y_percent"], row["rotation_degrees"]) == (0.5, -0.25, 1.5)
    assert row["stages_ms"] == '{"capture": 1.5, "map": 4.0}'
    stored = np.frombuffer(row["levels"], np.uint8).reshape(row["map_rows"], row["map_columns"])
    np.testing.assert_array_equal(stored, CELLS)
    content = (tmp_path / row["path"]).read_bytes()
    assert (len(content), row["class"]) == (row["bytes"], "ng")
    for jpeg in (content, row["jpeg"]):
        assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == PIXELS.shape


def test_database_is_durable_and_says_its_version(tmp_path: Path) -> None:
    with recording(tmp_path) as kept:
        assert kept._writer._open.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert kept._writer._open.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert kept._writer._open.execute("PRAGMA user_version").fetchone()[0] == database.VERSION


def test_numbers_go_on_after_a_restart_without_a_gap(tmp_path: Path) -> None:
    with recording(tmp_path) as kept:
        record_parts(kept, 1, 2)
    with recording(tmp_path) as kept:
        assert kept.next_sequence == 3
        assert kept.notices == ()


def test_same_sequence_again_replaces_the_row(tmp_path: Path) -> None:
    with recording(tmp_path) as kept:
        record_parts(kept, 1)
        kept.put(replace(part(1), verdict=fault(Reason.LATE, "and this is known by now"), is_late=True))
    (row,) = rows(tmp_path)
    assert (row["outcome"], row["is_late"], row["detail"]) == ("FAULT", 1, "and this is known by now")


def in_a_process_that_is_killed(step: Callable[[Path], None], folder: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=step, args=(folder,))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def _record_and_die(folder: Path) -> None:
    kept = Recorder(folder, clock=SimulatedClock())
    record_parts(kept, 1, 2, 3)
    kept.begin(4)
    until(lambda: kept._begun_on_disk == 4)
    os.kill(os.getpid(), signal.SIGKILL)


def test_part_in_flight_when_the_power_went_is_reported_once(tmp_path: Path) -> None:
    in_a_process_that_is_killed(_record_and_die, tmp_path)
    with recording(tmp_path) as kept:
        assert kept.notices == ("part 4 was begun and never recorded: the power was cut, or the station was killed",)
        assert kept.next_sequence == 5
    assert check_database(tmp_path) == 3
    with recording(tmp_path) as kept:
        assert kept.notices == ()
        record_parts(kept, 5)
    assert [row["sequence"] for row in rows(tmp_path)] == [1, 2, 3, 5]


def _die_before_a_number_is_written(folder: Path) -> None:
    kept = Recorder(folder, clock=SimulatedClock())
    record_parts(kept, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def test_core_that_did_not_end_in_order_is_told_once_though_no_number_is_missing(tmp_path: Path) -> None:
    in_a_process_that_is_killed(_die_before_a_number_is_written, tmp_path)
    with recording(tmp_path) as kept:
        assert kept.notices == (LAST_INSTANT,)
        assert kept.next_sequence == 2
        record_parts(kept, 2)
    with recording(tmp_path) as kept:
        assert kept.notices == ()


def test_half_and_orphaned_pictures_are_swept_at_the_start(tmp_path: Path) -> None:
    with recording(tmp_path) as kept:
        record_parts(kept, 1)
    folder = tmp_path / "pictures" / "000000"
    (folder / "000000002.unfinished").write_bytes(b"half")
    (folder / "000000002.jpg").write_bytes(b"no row")
    with recording(tmp_path):
        assert [path.name for path in folder.iterdir()] == ["000000001.jpg"]


@pytest.mark.parametrize("damage", [b"this is no database at all" * 50, None], ids=["text", "flipped page"])
def test_damaged_database_is_set_aside_and_said(tmp_path: Path, damage: bytes | None) -> None:
    with recording(tmp_path) as kept:
        record_parts(kept, *range(1, 30))
    path = tmp_path / database.FILE_NAME
    raw = bytearray(path.read_bytes())
    raw[5000:9000] = bytes(4000)
    path.write_bytes(damage or bytes(raw))
    with recording(tmp_path) as kept:
        (notice,) = kept.notices
        assert "records.sqlite.damaged-1; a new one was begun" in notice
        assert kept.next_sequence == 30
        record_parts(kept, 30)
    assert (tmp_path / "records.sqlite.damaged-1").is_file()
    assert (tmp_path / "pictures" / "000000" / "000000001.jpg").is_file()
    assert [row["sequence"] for row in rows(tmp_path)] == [30]


def damage_under(folder: Path) -> None:
    """What a dying SD card does to the file that a running recorder has open."""
    path = folder / database.FILE_NAME
    other = sqlite3.connect(path)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # so that pages are read from the file again
    other.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def test_database_that_is_damaged_while_it_runs_is_set_aside_and_nothing_that_waits_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.02)
    with recording(tmp_path) as kept:
        record_parts(kept, *range(1, 30))
        damage_under(tmp_path)
        record_parts(kept, 30, 31)
        assert kept.trouble is None
        assert [notice[:25] for notice in kept.notices] == ["the database was damaged "]
        assert kept.next_sequence == 32
    assert [row["sequence"] for row in rows(tmp_path)] == [30, 31]
    assert (tmp_path / "records.sqlite.damaged-1").is_file()
    assert (tmp_path / "pictures" / "000000" / "000000001.jpg").is_file()


def test_damaged_database_that_cannot_be_set_aside_is_trouble_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.02)

    def refused(folder: Path) -> None:
        raise RecordError("read-only file system")

    with recording(tmp_path) as kept:
        record_parts(kept, *range(1, 30))
        with monkeypatch.context() as stuck:
            stuck.setattr(recorder, "open_records", refused)
            damage_under(tmp_path)
            kept.begin(30)
            kept.put(part(30))
            until(lambda: kept.trouble)
            assert not kept.wait_until_kept(timeout_ms=200)
        assert kept.wait_until_kept(timeout_ms=10_000)
    assert [row["sequence"] for row in rows(tmp_path)] == [30]


def test_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with recording(tmp_path) as kept:
        kept._writer._open.execute("PRAGMA user_version = 99")
    with pytest.raises(RecordError, match="newer version"):
        Recorder(tmp_path, clock=SimulatedClock())
    with pytest.raises(RecordError, match="newer version"):
        check_database(tmp_path)


def test_two_stations_cannot_share_a_folder(tmp_path: Path) -> None:
    with recording(tmp_path), pytest.raises(RecordError, match="another station keeps its records here"):
        Recorder(tmp_path, clock=SimulatedClock())


def test_database_that_somebody_else_locks_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    with recording(tmp_path) as kept:
        record_parts(kept, 1)
    holder = sqlite3.connect(tmp_path / database.FILE_NAME, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RecordError, match="records cannot be kept here: database is locked"):
        Recorder(tmp_path, clock=SimulatedClock())
    holder.close()
    with recording(tmp_path) as kept:
        assert kept.next_sequence == 2


def test_database_that_somebody_else_locks_for_a_while_is_trouble_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr(recorder, "RETRY_S", 0.02)
    with recording(tmp_path) as kept:
        record_parts(kept, 1)
        holder = sqlite3.connect(tmp_path / database.FILE_NAME, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        kept.begin(2)
        kept.put(part(2))
        until(lambda: kept.trouble)
        assert "database is locked" in str(kept.trouble)
        holder.close()
        assert kept.wait_until_kept(timeout_ms=10_000)
    assert [row["sequence"] for row in rows(tmp_path)] == [1, 2]


def test_recorder_whose_writer_is_gone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(tmp_path) as kept:
        with monkeypatch.context() as gone:
            gone.setattr(kept, "_thread", threading.Thread())
            assert kept.trouble == "nobody writes the records any more; restart the station"
        assert kept.trouble is None


def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(RecordError, match="cannot be used for records"):
        Recorder(tmp_path / "data", clock=SimulatedClock())


def test_oldest_pictures_go_beyond_the_quota_and_rows_stay(tmp_path: Path) -> None:
    size = len(picture_store.jpeg_of(PIXELS, quality=picture_store.JPEG_QUALITY))
    with recording(tmp_path, pictures=ng_quota(3 * size + 10)) as kept:
        record_parts(kept, *range(1, 8))
    assert [row["path"] is not None for row in rows(tmp_path)] == [False] * 4 + [True] * 3
    assert len(list((tmp_path / "pictures").rglob("*.jpg"))) == 3


def test_quota_counts_what_an_earlier_run_kept(tmp_path: Path) -> None:
    size = len(picture_store.jpeg_of(PIXELS, quality=picture_store.JPEG_QUALITY))
    with recording(tmp_path) as kept:
        record_parts(kept, 1, 2, 3)
    with recording(tmp_path, pictures=ng_quota(2 * size)) as kept:
        record_parts(kept, 4)
    assert len(list((tmp_path / "pictures").rglob("*.jpg"))) == 2


def test_old_pictures_that_cannot_be_removed_are_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.02)
    whole = quotas.remove_picture

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with recording(tmp_path, pictures=ng_quota(10)) as kept:
        monkeypatch.setattr(quotas, "remove_picture", refused)
        kept.put(part(1))
        until(lambda: kept.trouble)
        assert "old pictures cannot be removed" in str(kept.trouble)
        assert not kept.wait_until_kept(timeout_ms=10)
        monkeypatch.setattr(quotas, "remove_picture", whole)
        assert kept.wait_until_kept(timeout_ms=10_000)
    assert len(rows(tmp_path)) == 1


def test_picture_is_on_the_disk_before_its_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, bool]] = []
    whole, target = os.fsync, tmp_path / picture_store.relative_path(1)

    def watched(descriptor: int) -> None:
        whole(descriptor)
        synced.append((os.fstat(descriptor).st_size, target.exists()))

    monkeypatch.setattr(os, "fsync", watched)
    _, size = picture_store.write_picture(tmp_path, 1, PIXELS)
    assert (size, False) in synced
    assert synced[-1][1]


def test_part_without_a_picture_is_kept(tmp_path: Path) -> None:
    with recording(tmp_path) as kept:
        kept.put(replace(part(1, pixels=None), verdict=fault(Reason.CAPTURE_FAILED), cell_map=None))
    (row,) = rows(tmp_path, "path, jpeg, levels, distance")
    assert tuple(row) == (None, None, None, None)


def test_failed_write_is_trouble_and_is_tried_again_until_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.02)
    whole = record_writer.write_picture

    def full(*_: object) -> tuple[str, int]:
        raise OSError(28, "No space left on device")

    with recording(tmp_path) as kept:
        monkeypatch.setattr(record_writer, "write_picture", full)
        kept.put(part(1))
        until(lambda: kept.trouble)
        assert kept.trouble == "part 1 cannot be recorded: [Errno 28] No space left on device"
        assert not kept.wait_until_kept(timeout_ms=30)
        monkeypatch.setattr(record_writer, "write_picture", whole)
        assert kept.wait_until_kept(timeout_ms=10_000)
        assert kept.trouble is None
    assert [row["sequence"] for row in rows(tmp_path)] == [1]


def test_full_queue_loses_records_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.02)
    monkeypatch.setattr(recorder, "QUEUE_LIMIT", 3)
    whole = record_writer.insert

    def refused(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    with recording(tmp_path) as kept:
        monkeypatch.setattr(record_writer, "insert", refused)
        for sequence in range(1, 6):
            kept.put(part(sequence))
        until(lambda: kept.trouble)
        monkeypatch.setattr(record_writer, "insert", whole)
        assert kept.wait_until_kept(timeout_ms=10_000)
        until(lambda: not kept._lost)
    connection = open_to_read(tmp_path)
    (event,) = connection.execute("SELECT detail FROM events WHERE kind = 'lost'").fetchone()
    connection.close()
    assert event == "parts 4 to 5: 2 records were lost"


def test_closing_with_records_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> tuple[str, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record_writer, "write_picture", full)
    kept = Recorder(tmp_path, clock=SimulatedClock())
    kept.put(part(1))
    with pytest.raises(RecordError, match="1 records are not kept: part 1 cannot be recorded"):
        kept.close()


def test_really_full_disk_takes_ready_away_and_nothing_is_lost_when_room_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.05)
    with small_disk(tmp_path, megabytes=2) as disk:
        ballast = disk / "ballast"
        with recording(disk) as kept:
            record_parts(kept, 1)
            with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            sequence = 1
            while kept.trouble is None:
                sequence += 1
                kept.begin(sequence)
                kept.put(part(sequence))
                kept.wait_until_kept(timeout_ms=200)
            assert "cannot be recorded" in str(kept.trouble)
            assert not kept.wait_until_kept(timeout_ms=20)
            ballast.unlink()
            assert kept.wait_until_kept(timeout_ms=10_000)
        assert [row["sequence"] for row in rows(disk)] == list(range(1, sequence + 1))


def _meet_a_size_limit(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with recording(folder) as kept:
        record_parts(kept, 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
        kept.put(part(2))
        until(lambda: kept.trouble)
        is_said = "part 2 cannot be recorded" in str(kept.trouble) and not kept.wait_until_kept(timeout_ms=20)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        is_kept = kept.wait_until_kept(timeout_ms=10_000)
    os._exit(0 if is_said and is_kept else 1)


def test_file_size_limit_is_trouble_until_it_is_lifted(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_meet_a_size_limit, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert [row["sequence"] for row in rows(tmp_path)] == [1, 2]


def test_reader_without_records_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no station has kept records here yet"):
        open_to_read(tmp_path)
    assert check_database(tmp_path) == 0
