"""What a run tells people and programs: metrics.json and report.html."""

from importlib import resources

import numpy as np
from jinja2 import Environment, StrictUndefined

from edge.inspection import Inspection
from edge.pictures import read_picture
from edge.verdict import Reason
from training.calibrate import CONDITION, MARGIN, Limit, parts_for
from training.dataset import Sample
from training.evaluate import Evaluation, Judged, as_json
from training.fit import Fitted
from training.gallery import scale_bar, scale_steps, sections_of, unusual_good_parts
from training.plots import (
    DEFECT_COLOUR,
    GOOD_COLOUR,
    TEST_COLOUR,
    Floats,
    Group,
    Plot,
    plot_embedding,
    plot_losses,
    plot_margins,
)

OTHER_LIMITS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5)  # as shares of the calibrated one


def metrics_of(fitted: Fitted, evaluation: Evaluation | None, *, seconds: float) -> dict[str, object]:
    """Everything measured in one run, as plain values."""
    manifest = fitted.bundle.manifest
    return {
        "bundle_sha256": fitted.bundle.sha256,
        "training": manifest.training.model_dump(mode="json"),
        "seconds": round(seconds, 1),
        "limit": manifest.limit.model_dump(mode="json"),
        "alignment": manifest.map.alignment.model_dump(mode="json"),
        "separation_in_training": fitted.learned.trained.separation,
        "onnx_parity": fitted.parity,
        "invisible_synthetic_defects": fitted.learned.good.invisible,
        "visible_synthetic_defects": len(fitted.learned.good.residues),
        "test": None if evaluation is None else as_json(evaluation),
    }


def report_of(fitted: Fitted, evaluation: Evaluation | None, metrics: dict[str, object]) -> str:
    """One self-contained HTML page for the people who run the line; reads the pictures that it shows again."""

    def look(sample: Sample) -> Inspection:
        return fitted.inspector.inspect(read_picture(sample.path))

    judged = [] if evaluation is None else evaluation.judged
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(resources.files("training").joinpath("report.html").read_text(encoding="utf-8"))
    return page.render(
        manifest=fitted.bundle.manifest,
        digest=fitted.bundle.sha256,
        alignment=fitted.learned.alignment,
        metrics=metrics,
        promise=promise_of(fitted.limit),
        evaluation=evaluation,
        counts=_counts(judged),
        other_limits=_other_limits(judged),
        margins=_margins(fitted, judged),
        losses=plot_losses(fitted.learned.trained.losses),
        embedding=_embedding(fitted, judged),
        sections=[*sections_of(judged, look), unusual_good_parts(fitted.calibration, look)],
        scale_bar=scale_bar(),
        scale_steps=scale_steps(),
    )


def promise_of(limit: Limit) -> str:
    """What is expected of the limit, what it guarantees and on what condition, in words."""
    words = (
        f"Of 1,000 good parts like these, about {1000 * limit.expected:.0f} are expected to be rejected "
        f"({100 * limit.expected:.1f}\N{NO-BREAK SPACE}%). Guaranteed, on average, are at most "
        f"{1000 * limit.guarantee:.0f} ({100 * limit.guarantee:.1f}\N{NO-BREAK SPACE}%){CONDITION}."
    )
    if limit.is_short:
        words += (
            f" {100 * limit.target:.1f} % was asked for; that takes {parts_for(limit.target)} good parts, and the "
            f"{limit.parts} that there are allow no better."
        )
    if limit.rule == "with_margin":
        words += f" The limit was widened {MARGIN}: a margin, no guarantee."
    return words


def _counts(judged: list[Judged]) -> list[tuple[str, int, dict[str, int]]]:
    """For good and defective parts: name, how many, and how many got each outcome."""
    rows = []
    for name, is_good in (("good", True), ("defective", False)):
        outcomes = [str(part.verdict.outcome) for part in judged if part.is_good is is_good]
        rows.append((name, len(outcomes), {outcome: outcomes.count(outcome) for outcome in ("OK", "NG", "FAULT")}))
    return rows


def _other_limits(judged: list[Judged]) -> list[tuple[float, int, int]]:
    """Share of the calibrated limit, escapes and overkills there."""
    return [
        (
            share,
            sum(not part.is_good and _passes(part, share) for part in judged),
            sum(part.is_good and not _passes(part, share) for part in judged),
        )
        for share in OTHER_LIMITS
    ]


def _passes(part: Judged, share: float) -> bool:
    margin = part.verdict.margin
    return margin is not None and margin <= share and part.verdict.reason is not Reason.UNLIKE_ANY_PART


def _margins(fitted: Fitted, judged: list[Judged]) -> Plot:
    def group(name: str, parts: list[Judged], marker: str, colour: str) -> Group:
        distances = np.array([part.verdict.distance for part in parts if part.verdict.distance is not None])
        return Group(name=name, values=distances / fitted.limit.distance, marker=marker, colour=colour)

    groups = [group("good, calibration", fitted.calibration, "o", GOOD_COLOUR)]
    if judged:
        good, defective = [part for part in judged if part.is_good], [part for part in judged if not part.is_good]
        groups += [
            group("good, test", good, "s", TEST_COLOUR),
            group("defective, test", defective, "^", DEFECT_COLOUR),
        ]
    return plot_margins(groups)


def _embedding(fitted: Fitted, judged: list[Judged]) -> Plot:
    learned = fitted.learned
    defects = [*learned.embeddings_defects.values()]
    groups = [
        Group(name="good, learned from", values=learned.embeddings_good, marker="o", colour=GOOD_COLOUR),
        Group(
            name="defective, learned from",
            values=_stacked(defects),
            marker="v",
            colour=DEFECT_COLOUR,
            is_filled=False,
        ),
        _embedding_group("good, test", [part for part in judged if part.is_good], "s", TEST_COLOUR),
        _embedding_group("defective, test", [part for part in judged if not part.is_good], "^", DEFECT_COLOUR),
    ]
    return plot_embedding(groups, centroid=fitted.bundle.centroids.good, limit=fitted.limit.distance)


def _embedding_group(name: str, parts: list[Judged], marker: str, colour: str) -> Group:
    values = _stacked([part.embedding[np.newaxis] for part in parts if part.embedding is not None])
    return Group(name=name, values=values, marker=marker, colour=colour)


def _stacked(embeddings: list[Floats]) -> Floats:
    return np.concatenate(embeddings) if embeddings else np.zeros((0, 0), np.float32)
