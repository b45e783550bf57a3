"""A limit that a person has moved: kept in the data folder for the model it was moved for, until it is moved back."""

import math
from pathlib import Path

from pydantic import Field, ValidationError

from edge.errors import EdgeError, RecordError
from edge.manifest import Digest
from edge.settings import Strict
from edge.whole_files import write_whole

FILE_NAME = "limits.json"
MOST_MODELS = 50
LEAST, MOST = 0.05, 5.0
"""How far a limit may be moved, as shares of the calibrated one: too low rejects too much, too high lets through."""


class MovedLimits(Strict):
    """limits: by the digest of the model's archive, the last moved one last."""

    limits: dict[Digest, float] = Field(default={}, max_length=MOST_MODELS)


def read_limit(folder: Path, *, model_sha256: str) -> float | None:
    """The limit that was set for this model, None if it is the calibrated one.

    Raises RecordError for a damaged file: nobody knows then which limit was meant.
    """
    return _read(folder).limits.get(model_sha256)


def write_limit(folder: Path, limit: float | None, *, model_sha256: str) -> None:
    """Keep a limit, whole or not at all; None is the calibrated one. Raises RecordError. Mends a damaged file."""
    try:
        others = _read(folder).limits
    except RecordError:
        others = {}
    kept = {sha256: other for sha256, other in others.items() if sha256 != model_sha256}
    if limit is not None:
        kept[model_sha256] = limit
    text = MovedLimits(limits=dict(list(kept.items())[-MOST_MODELS:])).model_dump_json()
    path = folder / FILE_NAME
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise RecordError(f"{path.name}: the limit cannot be kept: {error.strerror}") from error


def check_limit(limit: float, *, calibrated: float) -> None:
    """Raises EdgeError unless this can be meant."""
    if not (math.isfinite(limit) and LEAST * calibrated <= limit <= MOST * calibrated):
        least, most = LEAST * calibrated, MOST * calibrated
        raise EdgeError(f"a limit of {limit:g} cannot be meant: it may lie between {least:.4g} and {most:.4g}")


def _read(folder: Path) -> MovedLimits:
    path = folder / FILE_NAME
    try:
        return MovedLimits.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return MovedLimits()
    except (OSError, ValidationError) as error:
        raise RecordError(f"{path.name}: the moved limits cannot be read; set the limit again") from error
