"""Trends say what the parts say: sums against looking at every part, and statistics against their definitions."""

import math
import sqlite3
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
from scipy.stats import binomtest

from edge import takt_times
from edge.control_charts import ng_share
from edge.database import reading
from edge.record import Record
from edge.rollups import IMAGING, QUANTITIES, bin_begins_ms, bin_of
from edge.takt_times import takts
from edge.trends import Span, points, spans
from edge.verdict import Reason
from tests.recorded import BEGAN_NS, parts, write_parts

NUMBER = 20_000  # more than half a day at one in two seconds
RECORDS = list(parts(NUMBER))
END_NS = RECORDS[-1].wall_ns + 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("trends")
    write_parts(found, NUMBER)
    return found


@pytest.fixture
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with reading(folder) as connection:
        yield connection


def value_of(record: Record, quantity: str) -> float | None:
    if quantity in IMAGING:
        return None if record.imaging is None else float(getattr(record.imaging, quantity))
    verdict, model = record.verdict, record.model
    if verdict.distance is None or model is None:
        return None
    is_good = verdict.reason is Reason.WITHIN_LIMIT
    found = {"distance": verdict.distance, "limit": verdict.limit, "calibrated_limit": model.calibrated_limit,
             "ok_margin": verdict.margin if is_good else None}  # fmt: skip
    return found[quantity]


def within(span: Span) -> list[Record]:
    return [record for record in RECORDS if span.began_s <= record.wall_ns // 10**9 < span.ended_s]


@pytest.mark.parametrize("most", [1, 7, 300])
def test_spans_add_up_what_the_parts_say(database: sqlite3.Connection, most: int) -> None:
    found = spans(database, since_ns=BEGAN_NS, until_ns=END_NS, most=most)
    assert len(found) <= most
    assert sum(span.ok + span.ng + span.fault for span in found) == NUMBER
    for span in (found[0], found[len(found) // 2], found[-1]):
        records = within(span)
        outcomes = [record.verdict.outcome.value for record in records]
        assert (span.ok, span.ng, span.fault) == tuple(outcomes.count(name) for name in ("OK", "NG", "FAULT"))
        assert span.late == sum(record.verdict.reason is Reason.LATE for record in records)
        assert span.busy == sum(record.verdict.reason is Reason.TRIGGER_WHILE_BUSY for record in records)
        assert (span.first, span.last) == (records[0].sequence, records[-1].sequence)
        assert set(span.spreads) == set(QUANTITIES)
        for quantity, spread in span.spreads.items():
            values = [value for record in records if (value := value_of(record, quantity)) is not None]
            assert spread.number == len(values)
            assert spread.mean == pytest.approx(statistics.mean(values))
            assert spread.deviation == pytest.approx(statistics.stdev(values), abs=1e-5)
            assert (spread.least, spread.most) == (min(values), max(values))


def test_light_that_dims_shows_in_the_light_and_nothing_else(database: sqlite3.Connection) -> None:
    found = spans(database, since_ns=BEGAN_NS, until_ns=END_NS, most=10)
    dimmed = found[-1].spreads["light_gain"].mean - found[0].spreads["light_gain"].mean
    assert dimmed == pytest.approx(-0.09, abs=0.01)
    assert abs(found[-1].spreads["rotation_degrees"].mean - found[0].spreads["rotation_degrees"].mean) < 0.05


def test_time_without_parts_has_no_spans(database: sqlite3.Connection) -> None:
    assert spans(database, since_ns=END_NS + 10**13, until_ns=END_NS + 10**14) == []
    assert points(database, since_ns=END_NS + 10**13, until_ns=END_NS + 10**14) == []
    empty = takts(database, since_ns=END_NS + 10**13, until_ns=END_NS + 10**14)
    assert (empty.number, empty.p50, empty.bins) == (0, None, ())


def test_years_are_read_from_the_sums_of_days(database: sqlite3.Connection) -> None:
    found = spans(database, since_ns=BEGAN_NS - 10**17, until_ns=END_NS + 10**17, most=2)
    assert sum(span.ok + span.ng + span.fault for span in found) == NUMBER
    assert all((span.began_s % 86_400, (span.ended_s - span.began_s) % 86_400) == (0, 0) for span in found)


def test_points_are_the_parts_of_a_short_time(database: sqlite3.Connection) -> None:
    found = points(database, since_ns=BEGAN_NS + 100 * 10**9, until_ns=BEGAN_NS + 200 * 10**9)
    assert found is not None
    assert [point.sequence for point in found] == list(range(51, 101))
    record = RECORDS[60]
    assert (found[10].distance, found[10].outcome) == (record.verdict.distance, record.verdict.outcome.value)
    assert record.imaging is not None
    assert found[10].imaging == tuple(getattr(record.imaging, name) for name in IMAGING)
    assert points(database, since_ns=BEGAN_NS, until_ns=END_NS) is None


def test_takt_percentiles_are_those_of_the_parts_or_of_bins_two_percent_wide(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = takts(database, since_ns=0, until_ns=END_NS)
    monkeypatch.setattr(takt_times, "MOST_EXACT_TAKTS", 100)
    binned = takts(database, since_ns=0, until_ns=END_NS)
    expected = sorted(record.takt_ms for record in RECORDS if record.takt_ms is not None)
    assert (exact.is_exact, binned.is_exact, exact.number, binned.number) == (True, False, NUMBER, NUMBER)
    assert (exact.p50, exact.p99, exact.p999) == tuple(
        pytest.approx(expected[math.ceil(share * NUMBER) - 1]) for share in (0.5, 0.99, 0.999)
    )
    for name in ("p50", "p99", "p999", "most"):
        assert 1 <= getattr(binned, name) / getattr(exact, name) <= 1.02
    assert exact.bins == binned.bins
    assert sum(number for _, _, number in exact.bins) == NUMBER


@pytest.mark.parametrize("takt_ms", [0.0, 0.05, 0.1, 1.0, 57.3, 500.0, 60_000.0])
def test_takt_lies_in_its_bin(takt_ms: float) -> None:
    found = bin_of(takt_ms)
    assert found == 0 or bin_begins_ms(found) <= takt_ms * 1.0000001
    assert takt_ms < bin_begins_ms(found + 1) * 1.0000001


@pytest.mark.parametrize(("ng", "judged"), [(10, 200), (0, 100), (1, 1), (5000, 1_000_000)])
def test_share_of_ng_has_wilsons_interval(ng: int, judged: int) -> None:
    found = ng_share(ng, judged)
    assert found is not None
    expected = binomtest(ng, judged).proportion_ci(0.95, method="wilson")
    assert (found.share, found.low, found.high) == pytest.approx((ng / judged, expected.low, expected.high))
    assert ng_share(0, 0) is None
