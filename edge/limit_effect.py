"""What another limit would have said of the last parts, from the distances that were recorded."""

import math
from dataclasses import dataclass
from pathlib import Path

from edge.database import reading
from edge.verdict import Reason

LAST_PARTS = 5000
DISTANCES = """
    SELECT sequence, distance, reason FROM parts JOIN models ON models.number = parts.model
    WHERE models.sha256 = ? AND outcome IN ('OK', 'NG') ORDER BY sequence DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Of the last `parts`: newly_ng, newly_ok: numbers of those that another limit would judge otherwise."""

    parts: int
    newly_ng: tuple[int, ...]
    newly_ok: tuple[int, ...]


def distances(data: Path, *, model_sha256: str, most: int = LAST_PARTS) -> list[tuple[int, float]]:
    """(sequence, distance) of the last parts that this model judged in time, the newest first.

    A part unlike any that was taught is NG at any limit: its distance counts as infinite.
    Raises RecordError if they cannot be read.
    """
    with reading(data) as database:
        rows = database.execute(DISTANCES, (model_sha256, most)).fetchall()
    unlike = Reason.UNLIKE_ANY_PART.value
    return [(sequence, math.inf if reason == unlike else distance) for sequence, distance, reason in rows]


def effect_of(found: list[tuple[int, float]], *, limit: float, instead_of: float) -> Effect:
    """What `limit` would say otherwise than `instead_of`; on the limit is still good."""
    return Effect(
        parts=len(found),
        newly_ng=tuple(sequence for sequence, distance in found if limit < distance <= instead_of),
        newly_ok=tuple(sequence for sequence, distance in found if instead_of < distance <= limit),
    )
