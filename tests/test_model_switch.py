"""Another model while parts come: between two of them, none unjudged, each record naming the model that judged it."""

import sqlite3
import threading
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge.commands.managing import switch
from edge.config import StationConfig
from edge.control import ask
from edge.errors import BundleError
from edge.heartbeat import read_beat
from edge.model_switch import ModelWish
from edge.slots import Slots
from tests.sealing import needs_root
from tests.small_model import Small
from tests.stationed import model_of, station_in
from tests.stations import until
from tests.test_receive import take
from tests.test_set_up import Core, running

pytestmark = needs_root
TEN_A_SECOND = "{driver: interval, interval_ms: 100}"
SWITCHES = 10


def models(config: StationConfig, small: Small) -> None:
    """Serial 7, current, and serial 8, which has another limit, so that a verdict tells who gave it."""
    limit = small.bundle.manifest.limit
    for serial, share in ((7, 1.0), (8, 1.1)):
        moved = {**limit.model_dump(mode="json"), "distance": share * limit.distance}
        take(config, model_of(small, serial, limit=moved))
    switch(config, ModelWish(do="activate", serial=7))


def rows(config: StationConfig) -> list[Any]:
    query = (
        "SELECT sequence, outcome, detail, distance_limit, serial, wall_ns FROM parts "
        "LEFT JOIN models ON models.number = parts.model ORDER BY sequence"
    )
    with closing(sqlite3.connect(Path(config.data) / "records.sqlite")) as database:
        return database.execute(query).fetchall()


def test_no_part_is_unjudged_or_judged_by_two_at_ten_parts_a_second(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model, trigger=TEN_A_SECOND)
    models(config, small_model)
    with running(config) as appliance:
        for number in range(SWITCHES):
            count = appliance.station.state.sequence
            until(lambda count=count: appliance.station.state.sequence >= count + 4, seconds=60)  # type: ignore[misc]
            switch(config, ModelWish(do="activate", serial=8 - number % 2, may_be_older=True))
        count = appliance.station.state.sequence
        until(lambda: appliance.station.state.sequence >= count + 4, seconds=60)
    found = rows(config)
    assert [row[0] for row in found] == list(range(1, len(found) + 1))
    assert {row[1] for row in found} == {"OK", "NG"}, [row for row in found if row[1] == "FAULT"]
    limit = small_model.bundle.manifest.limit.distance
    for sequence, _, _, its_limit, serial, _ in found:
        assert its_limit == pytest.approx({7: limit, 8: 1.1 * limit}[serial]), f"part {sequence}"
    serials = [row[4] for row in found]
    assert sum(one != other for one, other in pairwise(serials)) == SWITCHES
    apart_ms = [(other[5] - one[5]) / 1e6 for one, other in pairwise(found)]
    print(f"{len(found)} parts, {SWITCHES} switches, {max(apart_ms):.0f} ms between two parts at most")


def test_the_next_part_after_a_switch_is_the_new_models_and_a_restart_keeps_it(
    tmp_path: Path, small_model: Small
) -> None:
    config = station_in(tmp_path, small_model)
    models(config, small_model)
    core = Core(config)
    with running(config):
        core.part()
        assert switch(config, ModelWish(do="activate", serial=8)).serial == 8
        until(lambda: (beat := read_beat(Path(config.data))) is not None and beat.model_serial == 8)
        assert core.done("limit")["calibrated"] == small_model.bundle.manifest.limit.calibrated
        core.part()
        assert switch(config, ModelWish(do="rollback")).serial == 7
        core.part()
        assert switch(config, ModelWish(do="rollback")).serial == 8
    with running(config):
        core.part()
    assert [row[4] for row in rows(config)] == [7, 8, 7, 8]


def test_a_model_that_cannot_judge_here_leaves_the_old_one(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model)
    models(config, small_model)
    slots = Slots(Path(config.data))
    candidate = slots.book.candidate
    assert candidate
    path = slots.path_of(candidate)
    path.write_bytes(path.read_bytes()[:-600])
    core = Core(config)
    with running(config):
        with pytest.raises(BundleError, match="push it again"):
            switch(config, ModelWish(do="activate", serial=8))
        core.part()
    assert slots.book.current
    assert slots.book.current.serial == 7
    assert [row[4] for row in rows(config)] == [7]


def test_a_loop_that_does_not_come_round_is_not_switched_later_either(
    tmp_path: Path, small_model: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = station_in(tmp_path, small_model)
    models(config, small_model)
    monkeypatch.setattr("edge.model_switch.PATIENCE_S", 0.2)
    held = threading.Event()
    with running(config) as appliance:
        busy = threading.Thread(target=lambda: appliance.daemon.ask(lambda: held.wait(20) and None, timeout_s=30))
        busy.start()
        time.sleep(0.2)
        with pytest.raises(BundleError, match="has not come round"):
            switch(config, ModelWish(do="activate", serial=8))
        held.set()
        busy.join()
        Core(config).part()
    book = Slots(Path(config.data)).book
    assert book.current
    assert book.current.serial == 7
    assert [row[4] for row in rows(config)] == [7]


def test_without_a_running_core_the_next_start_uses_it(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model)
    models(config, small_model)
    switch(config, ModelWish(do="activate", serial=8))
    with running(config):
        Core(config).part()
    assert [row[4] for row in rows(config)] == [8]


def test_a_station_with_another_kind_of_bundle_knows_no_such_command(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model).model_copy(update={"bundle": "demo"})
    with running(config):
        answer = ask(config.control_path, "model", timeout_s=20, arguments={"do": "rollback"})
    assert not answer["is_done"]
