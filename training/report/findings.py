"""Everything that a run found, gathered once: what metrics.json and report.html say has one source."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from edge.bundle import Bundle
from training.benchmark.figures import confusion_of
from training.dataset import GOOD
from training.evaluate import Evaluation, as_json
from training.fit import Fitted, farthest_of_parts
from training.report.distances import Ranked, distances_of
from training.report.embedding import Check, Flattened, Point, checks_of, flattened, points_of
from training.report.kinds import kind_of
from training.report.shortages import Shortage, shortages
from training.report.trade import Trade, trade_of
from training.sample_size import quantile_interval
from training.tool import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCount:
    """Pictures of one label."""

    label: str
    taught: int
    tested: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """One run. evaluation, trade: None without test pictures. confusion: counts by truth, then by what was said.

    limit_interval: where the distance lies below which as many good parts lie as were asked for, with 95 % confidence;
    an end is None where there are too few parts to say. finished: date and time with its zone; seconds: of the run.
    """

    fitted: Fitted
    evaluation: Evaluation | None
    seconds: float
    finished: str
    counts: list[LabelCount]
    limit_interval: tuple[float | None, float | None]
    trade: Trade | None
    confusion: Mapping[str, Mapping[str, int]]
    points: list[Point]
    flattened: Flattened
    checks: list[Check]
    distances: list[Ranked]
    shortages: list[Shortage]

    @property
    def kind_counts(self) -> list[LabelCount]:
        """The same pictures by kind of defect, whatever their address."""
        kinds = dict.fromkeys(kind_of(count.label) for count in self.counts)
        of_kind = {kind: [count for count in self.counts if kind_of(count.label) == kind] for kind in kinds}
        return [
            LabelCount(label=kind, taught=sum(one.taught for one in counts), tested=sum(one.tested for one in counts))
            for kind, counts in of_kind.items()
        ]

    @property
    def bundle(self) -> Bundle:
        """The finished model."""
        return self.fitted.bundle


def findings_of(fitted: Fitted, evaluation: Evaluation | None, *, seconds: float, finished: str) -> Findings:
    """Gather them."""
    learned, judged = fitted.learned, [] if evaluation is None else evaluation.judged
    points = points_of(learned, judged)
    return Findings(
        fitted=fitted,
        evaluation=evaluation,
        seconds=seconds,
        finished=finished,
        counts=_counts(fitted, evaluation),
        limit_interval=quantile_interval(farthest_of_parts(fitted.calibration), 1 - fitted.limit.target),
        trade=trade_of(judged) if judged else None,
        confusion=confusion_of(judged),
        points=points,
        flattened=flattened(points, fitted.bundle.centroids.good),
        checks=checks_of(fitted),
        distances=distances_of(learned, judged, None if evaluation is None else evaluation.auroc),
        shortages=shortages(
            learned_from=learned.learned_from,
            defective=learned.defective,
            evaluation=evaluation,
            limit=fitted.limit,
        ),
    )


def metrics_of(findings: Findings) -> dict[str, object]:
    """Everything measured in one run, as plain values."""
    fitted, manifest = findings.fitted, findings.bundle.manifest
    return {
        "bundle_sha256": findings.bundle.sha256,
        "product": manifest.product,
        "serial": manifest.serial,
        "training": manifest.training.model_dump(mode="json"),
        "counts": plain(findings.counts),
        "finished": findings.finished,
        "seconds": round(findings.seconds, 1),
        "metric": manifest.metric.value,
        "limit": manifest.limit.model_dump(mode="json"),
        "limit_interval_95": plain(findings.limit_interval),
        "window": None if manifest.map.window is None else manifest.map.window.model_dump(mode="json"),
        "left_out": {sample.path.name: why for sample, why in fitted.learned.left_out.items()},
        "alignment": manifest.map.alignment.model_dump(mode="json"),
        "separation_in_training": fitted.learned.trained.separation,
        "losses": fitted.learned.trained.losses,
        "separations": fitted.learned.trained.separations,
        "onnx_parity": fitted.parity,
        "invisible_synthetic_defects": fitted.learned.good.invisible,
        "visible_synthetic_defects": len(fitted.learned.good.residues),
        "explained_variance": findings.flattened.explained,
        "checks": plain(findings.checks),
        "distances": plain(findings.distances),
        "shortages": plain(findings.shortages),
        "confusion": plain(findings.confusion),
        "test": None if findings.evaluation is None else as_json(findings.evaluation),
    }


def _counts(fitted: Fitted, evaluation: Evaluation | None) -> list[LabelCount]:
    taught = Counter(sample.label for sample in (*fitted.learned.learned_from, *fitted.learned.defective))
    tested = Counter(part.sample.label for part in (evaluation.judged if evaluation else []))
    labels = sorted({*taught, *tested}, key=lambda label: (label != GOOD, label))
    return [LabelCount(label=label, taught=taught[label], tested=tested[label]) for label in labels]
