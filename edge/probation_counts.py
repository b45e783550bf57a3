"""How far a probation has come, on the disk: the next start of the core goes on from there.

The file is written whole, some parts behind what has happened and never before it. It belongs to one probation: of this
very model, after that very model, since this very moment; with any other it counts nothing.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from edge.errors import RecordError
from edge.manifest import Digest
from edge.probation import Tally
from edge.settings import Strict
from edge.whole_files import write_whole

FILE_NAME = "probation.json"
DIGEST_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WhichTrial:
    """One probation: digests of the model and of the one before it, and when it was activated (wall clock)."""

    model: str
    before: str
    began_ns: int


class _Kept(Strict):
    """A probation and its counts."""

    model: Digest
    before: Digest
    began_ns: int
    parts: int = Field(ge=0)
    faults: int = Field(ge=0)
    late: int = Field(ge=0)
    ng: int = Field(ge=0)
    compared: int = Field(ge=0)
    only_new_ng: int = Field(ge=0)
    only_old_ng: int = Field(ge=0)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        differing = self.only_new_ng + self.only_old_ng
        if not (differing <= self.compared <= self.parts and self.late <= self.faults <= self.parts - self.ng):
            raise ValueError("these counts cannot be")
        return self


def write_tally(folder: Path, trial: WhichTrial, tally: Tally) -> None:
    """Keep the counts of a probation. Raises RecordError, and the counts before are still there then."""
    text = _Kept(**asdict(trial), **asdict(tally)).model_dump_json().encode()
    path = folder / FILE_NAME
    try:
        write_whole(path, f"{hashlib.sha256(text).hexdigest()}\n".encode() + text)
    except OSError as error:
        raise RecordError(f"{path.name}: the counts of the probation cannot be kept: {error.strerror}") from error


def read_tally(folder: Path, trial: WhichTrial) -> Tally:
    """The counts of this probation; none where none were kept, or those of another one.

    Raises RecordError for a file that is damaged.
    """
    path = folder / FILE_NAME
    damaged = RecordError(f"{path.name}: the counts of the probation cannot be read")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Tally()
    except OSError as error:
        raise damaged from error
    digest, text = raw[:DIGEST_DIGITS], raw[DIGEST_DIGITS + 1 :]
    if hashlib.sha256(text).hexdigest().encode() != digest:
        raise damaged
    try:
        kept = _Kept.model_validate_json(text).model_dump()
    except ValidationError as error:
        raise damaged from error
    whose = WhichTrial(**{name: kept.pop(name) for name in ("model", "before", "began_ns")})
    return Tally(**kept) if whose == trial else Tally()
