"""Which models are made of a data set, what each learns from, and what it is judged on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from training.benchmark.bends import OVERKILL_ALLOWED, Found, Truth, found_at, limit_for_overkill
from training.benchmark.figures import Figures, figures_of
from training.calibrate import Limit
from training.dataset import GOOD, DataSet, Sample, split_by_part
from training.errors import DataSetError
from training.evaluate import Judged, judge_all
from training.fit import Fitted, fit
from training.learn import FitSettings

SHARE_TO_LEARN_FROM = 0.5


class Kind(StrEnum):
    """What a model is taught."""

    GOOD_ONLY = "good-only"
    WITH_DEFECTS = "with-defects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """A data set as one model sees it, and in words what it learns from and is judged on."""

    dataset: DataSet
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One model that was made and judged.

    words: what it learned from and was judged on. seconds: to fit it. bends: on the rendered connector, what is found
    at each of the limits looked at, by its name; otherwise empty.
    """

    data: str
    kind: Kind
    loss: str
    network: str
    seed: int
    words: str
    seconds: float
    limit: Limit
    figures: Figures
    bends: dict[str, Found]


def divided(dataset: DataSet, kind: Kind, *, seed: int) -> Division:
    """The same data set; where a model shall know defects and there are none to learn from, half of the defective test
    parts of every label go over to training, and the other half and the good test parts are judged."""
    if kind is Kind.WITH_DEFECTS and not dataset.labels:
        return _with_test_defects(dataset, seed=seed)
    taught = [sample for sample in dataset.train if kind is Kind.WITH_DEFECTS or sample.label == GOOD]
    return Division(
        dataset=replace(dataset, train=tuple(taught)),
        words=f"learns from {_counts(taught)}; judged: {_counts(dataset.test)}",
    )


def measure(
    division: Division, settings: FitSettings, *, kind: Kind, network: str, truth: Truth | None = None
) -> Measured:
    """Make one model and judge the test pictures by the device's own path. truth: of a rendered connector."""
    began = time.monotonic()
    fitted = fit(division.dataset, settings)
    seconds = time.monotonic() - began
    judged = judge_all(fitted.inspector, division.dataset.test)
    return Measured(
        data=division.dataset.root.name,
        kind=kind,
        loss=settings.training.loss.value,
        network=network,
        seed=settings.training.seed,
        words=division.words,
        seconds=seconds,
        limit=fitted.limit,
        figures=figures_of(judged, seed=settings.training.seed),
        bends={} if truth is None else _bends(fitted, judged, truth, root=division.dataset.root),
    )


def _bends(fitted: Fitted, judged: list[Judged], truth: Truth, *, root: Path) -> dict[str, Found]:
    good = [part for part in judged if part.is_good]
    limits = {"calibrated limit": fitted.limit.distance}
    if good:
        named = f"limit for {OVERKILL_ALLOWED:.1%} overkill of these {len(good)} good parts"
        limits[named] = limit_for_overkill(good, OVERKILL_ALLOWED)
    grid = fitted.bundle.manifest.map.grid
    return {name: found_at(limit, judged, truth, root=root, grid=grid) for name, limit in limits.items()}


def _with_test_defects(dataset: DataSet, *, seed: int) -> Division:
    kept = [sample for sample in dataset.test if sample.label == GOOD]
    moved: list[Sample] = []
    for label in sorted({sample.label for sample in dataset.test} - {GOOD}):
        of_label = [sample for sample in dataset.test if sample.label == label]
        taught, judged = split_by_part(of_label, share=1 - SHARE_TO_LEARN_FROM, seed=seed)
        moved += taught
        kept += judged
    if not moved:
        raise DataSetError(f"{dataset.root}: no defect has two parts in 'test', one to teach and one to judge")
    return Division(
        dataset=replace(dataset, train=(*dataset.train, *moved), test=tuple(kept)),
        words=f"learns from {len(dataset.train)} good pictures and {len(moved)} defective ones of 'test', "
        f"which are not judged; judged: {_counts(kept)}",
    )


def _counts(samples: Sequence[Sample]) -> str:
    good = sum(sample.label == GOOD for sample in samples)
    return f"{good} good and {len(samples) - good} defective pictures"
