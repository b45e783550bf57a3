"""What is asked of the machine under a station, on machines made of a few files."""

from pathlib import Path

import pytest

from edge.errors import DeviceFault
from edge.machine import (
    BOOT_CONFIG,
    GET_THROTTLED,
    KEEPS_OUTPUTS,
    SYNCHRONISED,
    check_clock,
    check_power,
    check_wires_fall,
)

NOON_S = 1_795_348_800.0


def put(root: Path, name: Path | str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


@pytest.mark.parametrize("said", ["Y\n", "1\n", ""])
def test_a_kernel_that_keeps_wires_on_is_a_fault_with_the_line_to_add(tmp_path: Path, said: str) -> None:
    with pytest.raises(DeviceFault, match=r"dtparam=strict_gpiod to /boot/firmware/config.txt"):
        check_wires_fall(put(tmp_path, KEEPS_OUTPUTS, said))


def test_a_kernel_that_frees_wires_is_well_whatever_the_file_says(tmp_path: Path) -> None:
    put(tmp_path, BOOT_CONFIG, "# nothing\n")
    assert "off by themselves" in check_wires_fall(put(tmp_path, KEEPS_OUTPUTS, "N\n"))
    assert "any kernel but" in check_wires_fall(tmp_path / "another machine")


@pytest.mark.parametrize(
    ("line", "is_set"),
    [
        ("dtparam=strict_gpiod", True),
        ("dtparam=i2c_arm=on,strict_gpiod", True),
        ("dtparam=strict_gpiod=on  # wires", True),
        ("#dtparam=strict_gpiod", False),
        ("dtparam=strict_gpiod=off", False),
        ("dtparam=audio=on", False),
        (None, False),
    ],
)
def test_where_a_pi_does_not_say_the_boot_configuration_is_read(tmp_path: Path, line: str | None, is_set: bool) -> None:
    put(tmp_path, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0")
    if line is not None:
        put(tmp_path, BOOT_CONFIG, f"[all]\n{line}\n")
    if is_set:
        assert check_wires_fall(tmp_path) == "dtparam=strict_gpiod is set"
    else:
        with pytest.raises(DeviceFault, match="cannot be told"):
            check_wires_fall(tmp_path)


def test_a_clock_before_the_installation_is_not_set(tmp_path: Path) -> None:
    with pytest.raises(DeviceFault, match="the clock says 2026-11-22 12:00 UTC, which is before kensa was installed"):
        check_clock(NOON_S + 1, tmp_path, now_s=NOON_S)


def test_a_clock_without_a_time_server_is_said(tmp_path: Path) -> None:
    assert "no time server since the start" in check_clock(NOON_S, tmp_path, now_s=NOON_S)
    assert (
        check_clock(NOON_S, put(tmp_path, SYNCHRONISED, ""), now_s=NOON_S) == "2026-11-22 12:00 UTC, from a time server"
    )


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("1", "supply voltage is too low"),
        ("50005", "supply voltage is too low"),
        ("50000", "has been too low since the Pi was started"),
        ("4", "slowed down at this moment"),
        ("2", "slowed down at this moment"),
        ("40000", "slowed down since the Pi was started"),
    ],
)
def test_every_flag_of_the_firmware_has_its_sentence(tmp_path: Path, flags: str, words: str) -> None:
    with pytest.raises(DeviceFault, match=words):
        check_power(put(tmp_path, GET_THROTTLED, f"{flags}\n"))


def test_a_low_voltage_that_only_the_sensor_tells_is_a_fault(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    with pytest.raises(DeviceFault, match="supply voltage is too low"):
        check_power(put(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"))


def test_enough_power_is_said_and_so_is_not_knowing(tmp_path: Path) -> None:
    assert "enough voltage" in check_power(put(tmp_path, GET_THROTTLED, "0\n"))
    assert "nothing here tells" in check_power(tmp_path / "another machine")
