"""Trends: the columns of the charts, where lines break, and warnings in plain words."""

import time
from pathlib import Path
from typing import Any

import pytest

from edge.rollups import IMAGING
from edge.web.trends import PERIODS_S
from tests.production import production, write
from tests.sites import Client, site_of

HOUR_S = 3600.0


def columns(folder: Path, period: str = "24h") -> Any:
    answer = Client(site_of(folder)).get(f"/trends/data?period={period}")
    assert answer.status_code == 200
    return answer.json()


def lengths(found: dict[str, Any]) -> set[int]:
    return {len(column) for column in found.values() if isinstance(column, list)}


@pytest.mark.parametrize("period", list(PERIODS_S))
def test_columns_of_every_period_are_of_one_length(tmp_path: Path, period: str) -> None:
    write(tmp_path, production(until_s=int(time.time()), days=2))
    found = columns(tmp_path, period)
    length = len(found["time"])
    assert 2 <= length <= 310
    for chart in (found, found["distance"], found["ng"], *found["control"].values()):
        assert lengths(chart) == {length}
    assert lengths(found["last"]) == {500}
    assert lengths({"x": found["takt"]["begins_ms"], "y": found["takt"]["number"]}) == {len(found["takt"]["number"])}
    assert found["time"] == sorted(found["time"])


def test_charts_show_limit_calibrated_limit_and_light_apart_from_parts(tmp_path: Path) -> None:
    write(tmp_path, production(until_s=int(time.time())))
    found = columns(tmp_path)
    assert set(found["control"]) == {*IMAGING, "ok_margin"}
    assert {limit for limit in found["limit"] if limit is not None} == {10.0}
    assert {limit for limit in found["calibrated_limit"] if limit is not None} == {10.0}
    light = found["control"]["light_gain"]
    assert light["low"] < light["centre"] < light["high"]
    for low, share, high in zip(found["ng"]["low"], found["ng"]["share"], found["ng"]["high"], strict=True):
        assert share is None or 0 <= low <= share <= high <= 100
    takt = found["takt"]
    assert 20 <= takt["p50_ms"] < takt["p99_ms"] <= takt["p999_ms"] < takt["deadline_ms"] == 500
    assert sum(takt["number"]) == pytest.approx(6 * 144, abs=12)


def test_lines_break_where_nothing_was_produced(tmp_path: Path) -> None:
    now_s = int(time.time())
    night = (now_s - 6 * HOUR_S, now_s - 3 * HOUR_S)
    parts = (one for one in production(until_s=now_s, days=1) if not night[0] < one.wall_ns / 1e9 < night[1])
    write(tmp_path, parts)
    found = columns(tmp_path)
    breaks = [at_s for at_s, mean in zip(found["time"], found["distance"]["mean"], strict=True) if mean is None]
    assert len(breaks) == 1
    assert night[0] <= breaks[0] <= night[1]


def test_warning_says_in_plain_words_what_left_its_range(tmp_path: Path) -> None:
    write(tmp_path, production(until_s=int(time.time()), light_gain=lambda ago_s: 1.0 if ago_s > HOUR_S else 0.9))
    client = Client(site_of(tmp_path))
    assert "It has become darker: 0.9" in client.get("/trends").text
    assert "Look at lamp and lens." in client.get("/trends").text
    assert "暗くなっています" in client.get("/trends", headers={"accept-language": "ja"}).text
    assert "within its usual range" not in client.get("/trends").text


def test_calm_station_is_told_so_and_a_new_one_that_nothing_is_known(tmp_path: Path) -> None:
    write(tmp_path / "calm", production(until_s=int(time.time())))
    assert "Everything is within its usual range." in Client(site_of(tmp_path / "calm")).get("/trends").text
    write(tmp_path / "new", production(until_s=int(time.time()), days=0.02))
    assert "Not enough parts yet" in Client(site_of(tmp_path / "new")).get("/trends").text


def test_slow_verdicts_are_warned_of(tmp_path: Path) -> None:
    write(tmp_path, production(until_s=int(time.time()), days=0.5))
    text = Client(site_of(tmp_path, more="deadline_ms: 60")).get("/trends").text
    assert "Verdicts come close to the deadline" in text


def test_period_after_a_long_stop_is_empty_and_the_last_parts_are_shown(tmp_path: Path) -> None:
    """A Monday morning: nothing in the last eight hours."""
    write(tmp_path, production(until_s=int(time.time()) - 3 * 24 * 3600, days=1))
    found = columns(tmp_path, "8h")
    assert found["time"] == []
    assert lengths(found["last"]) == {500}
    assert "No part was found." in Client(site_of(tmp_path)).get("/trends?period=8h").text


def test_trends_without_records(tmp_path: Path) -> None:
    client = Client(site_of(tmp_path / "nothing"))
    assert "No part was found." in client.get("/trends").text
    assert client.get("/trends/data?period=8h").status_code == 404
    for query in ("", "?period=", "?period=2h", "?period=<script>"):
        assert client.get(f"/trends/data{query}").status_code == 404
        assert "<script>" not in client.get(f"/trends{query}").text.replace("<script src", "")
