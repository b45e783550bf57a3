"""Finished runs, read from their metrics.json."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.calibrate import Rate
from training.dataset import GOOD
from training.errors import DataSetError

METRICS = "metrics.json"
LARGEST_METRICS_BYTES = 500_000_000


class _Picture(BaseModel):
    model_config = ConfigDict(frozen=True)
    file: str
    label: str
    outcome: Literal["OK", "NG", "FAULT"]
    distance: float | None


class _Counted(BaseModel):
    events: int = Field(ge=0)
    trials: int = Field(ge=0)

    def rate(self) -> Rate:
        return Rate(events=self.events, trials=self.trials)


class _Test(BaseModel):
    auroc: float | None
    escapes: _Counted
    overkills: _Counted
    per_defect: dict[str, _Counted]
    pictures: list[_Picture]


class _Training(BaseModel):
    loss: str
    network: tuple[int, ...]
    is_good_only: bool
    seed: int
    data_sha256: str
    good_parts: int
    defect_parts: int


class _Limit(BaseModel):
    distance: float
    overkill_target: float


class _Metrics(BaseModel):
    bundle_sha256: str
    training: _Training
    metric: str = "euclidean"
    limit: _Limit
    seconds: float
    test: _Test | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedPart:
    """One test picture. key: label and file name, by which runs are compared. distance: infinity if not judged."""

    __test__ = False

    key: str
    label: str
    is_rejected: bool
    distance: float

    @property
    def is_good(self) -> bool:
        """The truth."""
        return self.label == GOOD

    @property
    def is_right(self) -> bool:
        """Good and passed, or defective and not."""
        return self.is_rejected is not self.is_good


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run with test pictures."""

    name: str
    bundle_sha256: str
    learned: str
    data_sha256: str
    limit: float
    overkill_target: float
    seconds: float
    auroc: float | None
    escapes: Rate
    overkills: Rate
    per_defect: dict[str, Rate]
    parts: list[TestedPart]


def read_run(path: Path) -> Run:
    """The run in a folder. Raises DataSetError, in one sentence, where it holds none or was never tested."""
    metrics = path / METRICS
    try:
        if metrics.stat().st_size > LARGEST_METRICS_BYTES:
            raise DataSetError(f"{metrics} is too large to be the figures of a run")
        found = _Metrics.model_validate(json.loads(metrics.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataSetError(f"{metrics} cannot be read ({error.strerror}): name a folder of 'training fit'") from error
    except (ValidationError, ValueError, RecursionError) as error:
        raise DataSetError(f"{metrics} is damaged, or of another version of training: fit the model again") from error
    if found.test is None:
        raise DataSetError(f"{path} was made without test pictures: there is nothing to compare or to count")
    training = found.training
    shown = "good parts only" if training.is_good_only else f"{training.defect_parts} defective"
    return Run(
        name=path.name or str(path),
        bundle_sha256=found.bundle_sha256,
        learned=f"{training.loss} {'-'.join(map(str, training.network))}, {found.metric}, seed {training.seed}, "
        f"{training.good_parts} good, {shown}",
        data_sha256=training.data_sha256,
        limit=found.limit.distance,
        overkill_target=found.limit.overkill_target,
        seconds=found.seconds,
        auroc=found.test.auroc,
        escapes=found.test.escapes.rate(),
        overkills=found.test.overkills.rate(),
        per_defect={label: counted.rate() for label, counted in found.test.per_defect.items()},
        parts=[_part(picture) for picture in found.test.pictures],
    )


def _part(picture: _Picture) -> TestedPart:
    return TestedPart(
        key=f"{picture.label}/{Path(picture.file).name}",
        label=picture.label,
        is_rejected=picture.outcome != "OK",
        distance=float("inf") if picture.distance is None else picture.distance,
    )
