"""What is usual, from a station's own last week, and what has left it: light apart from parts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.database import reading
from edge.usual_range import Usual, usual_now
from tests.production import MODEL, STEP_S, production, write

NOW_S = 1_790_000_400 // STEP_S * STEP_S
HOUR_S = 3600.0

Drift = Callable[[float], float]


def usual(folder: Path, **drifts: Drift | float) -> Usual:
    write(folder, production(until_s=NOW_S, **drifts))  # type: ignore[arg-type]
    with reading(folder) as records:
        return usual_now(records, now_ns=NOW_S * 10**9)


def names(found: Usual) -> list[tuple[str, int]]:
    return [(left.quantity, left.direction) for left in found.departures]


def test_calm_week_is_usual(tmp_path: Path) -> None:
    found = usual(tmp_path)
    assert names(found) == []
    assert found.many_ng is None
    assert found.steps == 7 * 144
    assert found.limits["light_gain"].low < 1 < found.limits["light_gain"].high
    assert found.ng_share == pytest.approx(0.02, abs=0.005)


def test_light_that_fades_is_named_and_the_parts_are_not(tmp_path: Path) -> None:
    found = usual(tmp_path, light_gain=lambda ago_s: 1.0 if ago_s > HOUR_S else 0.93)
    assert names(found) == [("light_gain", -1)]
    assert found.departures[0].now == pytest.approx(0.93, abs=0.01)


def test_parts_that_come_nearer_to_the_limit_are_named_and_the_light_is_not(tmp_path: Path) -> None:
    found = usual(tmp_path, distance=lambda ago_s: 3.0 if ago_s > HOUR_S else 5.5)
    assert names(found) == [("ok_margin", 1)]


def test_many_ng_in_the_last_hour(tmp_path: Path) -> None:
    found = usual(tmp_path, ng_share=lambda ago_s: 0.02 if ago_s > HOUR_S else 0.4)
    assert found.many_ng is not None
    assert found.many_ng.count > 5
    assert found.many_ng.usual_share == pytest.approx(0.02, abs=0.005)


def test_trouble_of_yesterday_that_is_over_is_no_warning(tmp_path: Path) -> None:
    found = usual(tmp_path, light_gain=lambda ago_s: 0.9 if 2 * HOUR_S < ago_s < 4 * HOUR_S else 1.0)
    assert names(found) == []


def test_new_station_is_compared_with_what_it_did_until_an_hour_ago(tmp_path: Path) -> None:
    found = usual(tmp_path, days=0.2, light_gain=lambda ago_s: 1.0 if ago_s > HOUR_S else 0.9)
    assert 12 <= found.steps < 30
    assert names(found) == [("light_gain", -1)]


def test_too_little_is_known_in_the_first_two_hours(tmp_path: Path) -> None:
    found = usual(tmp_path, days=0.1, light_gain=lambda ago_s: 1.0 if ago_s > HOUR_S else 0.5)
    assert (found.steps, found.limits, found.departures, found.ng_share) == (0, {}, (), None)


def test_another_model_is_not_compared_with_the_one_before(tmp_path: Path) -> None:
    newer = replace(MODEL, serial=4, sha256="ef" * 32, calibrated_limit=12.0)
    parts = (
        replace(record, model=newer) if record.wall_ns > (NOW_S - HOUR_S) * 10**9 else record
        for record in production(until_s=NOW_S, light_gain=lambda ago_s: 1.0 if ago_s > HOUR_S else 0.8)
    )
    write(tmp_path, parts)
    with reading(tmp_path) as records:
        found = usual_now(records, now_ns=NOW_S * 10**9)
    assert (found.steps, names(found)) == (0, [])


def test_empty_records_tell_nothing(tmp_path: Path) -> None:
    write(tmp_path, [])
    with reading(tmp_path) as records:
        assert usual_now(records, now_ns=NOW_S * 10**9).steps == 0
