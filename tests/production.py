"""Days of production for the tests of history and trends: records as the core writes them, only faster."""

import math
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.database import add_boot, insert, open_database
from edge.record import Imaging, ModelName, Record
from edge.rollups import Rollup
from edge.verdict import Outcome, Reason, Verdict, fault

MODEL = ModelName(product="test", serial=3, sha256="ab" * 32, map_sha256="cd" * 32, calibrated_limit=10.0)
STEP_S = 600
DAY_S = 86_400


def write(folder: Path, records: Iterable[Record], *, has_pictures: bool = False) -> int:
    """Write records into a data folder in one commit; how many. has_pictures: every part has one and the same."""
    folder.mkdir(parents=True, exist_ok=True)
    jpeg = picture() if has_pictures else None
    database = open_database(folder)
    written = 0
    try:
        rollup = Rollup()
        database.execute("BEGIN")
        add_boot(database, "a boot")
        for record in records:
            insert(database, record, boot_id="a boot", working=jpeg, rollup=rollup)
            written += 1
        rollup.write(database)
        database.execute("COMMIT")
    finally:
        database.close()
    return written


def production(
    *,
    until_s: int,
    days: float = 9,
    parts_a_step: int = 6,
    light_gain: Callable[[float], float] = lambda ago_s: 1.0,
    distance: Callable[[float], float] = lambda ago_s: 3.0,
    ng_share: Callable[[float], float] = lambda ago_s: 0.02,
    first: int = 1,
    seed: int = 1,
) -> Iterator[Record]:
    """Parts at even times up to `until_s`; what drifts is given by how many seconds before the end it is."""
    rng, sequence = random.Random(seed), first - 1
    apart_s = STEP_S / parts_a_step
    for place in range(int(days * DAY_S / apart_s), 0, -1):
        ago_s = place * apart_s
        sequence += 1
        seen = Imaging(
            light_gain=light_gain(ago_s) + 0.005 * math.sin(2 * math.pi * ago_s / DAY_S) + rng.gauss(0, 0.004),
            sharpness=300 + rng.gauss(0, 6),
            shift_x_percent=rng.gauss(0.1, 0.3),
            shift_y_percent=rng.gauss(-0.1, 0.3),
            rotation_degrees=rng.gauss(0, 0.2),
            fit=0.97 + rng.gauss(0, 0.005),
        )
        yield Record(
            sequence=sequence,
            verdict=_verdict(rng, distance(ago_s), ng_share(ago_s)),
            triggered_ns=10**9 * place,
            exposed_ns=10**9 * place + 4_000_000,
            judged_ns=10**9 * place + 38_000_000,
            output_ns=10**9 * place + int(max(20, rng.lognormvariate(3.7, 0.12)) * 1e6),
            wall_ns=int((until_s - ago_s) * 1e9),
            stages_ms=(("wait", 0.2), ("capture", 26.0), ("align", 3.0), ("map", 7.0), ("embed", 0.4), ("judge", 0.1)),
            source=f"part {sequence}",
            model=MODEL,
            imaging=seen,
            cell_map=cell_map(rng, rng.random() < 0.5),
        )


def cell_map(rng: random.Random, is_defective: bool) -> np.ndarray:
    """(36, 39) uint8: calm, with one conspicuous place where it is defective."""
    cells = np.full((36, 39), 40, np.uint8)
    cells[::3, ::4] = rng.randrange(30, 70)
    if is_defective:
        cells[14:17, 20:24] = 220
    return cells


def picture() -> bytes:
    """A grey picture of 312×288 pixels with something on it, as JPEG."""
    pixels = np.full((288, 312), 120, np.uint8)
    cv2.circle(pixels, (156, 144), 80, 180, -1)
    return bytes(cv2.imencode(".jpg", pixels)[1])


def _verdict(rng: random.Random, distance: float, ng_share: float) -> Verdict:
    if rng.random() < 0.005:
        return fault(Reason.BLURRED, "sharpness 1.0 is below 2.0")
    if rng.random() < ng_share:
        far = rng.uniform(12, 35)
        label = rng.choice(["bent_42", "missing_12", "scratched"])
        return Verdict(
            outcome=Outcome.NG, reason=Reason.TOO_FAR, distance=far, limit=10.0, nearest_label=label, cell=(15, 21)
        )
    near = min(9.9, max(0.2, rng.gauss(distance, 0.8)))
    return Verdict(outcome=Outcome.OK, reason=Reason.WITHIN_LIMIT, distance=near, limit=10.0, cell=(3, 4))
