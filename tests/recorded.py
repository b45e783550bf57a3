"""Records for tests that look something up: as many parts as they want, written as the core writes them."""

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge.database import add_boot, insert, open_database
from edge.frame import Pixels
from edge.record import Imaging, ModelName, Record
from edge.rollups import Rollup
from edge.verdict import Outcome, Reason, Verdict, fault

BEGAN_NS = 1_780_000_000 * 10**9
TAKT_S = 2.0
SHIFT_PARTS, SHIFTS_A_DAY = 14_400, 2  # of eight hours each
LABELS = ("bent_11", "bent_42", "missing_52", "contaminated_7")
STAGES_MS = (("wait", 0.1), ("capture", 20.0), ("align", 11.0), ("quality", 1.5), ("map", 17.0), ("embed", 0.3))


def _model(serial: int) -> ModelName:
    digest = f"{serial:064x}"
    return ModelName(product="bracket", serial=serial, sha256=digest, map_sha256=digest, calibrated_limit=2.0)


MODELS = (_model(1), _model(2))
PARTS_A_COMMIT = 5_000


def parts(
    number: int,
    *,
    seed: int = 0,
    first: int = 1,
    maps: Pixels | None = None,
    models: tuple[ModelName, ModelName] = MODELS,
    verdicts: tuple[Verdict, ...] = (),
    began_ns: int = BEGAN_NS,
) -> Iterator[Record]:
    """So many parts: 3 % NG, 1 % FAULT, drifting distance, light that dims, a second model half way.

    began_ns: when part 1 came, since 1970. maps: (M, rows, columns) uint8, taken in turns. verdicts: those on the maps,
    instead of made-up ones.
    """
    rng = random.Random(seed)
    for sequence in range(first, first + number):
        day, in_day = divmod(sequence - 1, SHIFT_PARTS * SHIFTS_A_DAY)
        wall_ns = began_ns + int((day * 86_400 + in_day * TAKT_S) * 1e9)
        triggered_ns = wall_ns - began_ns + 10**9
        verdict = _verdict(rng, share=(sequence - first) / max(number, 1))
        if verdicts and verdict.distance is not None:
            verdict = verdicts[sequence % len(verdicts)]
        is_seen = verdict.distance is not None
        output_ns = triggered_ns + int(rng.lognormvariate(4.4, 0.1) * 1e6)
        yield Record(
            sequence=sequence,
            verdict=verdict,
            triggered_ns=triggered_ns,
            wall_ns=wall_ns,
            exposed_ns=triggered_ns + 10**7 if is_seen else None,
            judged_ns=output_ns - 10**6 if is_seen else None,
            output_ns=output_ns,
            stages_ms=(
                ("wait", 0.1),
                ("capture", 20.0),
                ("align", 11.0),
                ("quality", 1.5),
                ("map", 17.0),
                ("embed", 0.3),
            ),
            source=f"frame {sequence}",
            model=models[(sequence - first) * 2 >= number],
            is_late=verdict.reason is Reason.LATE,
            imaging=_imaging(rng, sequence / (first + number)) if is_seen else None,
            cell_map=maps[sequence % len(maps)] if maps is not None and is_seen else None,
        )


def write_parts(
    folder: Path,
    number: int,
    *,
    seed: int = 0,
    maps: Pixels | None = None,
    jpeg: bytes | None = None,
    models: tuple[ModelName, ModelName] = MODELS,
    verdicts: tuple[Verdict, ...] = (),
    began_ns: int = BEGAN_NS,
) -> None:
    """Add parts to a folder's records, thousands in a commit; everything else is as the core does it.

    jpeg: the working picture of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(folder)
    try:
        database.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug on a test
        first = int(database.execute("SELECT coalesce(max(sequence), 0) + 1 FROM parts").fetchone()[0])
        batch: list[Record] = []
        made = parts(number, seed=seed, first=first, maps=maps, models=models, verdicts=verdicts, began_ns=began_ns)
        for record in made:
            batch.append(record)
            if len(batch) == PARTS_A_COMMIT:
                _commit(database, batch, jpeg)
                batch = []
        _commit(database, batch, jpeg)
    finally:
        database.close()


def _commit(database: sqlite3.Connection, batch: list[Record], jpeg: bytes | None) -> None:
    rollup = Rollup()
    database.execute("BEGIN")
    add_boot(database, "boot-1")
    for record in batch:
        insert(database, record, boot_id="boot-1", working=jpeg, rollup=rollup)
    rollup.write(database)
    if batch:
        last = batch[-1]
        database.execute("UPDATE progress SET begun = ?, newest_wall_ns = ?", (last.sequence, last.wall_ns))
    database.execute("COMMIT")


def _verdict(rng: random.Random, *, share: float) -> Verdict:
    kind = rng.random()
    if kind < 0.006:
        return fault(Reason.BLURRED, "sharpness 1.0 is below 2.0")
    if kind < 0.01:
        return fault(rng.choice((Reason.LATE, Reason.TRIGGER_WHILE_BUSY)))
    is_ng = kind < 0.04
    distance = rng.uniform(2.2, 9.0) if is_ng else min(abs(rng.gauss(0.9 + 0.2 * share, 0.15)), 1.999)
    return Verdict(
        outcome=Outcome("NG" if is_ng else "OK"),
        reason=Reason.TOO_FAR if is_ng else Reason.WITHIN_LIMIT,
        distance=distance,
        limit=2.1,
        nearest_label=rng.choice(LABELS),
        cell=(rng.randrange(36), rng.randrange(39)),
    )


def _imaging(rng: random.Random, share: float) -> Imaging:
    return Imaging(
        light_gain=1.0 - 0.1 * share + rng.gauss(0, 0.01),
        sharpness=400.0 + rng.gauss(0, 20),
        shift_x_percent=rng.gauss(0.5 * share, 0.5),
        shift_y_percent=rng.gauss(0, 0.5),
        rotation_degrees=rng.gauss(0, 0.4),
        fit=0.99,
    )


def random_maps(number: int) -> Pixels:
    """(number, 36, 39) uint8 as of good parts and a few with a strong cell."""
    rng = np.random.default_rng(0)
    maps = np.clip(rng.normal(42, 12, (number, 36, 39)), 0, 255).astype(np.uint8)
    maps[::30, 10:13, 20:23] = 230
    return maps
