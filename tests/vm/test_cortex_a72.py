"""The demo model on the processor of a Raspberry Pi 4: every import works, and it sees what x86 sees."""

import json
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.drivers.connector import Defect, DefectKind, render
from edge.frame import Frame
from edge.inspection import DISTANCE_TOLERANCE, MAP_TOLERANCE_LEVELS, MOST_CELLS_BEYOND, Inspector
from tests.vm.cortex_a72 import emulator, run_python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

PARTS = 24
DEFECTS = (
    None,
    Defect(kind=DefectKind.MISSING, pin="52", amount=1.0),
    None,
    Defect(kind=DefectKind.BENT_X, pin="42", amount=12.0),
)
LOOK = """
import json, platform
from edge.commands.loading import demo_bundle_path, load_inspector
from edge.frame import Frame
import cv2, gpiod, numpy, onnxruntime, pydantic, starlette, uvicorn, yaml
bundle, inspector = load_inspector(demo_bundle_path())  # the self-test: every golden picture within the tolerance
found, maps = [], []
for pixels in numpy.load({frames!r}):
    inspection = inspector.inspect(Frame(pixels=pixels, source=""))
    found.append([inspection.verdict.outcome.value, inspection.verdict.distance])
    maps.append(inspection.cell_map)
numpy.save({maps!r}, numpy.stack(maps))
print(json.dumps({{"machine": platform.machine(), "python": platform.python_version(), "found": found}}))
"""


def test_a_cortex_a72_finds_the_golden_results_and_judges_like_this_machine(
    demo_bundle: Bundle, demo_inspector: Inspector, tmp_path: Path
) -> None:
    emulator()
    frames = [render(seed=101, part=part, defect=DEFECTS[part % len(DEFECTS)]) for part in range(PARTS)]
    np.save(tmp_path / "frames.npy", np.stack(frames))
    look = LOOK.format(frames=str(tmp_path / "frames.npy"), maps=str(tmp_path / "maps.npy"))
    told = json.loads(run_python(look).splitlines()[-1])
    assert told["machine"] == "aarch64"
    assert told["python"].startswith("3.13.")
    distances, levels = [], []
    for pixels, cell_map, (outcome, distance) in zip(
        frames, np.load(tmp_path / "maps.npy"), told["found"], strict=True
    ):
        here = demo_inspector.inspect(Frame(pixels=pixels, source=""))
        assert here.verdict.distance is not None
        assert here.cell_map is not None
        assert outcome == here.verdict.outcome.value
        distances.append(abs(distance - here.verdict.distance) / demo_bundle.manifest.limit.calibrated)
        levels.append(np.abs(cell_map.astype(int) - here.cell_map))
    beyond = [float(np.mean(difference > MAP_TOLERANCE_LEVELS)) for difference in levels]
    print(
        f"{PARTS} parts: distances differ by up to {100 * max(distances):.2f} % of the limit, cells by up to "
        f"{np.max(levels)} levels, by more than {MAP_TOLERANCE_LEVELS} in up to {100 * max(beyond):.1f} % of a map"
    )
    assert max(distances) <= DISTANCE_TOLERANCE
    assert max(beyond) <= MOST_CELLS_BEYOND
