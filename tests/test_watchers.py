"""Watchers read what the machine says of itself, and may only ask for not being READY."""

from pathlib import Path

import pytest

from edge import watchers
from edge.config import Watch
from edge.watchers import Disk, Heat, Power, Watchers, watchers_of
from tests.stations import Bench, until


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    write(tmp_path / "class/thermal/thermal_zone0/type", "cpu-thermal\n")
    return write(tmp_path / "class/thermal/thermal_zone0/temp", "45000\n")


def test_heat_is_trouble_until_it_has_cooled_by_some_degrees(tmp_path: Path, zone: Path) -> None:
    heat = Heat(hottest_c=84.0, sys=tmp_path)
    found = []
    for temperature in ("83900", "84000", "80000", "79001", "78999", "83900"):
        zone.write_text(temperature)
        found.append(heat.look())
    assert [trouble is not None for trouble in found] == [False, True, True, True, False, False]
    assert found[1] == "the processor has 84 °C, 84 are too many"


def test_other_sensors_than_a_pis_are_not_believed(tmp_path: Path, zone: Path) -> None:
    zone.write_text("99000")
    (zone.parent / "type").write_text("acpitz")
    assert Heat(hottest_c=84.0, sys=tmp_path).look() is None


@pytest.mark.parametrize(
    ("flags", "is_trouble"), [("0", False), ("50000", False), ("50001", True), ("1", True), ("6", False)]
)
def test_undervoltage_of_this_moment_is_trouble_and_older_one_is_not(
    tmp_path: Path, flags: str, is_trouble: bool
) -> None:
    write(tmp_path / "devices/platform/soc/soc:firmware/get_throttled", f"{flags}\n")
    assert (Power(sys=tmp_path).look() is not None) == is_trouble


def test_undervoltage_alarm_of_the_kernel_is_trouble_and_stays_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "class/hwmon/hwmon1/name", "rpi_volt\n")
    alarm = write(tmp_path / "class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    power = Power(sys=tmp_path)
    assert "supply voltage is too low" in str(power.look())
    alarm.write_text("0\n")
    assert power.look() is not None
    monkeypatch.setattr(power, "_bad_until_s", 0.0)
    assert power.look() is None


def test_throttling_is_only_written_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    flags = write(tmp_path / "devices/platform/soc/soc:firmware/get_throttled", "4\n")
    power = Power(sys=tmp_path)
    assert power.look() is None
    flags.write_text("40000\n")
    assert power.look() is None
    assert [record.message for record in caplog.records] == [
        "the processor is throttled",
        "the processor is at full speed again",
    ]


def test_little_room_is_trouble(tmp_path: Path) -> None:
    assert Disk(tmp_path, least_free_mb=0).look() is None
    assert "at least 1e+12 are needed" in str(Disk(tmp_path, least_free_mb=1e12).look())


@pytest.mark.parametrize("text", ["", "warm", "\x00"])
def test_sensor_that_says_nonsense_is_trouble(tmp_path: Path, zone: Path, text: str) -> None:
    heat = Heat(hottest_c=84.0, sys=tmp_path)
    zone.write_text(text)
    watching = Watchers(heat)
    watching.look()
    assert "the heat cannot be told" in str(watching.trouble)


def test_folder_that_is_gone_is_trouble(tmp_path: Path) -> None:
    watching = Watchers(Disk(tmp_path / "gone", least_free_mb=1))
    watching.look()
    assert "the disk cannot be told" in str(watching.trouble)


def test_trouble_comes_and_goes_by_itself(tmp_path: Path, zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "INTERVAL_S", 0.01)
    with Watchers(Heat(hottest_c=84.0, sys=tmp_path)) as watching:
        assert watching.trouble is None
        zone.write_text("90000")
        until(lambda: watching.trouble)
        zone.write_text("50000")
        until(lambda: watching.trouble is None)


def test_watchers_that_hang_are_trouble_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "LONGEST_SILENCE_S", -1.0)
    assert "nobody watches" in str(Watchers().trouble)


def test_watchers_of_this_machine_find_nothing_wrong_with_limits_that_nothing_reaches(tmp_path: Path) -> None:
    watching = watchers_of(tmp_path, Watch(hottest_c=100.0, least_free_mb=0.0))
    watching.look()
    assert watching.trouble is None


def test_station_is_not_ready_while_a_watcher_has_trouble(tmp_path: Path, zone: Path) -> None:
    watching = Watchers(Heat(hottest_c=84.0, sys=tmp_path))
    bench = Bench(watchers=watching)
    assert bench.station.settle(timeout_ms=10)
    zone.write_text("90000")
    watching.look()
    assert not bench.station.settle(timeout_ms=10)
    assert (bench.station.state.phase, bench.outputs.wires) == ("Error", set())
    assert "90 °C" in bench.station.state.why
    zone.write_text("45000")
    watching.look()
    assert bench.station.settle(timeout_ms=10)
