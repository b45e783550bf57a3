"""What is looked for is found, whatever is asked together, and nothing else; one part's story is whole."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge import history
from edge.corrections import PartName
from edge.counters import Counts, ShiftCounter, minute_of, shift_began_ns
from edge.database import reading
from edge.drivers.simulated import SimulatedClock
from edge.errors import RecordError
from edge.history import Search, labels, parts_of, search
from edge.part_story import nearest_good, story_of
from edge.record import Record
from edge.recorder import Recorder
from edge.verdict import Reason
from tests.recorded import BEGAN_NS, LABELS, MODELS, parts, random_maps, write_parts
from tests.test_recorder import part, record_parts

NUMBER = 1500
MAPS = random_maps(40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("history")
    write_parts(found, NUMBER, maps=MAPS)
    return found


@pytest.fixture
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with reading(folder) as connection:
        yield connection


RECORDS = list(parts(NUMBER, maps=MAPS))
seconds = st.integers(-100, 2 * NUMBER + 100)
searches = st.builds(
    lambda since, until, outcomes, label, margins, most: Search(
        since_ns=None if since is None else BEGAN_NS + since * 10**9,
        until_ns=None if until is None else BEGAN_NS + until * 10**9,
        outcomes=tuple(outcomes),
        label=label,
        least_margin=margins[0],
        most_margin=margins[1],
        most=most,
    ),
    st.none() | seconds,
    st.none() | seconds,
    st.sets(st.sampled_from(["OK", "NG", "FAULT"])),
    st.none() | st.sampled_from([*LABELS, "unheard of"]),
    st.tuples(st.none() | st.floats(0, 5), st.none() | st.floats(0, 5)),
    st.integers(1, 60),
)


def is_wanted(record: Record, wanted: Search) -> bool:
    margin = record.verdict.margin
    return (
        (wanted.since_ns is None or record.wall_ns >= wanted.since_ns)
        and (wanted.until_ns is None or record.wall_ns < wanted.until_ns)
        and (not wanted.outcomes or record.verdict.outcome.value in wanted.outcomes)
        and (wanted.label is None or (record.verdict.nearest_label == wanted.label and record.verdict.outcome == "NG"))
        and (wanted.least_margin is None or (margin is not None and margin >= wanted.least_margin))
        and (wanted.most_margin is None or (margin is not None and margin <= wanted.most_margin))
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(wanted=searches)
def test_search_finds_what_looking_at_every_part_finds(database: sqlite3.Connection, wanted: Search) -> None:
    """Few or many good parts in a range of margins: they are looked for in different ways."""
    few = history.FEW_PARTS
    for history.FEW_PARTS in (few, 5):
        check_search(database, wanted)


def check_search(database: sqlite3.Connection, wanted: Search) -> None:
    expected = [record.sequence for record in reversed(RECORDS) if is_wanted(record, wanted)]
    found: list[int] = []
    page = search(database, wanted)
    for _ in range(3):
        found += [row.sequence for row in page.parts]
        if page.before is None:
            assert found == expected
            return
        page = search(database, replace(wanted, before=page.before))
    assert found == expected[: len(found)]


def test_row_of_a_part_says_what_was_recorded(database: sqlite3.Connection) -> None:
    (row,) = parts_of(database, [77])
    record = RECORDS[76]
    assert (row.outcome, row.reason, row.distance, row.limit, row.margin, row.label, row.takt_ms, row.wall_ns) == (
        record.verdict.outcome.value,
        record.verdict.reason.value,
        record.verdict.distance,
        record.verdict.limit,
        pytest.approx(record.verdict.margin),
        record.verdict.nearest_label,
        pytest.approx(record.takt_ms),
        record.wall_ns,
    )
    assert (row.model_serial, row.has_picture) == (1, False)
    assert labels(database) == sorted(LABELS)


def test_story_has_everything_that_was_recorded(tmp_path: Path) -> None:
    with Recorder(tmp_path, clock=SimulatedClock()) as kept:
        record_parts(kept, 1, 2, 5)
    record = part(2)
    with reading(tmp_path) as connection:
        story = story_of(connection, 2)
        assert story is not None
        assert story_of(connection, 3) is None
    assert (story.triggered_ns, story.exposed_ns, story.judged_ns, story.output_ns) == (
        record.triggered_ns,
        record.exposed_ns,
        record.judged_ns,
        record.output_ns,
    )
    assert (story.model, story.imaging, story.cell) == (record.model, record.imaging, record.verdict.cell)
    assert (story.stages_ms, story.source) == (dict(record.stages_ms), "part 2")
    assert (story.has_working, story.picture_class, story.before, story.after) == (True, "ng", 1, 5)
    assert isinstance(story.name, PartName)
    assert (story.name.triggered_ns, story.name.model_sha256) == (record.triggered_ns, "ab" * 32)
    np.testing.assert_array_equal(story.cell_map, record.cell_map)


def test_nearest_good_part_is_the_one_whose_map_differs_least(database: sqlite3.Connection) -> None:
    ng = next(record for record in RECORDS[300:] if record.verdict.outcome == "NG")
    story = story_of(database, ng.sequence)
    assert story is not None
    found = nearest_good(database, story)
    same = [record for record in RECORDS if record.verdict.reason is Reason.WITHIN_LIMIT and record.model == ng.model]
    beside = [record for record in same if record.sequence < ng.sequence][-500:]
    beside += [record for record in same if record.sequence > ng.sequence][:500]

    def difference(record: Record) -> int:
        assert record.cell_map is not None
        assert ng.cell_map is not None
        return int(np.square(record.cell_map.astype(int) - ng.cell_map).sum())

    assert found is not None
    assert difference(RECORDS[found - 1]) == min(map(difference, beside))


def test_part_without_a_map_has_no_nearest_good_part(database: sqlite3.Connection) -> None:
    fault = next(record for record in RECORDS if record.verdict.outcome == "FAULT")
    story = story_of(database, fault.sequence)
    assert story is not None
    assert (story.cell_map, story.imaging, nearest_good(database, story)) == (None, None, None)
    assert story.model == MODELS[0]


def counts_of(records: list[Record]) -> Counts:
    outcomes = [record.verdict.outcome.value for record in records]
    reasons = [record.verdict.reason for record in records]
    return Counts(
        ok=outcomes.count("OK"),
        ng=outcomes.count("NG"),
        fault=outcomes.count("FAULT"),
        late=reasons.count(Reason.LATE),
        busy=reasons.count(Reason.TRIGGER_WHILE_BUSY),
    )


@pytest.mark.parametrize(("since_s", "after"), [(0, 0), (0, 700), (1801, 0), (1801, 200), (10**6, 0), (-50, 1499)])
def test_counters_count_each_part_of_the_shift_after_the_reset(
    database: sqlite3.Connection, since_s: int, after: int
) -> None:
    since_ns = BEGAN_NS + since_s * 10**9
    expected = [record for record in RECORDS if record.wall_ns >= since_ns and record.sequence > after]
    counter = ShiftCounter()
    for _ in range(2):
        assert counter.counts(database, since_ns=since_ns, after=after) == counts_of(expected)
    assert counter.counts(database, since_ns=0, after=0).total == NUMBER


def test_counters_go_on_with_the_parts_that_come(tmp_path: Path) -> None:
    counter = ShiftCounter()
    for number in (10, 300, 1):
        write_parts(tmp_path, number)
        with reading(tmp_path) as connection:
            rows = search(connection, Search(most=1000)).parts
            found = counter.counts(connection, since_ns=BEGAN_NS)
    assert found.total == len(rows) == 311
    assert found.ng == sum(row.outcome == "NG" for row in rows) > 0


@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-11-22 05:59", "2026-11-21 22:00"),
        ("2026-11-22 06:00", "2026-11-22 06:00"),
        ("2026-11-22 13:59", "2026-11-22 06:00"),
        ("2026-11-22 23:59", "2026-11-22 22:00"),
        ("2026-12-01 00:00", "2026-11-30 22:00"),
        ("2027-01-01 01:00", "2026-12-31 22:00"),
    ],
)
def test_shift_began_at_the_last_start_that_has_passed(now: str, began: str) -> None:
    import time

    def ns(text: str) -> int:
        return int(time.mktime(time.strptime(text, "%Y-%m-%d %H:%M"))) * 10**9

    assert shift_began_ns("06:00 14:00 22:00", now_ns=ns(now) + 59 * 10**9) == ns(began)


@pytest.mark.parametrize("starts", ["", "6", "24:00", "06:60", "06:0", "a:bc", "06:00,14:00", "-1:00", "٣:00x"])
def test_shift_starts_that_are_no_times_are_refused(starts: str) -> None:
    with pytest.raises(ValueError, match="such as 06:00"):
        shift_began_ns(starts, now_ns=BEGAN_NS)
    assert minute_of("06:05") == 365


def test_reading_without_records_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no station has kept records here yet"), reading(tmp_path):
        pass
