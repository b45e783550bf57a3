"""The whole core on the rendered line, and somebody fills its disk, removes its database, sets its clock back.

READY goes off with the reason in the sign of life that the page shows; when it is mended it comes back by itself, and
no part is missing in the records.
"""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge import recorder
from edge.commands.assembly import Appliance, assemble
from edge.config import StationConfig, parse_config
from edge.control import ask
from edge.database import FILE_NAME, OWN_FILES, reading
from edge.drivers.clock import SystemClock
from edge.recorder import Recorder
from edge.web.reader import Reader
from tests.small_disks import small_disk
from tests.stations import until
from tests.test_recorder import part

CONFIG = """
station: a1
bundle: demo
data: {data}
deadline_ms: 20000
camera: {{driver: line, ng_share: 0.3}}
trigger: {{driver: interval, interval_ms: 50}}
outputs: {{driver: simulated}}
watch: {{least_free_mb: 0}}
records: {{pictures: {{ok_every: 1, working: {{mb: 100, days: 10, free_mb: 0}}, ng: {{mb: 100, days: 10, free_mb: 0}},
    ok: {{mb: 100, days: 10, free_mb: 0}}, borderline: {{mb: 100, days: 10, free_mb: 0}},
    fault: {{mb: 100, days: 10, free_mb: 0}}}}}}
control: {control}
"""
PATIENCE_S = 60.0  # a test machine may be busy


class Core:
    """A running core, and what its page says."""

    def __init__(self, appliance: Appliance, config: StationConfig) -> None:
        self.appliance, self.config = appliance, config
        self.data = Path(config.data)
        self.reader = Reader(self.data)

    @property
    def why(self) -> str:
        """Why the page says that it takes no parts; "" while it does."""
        station = self.reader.station()
        return station.why if station.phase == "Error" and station.is_alive else ""

    def wait_for_trouble(self, words: str) -> None:
        until(lambda: words in self.why, seconds=PATIENCE_S)
        until(lambda: "ready" not in self.appliance.outputs.wires, seconds=PATIENCE_S)  # type: ignore[attr-defined]

    def wait_for_parts(self, number: int) -> None:
        """Until so many more parts were taken and the station is well."""
        begun = self.appliance.station.state.sequence
        until(lambda: self.appliance.station.state.sequence >= begun + number and not self.why, seconds=PATIENCE_S)


@contextmanager
def running(data: Path, tmp_path: Path) -> Iterator[Core]:
    """From its first part on. At its end every part that it took is in the records."""
    text = CONFIG.format(data=data, control=tmp_path / "control.sock")
    config = parse_config(text.encode(), name="station.yaml")
    with assemble(config) as appliance:
        thread = threading.Thread(target=appliance.daemon.run)
        thread.start()
        try:
            core = Core(appliance, config)
            core.wait_for_parts(3)
            yield core
        finally:
            appliance.daemon.stop()
            thread.join(PATIENCE_S)
            core.reader.close()
        taken = appliance.station.state.sequence
    with reading(data) as connection:
        assert [row[0] for row in connection.execute("SELECT sequence FROM parts ORDER BY sequence")] == list(
            range(1, taken + 1)
        )
        assert connection.execute("PRAGMA quick_check").fetchone()[0] == "ok"
        assert connection.execute("SELECT sum(number) FROM counts WHERE level_s = 600").fetchone()[0] == taken


@pytest.mark.slow
def test_disk_filled_to_the_brim(tmp_path: Path) -> None:
    with small_disk(tmp_path, megabytes=24) as disk, running(disk / "data", tmp_path) as core:
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        core.wait_for_trouble("cannot be recorded: ")
        ballast.unlink()
        core.wait_for_parts(3)


def remove(*names: str) -> Callable[[Path], None]:
    def step(data: Path) -> None:
        for name in names:
            (data / f"{FILE_NAME}{name}").unlink()

    return step


