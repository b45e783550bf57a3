"""The power may go at any instant of an installation: the station then runs the old model whole, or the new one."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from edge.commands.loading import load_model
from edge.config import StationConfig
from edge.slots import Slots
from tests.power_cuts import DONE, KILLED, run_cut
from tests.sealing import needs_root
from tests.small_model import Small
from tests.stationed import model_of, station_in
from tests.test_receive import take

pytestmark = needs_root
OLD, NEW = 7, 20
LEAST_CUTS = 50


def release(config: StationConfig, raw: bytes) -> None:
    """Install and activate, as `edge model` does it."""
    take(config, raw)
    activate(config)


def activate(config: StationConfig) -> None:
    slots = Slots(Path(config.data))
    version = slots.book.candidate
    assert version
    slots.change(lambda book: book.activated(version, wall_ns=1))


def test_after_every_power_cut_the_old_model_or_the_new_one_runs_whole(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model)
    for serial in (5, 6, OLD, 8, 9, 10, 11):  # so many that an old one makes way
        take(config, model_of(small_model, serial))
        if serial <= OLD:
            activate(config)
    raw = model_of(small_model, NEW)
    data, kept, steps = Path(config.data), tmp_path / "kept", tmp_path / "steps"
    data.rename(kept)

    def begin_anew() -> None:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(kept, data)

    begin_anew()
    assert run_cut(lambda: release(config, raw), at=None, drops_unsynced=False, steps=steps) == DONE
    number = int(steps.read_text())
    cuts = [(at, drops) for at in range(1, number + 1) for drops in (False, True)]
    assert len(cuts) >= LEAST_CUTS
    found: Counter[int] = Counter()
    for at, drops in cuts:
        begin_anew()
        assert run_cut(lambda: release(config, raw), at=at, drops_unsynced=drops) == KILLED
        armed = load_model(config)
        assert armed.why_not == "", f"cut at {at} of {number}, unsynced {'dropped' if drops else 'kept'}"
        assert armed.model
        assert armed.model.serial in (OLD, NEW)
        found[armed.model.serial] += 1
        if at % 7 == 0:  # and what was cut off can be done again
            release(config, raw)
            again = load_model(config).model
            assert again
            assert again.serial == NEW
    assert min(found[OLD], found[NEW]) > 0
    print(f"{len(cuts)} cuts at {number} steps: {dict(found)}")


def test_a_disk_that_drops_what_is_not_synced_is_noticed_by_this_test(tmp_path: Path, small_model: Small) -> None:
    """Without the syncs the same cuts lose the model, so that the test above can fail."""
    config = station_in(tmp_path, small_model)
    take(config, model_of(small_model, OLD))
    activate(config)
    slots = Slots(Path(config.data))
    current = slots.book.current
    assert current
    path = slots.path_of(current)

    def careless() -> None:
        raw = path.read_bytes()
        with path.open("wb") as file:
            file.write(raw)
        path.replace(path)

    assert run_cut(careless, at=2, drops_unsynced=True) == KILLED
    assert load_model(config).why_not


@pytest.mark.parametrize("book", ["", "{", '{"current": 5}', '{"unknown": 1}'])
def test_slots_that_a_disk_has_damaged_are_no_model_and_no_crash(tmp_path: Path, small_model: Small, book: str) -> None:
    config = station_in(tmp_path, small_model)
    take(config, model_of(small_model, OLD))
    (Slots(Path(config.data)).folder / "slots.json").write_text(book)
    assert "cannot be read" in load_model(config).why_not
