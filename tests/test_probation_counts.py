"""A probation goes on where the last start of the core has left it; what cannot be believed counts nothing."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from edge.commands.managing import switch
from edge.config import StationConfig
from edge.errors import RecordError
from edge.model_switch import ModelWish
from edge.probation import Tally
from edge.probation_counts import FILE_NAME, WhichTrial, read_tally, write_tally
from edge.slots import Slots
from tests.power_cuts import DONE, KILLED, run_cut
from tests.sealing import needs_root
from tests.small_model import Small
from tests.stationed import model_of, station_in
from tests.stations import until
from tests.test_model_trial import run_parts
from tests.test_receive import take
from tests.test_set_up import Core, running

TRIAL = WhichTrial(model="ab" * 32, before="cd" * 32, began_ns=5)
TALLY = Tally(parts=40, faults=2, late=1, ng=3, compared=30, only_new_ng=4, only_old_ng=5)


def test_counts_come_back_for_this_very_probation_alone(tmp_path: Path) -> None:
    assert read_tally(tmp_path, TRIAL) == Tally()
    write_tally(tmp_path, TRIAL, TALLY)
    assert read_tally(tmp_path, TRIAL) == TALLY
    for other in ({"model": "ef" * 32}, {"before": "ef" * 32}, {"began_ns": 6}):
        assert read_tally(tmp_path, replace(TRIAL, **other)) == Tally()


def test_a_file_that_is_not_as_it_was_written_counts_nothing(tmp_path: Path) -> None:
    write_tally(tmp_path, TRIAL, TALLY)
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        for raw in (bytes(flipped), whole[:place]):
            path.write_bytes(raw)
            if place != 64 or raw == whole[:place]:  # what parts digest and counts carries nothing
                with pytest.raises(RecordError, match="cannot be read"):
                    read_tally(tmp_path, TRIAL)
    path.unlink()
    path.mkdir()
    with pytest.raises(RecordError, match="cannot be read"):
        read_tally(tmp_path, TRIAL)
    with pytest.raises(RecordError, match="cannot be kept"):
        write_tally(tmp_path, TRIAL, TALLY)


@pytest.mark.parametrize(
    "change",
    [{"parts": -1}, {"faults": 41}, {"late": 3}, {"ng": 39}, {"compared": 41}, {"only_new_ng": 26}, {"parts": "40"}],
)
def test_counts_that_cannot_be_count_nothing_whoever_wrote_them(tmp_path: Path, change: dict[str, Any]) -> None:
    text = json.dumps({**asdict(TRIAL), **asdict(TALLY), **change}).encode()
    (tmp_path / FILE_NAME).write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
    with pytest.raises(RecordError, match="cannot be read"):
        read_tally(tmp_path, TRIAL)


def test_after_every_power_cut_no_more_is_believed_than_has_happened(tmp_path: Path) -> None:
    later, steps = replace(TALLY, parts=41), tmp_path / "steps"
    write_tally(tmp_path, TRIAL, TALLY)
    done = run_cut(lambda: write_tally(tmp_path, TRIAL, later), at=None, drops_unsynced=False, steps=steps)
    assert done == DONE
    for at in range(1, int(steps.read_text()) + 1):
        for drops in (False, True):
            write_tally(tmp_path, TRIAL, TALLY)
            assert run_cut(lambda: write_tally(tmp_path, TRIAL, later), at=at, drops_unsynced=drops) == KILLED
            assert read_tally(tmp_path, TRIAL) in (TALLY, later)


# On a station.


@pytest.fixture
def config(tmp_path: Path, small_model: Small) -> StationConfig:
    """Model 8 is on probation for 12 parts, after model 7."""
    config = station_in(tmp_path, small_model, probation_parts=12)
    for serial in (7, 8):
        take(config, model_of(small_model, serial))
        switch(config, ModelWish(do="activate", serial=serial))
    return config


def counted(config: StationConfig) -> int:
    return int(Core(config).tell("model", do="status")["probation"]["parts"])


@needs_root
def test_a_station_that_restarts_often_ends_its_probation_too(config: StationConfig) -> None:
    slots = Slots(Path(config.data))
    for start in range(3):
        with running(config):
            assert counted(config) == 4 * start
            run_parts(config, 4)
            if start < 2:
                assert counted(config) == 4 * start + 4
        assert (slots.book.probation is None) == (start == 2)
    event = slots.book.events[-1]
    assert (event.what, event.why.partition(":")[0]) == ("has proved itself", "12 parts")


@needs_root
def test_counts_that_cannot_be_read_begin_anew_and_the_slots_say_so(config: StationConfig) -> None:
    slots = Slots(Path(config.data))
    with running(config):
        run_parts(config, 11)
    path = slots.folder / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b'"parts":11', b'"parts":12'))
    with running(config):
        assert counted(config) == 0
        assert slots.book.events[-1].what == "begins its probation anew"
        assert "cannot be read" in slots.book.events[-1].why
        run_parts(config, 11)
        assert slots.book.probation is not None
        run_parts(config, 1)
        until(lambda: slots.book.probation is None)


@needs_root
def test_the_same_model_activated_anew_begins_its_probation_anew(config: StationConfig) -> None:
    with running(config):
        run_parts(config, 5)
        switch(config, ModelWish(do="rollback"))
        switch(config, ModelWish(do="activate", serial=8))
        assert counted(config) == 0


@needs_root
def test_what_a_killed_core_has_kept_is_not_more_than_has_happened(
    config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.model_trial.KEEP_S", 0.0)
    slots, kept = Slots(Path(config.data)), b""
    path = slots.folder / FILE_NAME
    with running(config):
        run_parts(config, 3)
        until(path.exists)
        kept = path.read_bytes()
        run_parts(config, 3)
    path.write_bytes(kept)  # as if the power had gone before the rest
    with running(config):
        assert 1 <= counted(config) <= 3