REMOVALS: dict[str, Callable[[Path], None]] = {
    "database and log": remove(*OWN_FILES),
    "database alone": remove(""),
    "log alone": remove("-wal"),
    "whole folder": lambda data: shutil.rmtree(data, ignore_errors=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", REMOVALS)
def test_database_removed_under_the_running_core(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 3.0)  # so that a busy machine sees the trouble before it is mended
    data = tmp_path / "data"
    with running(data, tmp_path) as core:
        REMOVALS[how](data)
        core.wait_for_trouble("was removed or replaced while the station runs")
        core.wait_for_parts(3)
        until(lambda: core.reader.news(after=0), seconds=PATIENCE_S)
    with reading(data) as connection:
        (told,) = connection.execute("SELECT detail FROM events WHERE kind = 'removed'").fetchall()
    assert "it is in its place again with every record" in told[0]


@pytest.mark.slow
def test_database_moved_away_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is quicker than the core: then the very same file goes on, and nothing is copied."""
    monkeypatch.setattr(recorder, "RETRY_S", 3.0)
    data = tmp_path / "data"
    with running(data, tmp_path) as core:
        inode = (data / FILE_NAME).stat().st_ino
        (data / FILE_NAME).rename(tmp_path / "away")
        core.wait_for_trouble("was removed or replaced while the station runs")
        (tmp_path / "away").rename(data / FILE_NAME)
        core.wait_for_parts(3)
        assert (data / FILE_NAME).stat().st_ino == inode


@pytest.mark.slow
def test_another_database_in_its_place_is_not_touched(tmp_path: Path) -> None:
    data, foreign = tmp_path / "data", tmp_path / "foreign.sqlite"
    other = sqlite3.connect(foreign)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    content = foreign.read_bytes()
    with running(data, tmp_path) as core:
        foreign.replace(data / FILE_NAME)
        core.wait_for_trouble("is another file than the one that the station writes: move it away")
        assert (data / FILE_NAME).read_bytes() == content
        (data / FILE_NAME).rename(foreign)
        core.wait_for_parts(3)
    assert foreign.read_bytes() == content


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How far somebody has set the wall clock of the machine, in ns."""
    offset, whole = [0], SystemClock.wall_ns
    monkeypatch.setattr(SystemClock, "wall_ns", lambda self: whole(self) + offset[0])
    return offset


HOUR_NS = 3600 * 10**9


@pytest.mark.slow
def test_clock_set_back_and_right_again(tmp_path: Path, clock: list[int]) -> None:
    with running(tmp_path / "data", tmp_path) as core:
        clock[0] = -HOUR_NS
        core.wait_for_trouble("the clock was set back: it says ")
        clock[0] = 0
        core.wait_for_parts(3)


@pytest.mark.slow
def test_clock_set_back_is_accepted_by_a_reset_for_good(tmp_path: Path, clock: list[int]) -> None:
    data = tmp_path / "data"
    with running(data, tmp_path) as core:
        clock[0] = -HOUR_NS
        core.wait_for_trouble("the clock was set back: it says ")
        assert ask(core.config.control_path, "reset", timeout_s=30)["is_done"]
        core.wait_for_parts(3)
    with running(data, tmp_path), reading(data) as connection:
        (told,) = connection.execute("SELECT detail FROM events WHERE kind = 'clock'").fetchall()
    assert "was accepted after" in told[0]


@pytest.mark.slow
def test_clock_that_is_early_after_a_start_is_noticed(tmp_path: Path, clock: list[int]) -> None:
    """As a Pi without a clock battery, and without a network, after a power cut."""
    data = tmp_path / "data"
    with running(data, tmp_path):
        pass
    clock[0] = -HOUR_NS
    text = CONFIG.format(data=data, control=tmp_path / "control.sock")
    with assemble(parse_config(text.encode(), name="station.yaml")) as appliance:
        assert not appliance.station.settle(timeout_ms=10)
        assert "the clock was set back" in appliance.station.state.why
        clock[0] = 0
        assert appliance.station.settle(timeout_ms=10)


def test_clock_that_a_time_server_moves_a_little_is_no_trouble(tmp_path: Path, clock: list[int]) -> None:
    with Recorder(tmp_path, clock=SystemClock()) as kept:
        kept.put(replace(part(1), wall_ns=SystemClock().wall_ns()))
        assert kept.wait_until_kept(timeout_ms=10_000)
        clock[0] = -2 * 10**9
        assert kept.trouble is None
        clock[0] = -10 * 10**9
        assert "set back" in str(kept.trouble)
