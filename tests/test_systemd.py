"""The units and the install script: sound, closed, and saying what they would do."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[1] / "systemd"
UNITS = ("kensa.service", "kensa-web.service")
LARGEST_EXPOSURE = 2.0


@pytest.mark.parametrize("unit", UNITS)
def test_exposure_of_a_unit_is_at_most_two_of_ten(unit: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(SYSTEMD / unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    figure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert figure, said
    assert float(figure[1]) <= LARGEST_EXPOSURE


def test_the_core_keeps_what_onnxruntime_camera_and_wires_need() -> None:
    """Favourites of hardening that break it: /proc without cpuinfo, /dev without cameras and lines."""
    text = (SYSTEMD / "kensa.service").read_text(encoding="utf-8")
    settings = re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)
    names = [name for name, _ in settings]
    assert not {"ProcSubset", "PrivateDevices", "DynamicUser", "MemoryDenyWriteExecute"} & set(names)
    allowed = {value.split()[0] for name, value in settings if name == "DeviceAllow"}
    assert allowed == {"char-gpiochip", "char-video4linux", "char-media", "char-dma_heap"}
    assert ("Type", "notify") in settings
    assert {"LimitRTPRIO", "CPUAffinity"} <= set(names)  # both, or edges get lost behind a core that judges
    assert ("LimitMEMLOCK", "infinity") in settings  # with any other limit memory would run out at it
    assert any(name == "ExecStopPost" and " safe " in value for name, value in settings)


@pytest.mark.parametrize("script", ["install.sh", "make_wheels.sh"])
def test_a_script_is_bash_that_stops_at_the_first_error(script: str) -> None:
    path = SYSTEMD / script
    assert path.stat().st_mode & 0o111
    assert "\nset -euo pipefail\n" in path.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--help"], 0, "--with-records"),
        (["--wheels"], 1, "--wheels needs a folder"),
        (["--with-records"], 1, "goes with --undo"),
        (["--colour"], 2, "usage:"),
    ],
)
def test_the_install_script_explains_itself(arguments: list[str], code: int, words: str) -> None:
    done = subprocess.run(["bash", str(SYSTEMD / "install.sh"), *arguments], capture_output=True, text=True)
    assert done.returncode == code
    assert words in done.stdout + done.stderr


def test_the_install_script_installs_every_file_of_its_folder() -> None:
    text = (SYSTEMD / "install.sh").read_text(encoding="utf-8")
    listed = set(re.findall(r'^    "(\S+) (?:/|\$home)', text, re.MULTILINE))
    there = {path.name for path in SYSTEMD.iterdir() if path.is_file()}
    assert listed == there - {"install.sh", "make_wheels.sh"}


def test_the_install_script_never_writes_the_boot_configuration() -> None:
    """It reads config.txt, and says what a person should add."""
    lines = (SYSTEMD / "install.sh").read_text(encoding="utf-8").splitlines()
    touching = [line.strip() for line in lines if "boot_config" in line or "config.txt" in line]
    assert touching
    assert not [line for line in touching if re.search(r">|\btee\b|sed -i|\bput\b|\brun\b|\bcp\b|\bmv\b", line)]
