"""The drivers on the kernel's own devices: gpio-sim, a vivid camera, and picamera2 over libcamera and a vimc camera."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.image import scratch, unpacked_wheels, wheels
from tests.vm.machine import Finished, Machine, kernel, only_full

pytestmark = [only_full, pytest.mark.slow, pytest.mark.timeout(5400)]

LONG_S = 1800.0
# What picamera2 imports without being asked for it. Of the others there are no wheels, and no test uses them.
PICAMERA2 = ("picamera2==0.3.38", "pillow", "piexif", "simplejpeg")
ABSENT = {
    "pykms.py": "from unittest.mock import MagicMock\nPixelFormat = Card = MagicMock()\n",
    "prctl.py": "def set_pdeathsig(signal): raise NotImplementedError\n",
    "pidng/__init__.py": "",
    "pidng/camdefs.py": "class Picamera2Camera: pass\n",
    "pidng/core.py": "class PICAM2DNG: pass\n",
}


@pytest.fixture(scope="module")
def debian() -> Iterator[Machine]:
    kernel()
    with scratch() as folder, Machine(Path(folder)) as machine:
        yield machine.start()


def run_inside(machine: Machine, what: str, *, environment: str) -> Finished:
    """These of the project's tests, in the machine."""
    everywhere = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/opt/vm/tests:/mnt/share/picamera2"
    command = f"cd /mnt/project; {everywhere} {environment} python3 -m pytest -q -p no:cacheprovider {what}"
    done = machine.finish(command, timeout_s=LONG_S)
    print(done.output[-2000:])
    return done


def check_all_ran(done: Finished, *, at_least: int) -> None:
    assert done.code == 0
    passed = re.search(r"^(\d+) passed(, \d+ (deselected|warnings?))* in", done.output, re.MULTILINE)
    assert passed, "some were skipped"
    assert int(passed[1]) >= at_least


def test_contracts_hold_on_the_kernels_wires_and_camera(debian: Machine) -> None:
    environment = "KENSA_GPIO_CHIP=pinctrl-bcm2711 KENSA_V4L2_DEVICE=/dev/video3"
    done = run_inside(debian, "tests/contracts tests/test_v4l2.py -k 'kernel or v4l2'", environment=environment)
    check_all_ran(done, at_least=40)


def test_picamera2_itself_gives_frames_after_their_trigger_and_comes_back(debian: Machine) -> None:
    place = debian.share / "picamera2"
    unpacked_wheels(wheels(architecture="x86_64", requirements=PICAMERA2, with_needs=False), place)
    for name, content in ABSENT.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(content)
    check_all_ran(run_inside(debian, "tests/test_picamera_vimc.py", environment=""), at_least=5)
