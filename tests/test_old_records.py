"""Records that an older version wrote are taken over whole, or not at all."""

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from edge import schema
from edge.database import FILE_NAME, open_current, open_database, open_to_read
from edge.drivers.simulated import SimulatedClock
from edge.errors import RecordError
from edge.migrations import Step, migrate
from edge.recorder import Recorder
from edge.rollups import Rollup, add_all
from tests.test_recorder import part, record_parts

VERSION_1 = Path(__file__).parent / "old_records" / "version_1.sqlite"  # written by that version itself
KEPT = """sequence, triggered_ns, exposed_ns, judged_ns, output_ns, wall_ns, outcome, reason, detail, distance,
    distance_limit, nearest_label, cell_row, cell_column, stages_ms, source, is_late, map_rows, map_columns"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copy(VERSION_1, tmp_path / FILE_NAME)
    return tmp_path


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / FILE_NAME)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_every_value_of_version_1_is_there_after_the_migration(old: Path) -> None:
    before = rows(old, f"SELECT {KEPT}, model_sha256, model_serial, boot_id, map, picture, picture_bytes FROM parts")
    assert len(before) == 10
    open_database(old).close()
    after = rows(
        old,
        f"""SELECT {KEPT}, sha256, serial, boot_id, levels, path, bytes FROM parts JOIN boots ON boots.number = boot
        LEFT JOIN models ON models.number = model LEFT JOIN maps USING (sequence) LEFT JOIN
        (SELECT sequence, path, bytes, class FROM pictures) USING (sequence) ORDER BY sequence""",
    )
    assert [row[:-1] for row in after] == [row[:-1] for row in before]
    assert [row[-1] or 0 for row in after] == [row[-1] for row in before]
    assert rows(old, "SELECT class, number FROM kept") == [("ng", 2)]
    assert set(rows(old, "SELECT window FROM models")) == {("",)}  # all of the frame


def test_what_version_1_recorded_is_added_up(old: Path) -> None:
    open_database(old).close()
    counts = dict(rows(old, "SELECT outcome, sum(number) FROM counts WHERE level_s = 600 GROUP BY outcome"))
    assert counts == dict(rows(old, "SELECT outcome, count(*) FROM parts GROUP BY outcome"))
    (found,) = rows(old, "SELECT sum(number), sum(total), min(least), max(most) FROM measures "
                         "WHERE quantity = 'distance' AND level_s = 86400")  # fmt: skip
    (expected,) = rows(old, "SELECT count(distance), sum(distance), min(distance), max(distance) FROM parts")
    assert found == pytest.approx(expected)
    stages = [json.loads(str(row[0])) for row in rows(old, "SELECT stages_ms FROM parts")]
    (captured,) = rows(old, "SELECT sum(number), sum(total_ms) FROM stage_times WHERE stage = 'capture'")
    assert captured == pytest.approx((10, sum(stage["capture"] for stage in stages)))


def test_station_goes_on_with_the_numbers_and_tells_the_gap_of_before(old: Path) -> None:
    with Recorder(old, clock=SimulatedClock()) as kept:
        assert kept.notices == ("part 11 was begun and never recorded: the power was cut, or the station was killed",)
        assert kept.next_sequence == 12
        record_parts(kept, 12)
    connection = open_current(old)
    levels = connection.execute("SELECT levels FROM maps WHERE sequence = 12").fetchone()[0]
    connection.close()
    np.testing.assert_array_equal(np.frombuffer(levels, np.uint8), part(12).cell_map.reshape(-1))  # type: ignore[union-attr]


def test_page_says_that_old_records_wait_for_the_station(old: Path) -> None:
    open_to_read(old).close()
    with pytest.raises(RecordError, match="start the station, which brings it up to date"):
        open_current(old)


def test_migration_that_fails_leaves_the_old_records_as_they_were(old: Path) -> None:
    before = (old / FILE_NAME).read_bytes()

    def fails(connection: sqlite3.Connection) -> None:
        add_all(connection)
        raise sqlite3.OperationalError("database or disk is full")

    connection = sqlite3.connect(old / FILE_NAME, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        migrate(connection, [schema.STEPS[0], Step(script=schema.VERSION_2, then=fails)])
    connection.close()
    assert (old / FILE_NAME).read_bytes() == before
    open_database(old).close()
    assert rows(old, "SELECT count(*) FROM parts") == [(10,)]


def test_what_is_added_up_twice_and_taken_back_once_is_what_was_added_up_once(tmp_path: Path) -> None:
    with Recorder(tmp_path, clock=SimulatedClock()) as kept:
        record_parts(kept, 1, 2, 3, 2, 3, 3)
    sums = "SELECT {} FROM {} ORDER BY 1, 2, 3"
    tables = {
        "counts": "level_s, began_s, outcome, reason, number, first, last",
        "measures": "level_s, began_s, quantity, number, round(total, 6), round(squares, 6), least, most",
        "takts": "level_s, began_s, bin, number",
        "stage_times": "stage, at_most_ms, number, round(total_ms, 6)",
    }
    found = [rows(tmp_path, sums.format(columns, table)) for table, columns in tables.items()]
    connection = open_database(tmp_path)
    for table in tables:
        connection.execute(f"DELETE FROM {table}")
    Rollup().write(connection)
    add_all(connection)
    connection.close()
    assert all(found)
    assert [rows(tmp_path, sums.format(columns, table)) for table, columns in tables.items()] == found
