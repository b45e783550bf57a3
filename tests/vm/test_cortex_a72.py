"""The demo model on the processor of a Raspberry Pi 4: every import works, and it sees what x86 sees."""

import json

import pytest

from edge.bundle import Bundle
from edge.drivers.connector import Defect, DefectKind, render
from edge.frame import Frame
from edge.inspection import DISTANCE_TOLERANCE, Inspector
from tests.vm.cortex_a72 import emulator, run_python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

PARTS = 6
LOOK = f"""
import json, platform
from edge.commands.assembly import demo_bundle_path, load_inspector
from edge.drivers.connector import Defect, DefectKind, render
from edge.frame import Frame
import cv2, gpiod, numpy, onnxruntime, pydantic, starlette, uvicorn, yaml
bundle, inspector = load_inspector(demo_bundle_path())  # the self-test: every golden picture within the tolerance
found = []
for part in range({PARTS}):
    defect = Defect(kind=DefectKind.MISSING, pin="52", amount=1.0) if part % 2 else None
    verdict = inspector.inspect(Frame(pixels=render(seed=9, part=part, defect=defect), source="")).verdict
    found.append([verdict.outcome.value, verdict.distance])
print(json.dumps({{"machine": platform.machine(), "python": platform.python_version(), "found": found}}))
"""


def test_a_cortex_a72_finds_the_golden_results_and_judges_like_this_machine(
    demo_bundle: Bundle, demo_inspector: Inspector
) -> None:
    emulator()
    told = json.loads(run_python(LOOK).splitlines()[-1])
    assert told["machine"] == "aarch64"
    assert told["python"].startswith("3.13.")
    for part, (outcome, distance) in enumerate(told["found"]):
        defect = Defect(kind=DefectKind.MISSING, pin="52", amount=1.0) if part % 2 else None
        here = demo_inspector.inspect(Frame(pixels=render(seed=9, part=part, defect=defect), source="")).verdict
        assert outcome == here.outcome.value
        assert distance == pytest.approx(here.distance, abs=DISTANCE_TOLERANCE * demo_bundle.manifest.limit.calibrated)
