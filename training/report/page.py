"""One self-contained HTML page for the people who run the line, in English and Japanese."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from edge.channels import COLOUR_STEP_PX
from edge.frame import Pixels
from edge.inspection import Inspection
from edge.pictures import read_picture
from edge.preprocess import References
from edge.scoring import Metric
from training.calibrate import Rate
from training.dataset import Sample
from training.evaluate import Judged
from training.fit import Fitted
from training.progress import progress
from training.report import charts
from training.report.document import template_of, text_of
from training.report.embedding import Point, nearest_taught
from training.report.findings import Findings
from training.report.gallery import mistakes_of, scale_bar, scale_steps, sections_of, unusual_good_parts
from training.report.kinds import confusion_table
from training.report.pictures import coloured, jpeg, small
from training.report.sentences import (
    advice_of,
    alignment_of,
    counted,
    interval_of,
    intro_of,
    named,
    promise_of,
    rate_told,
    shown_of,
    whole_rate_told,
)
from training.report.wording import LANGUAGES, Told, joined, label_told, told

OTHER_LIMITS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5)  # as shares of the calibrated one
MOST_SMALL_PICTURES = 1200  # about 5 MB of them
NEIGHBOURS_OF = 6


def report_of(findings: Findings, *, language: str = "en") -> str:
    """The page; reads the pictures that it shows again. language: which of the two is shown first."""
    words = {"label_told": label_told, "named": named, "counted": counted}
    figures = {"rate": rate_told, "whole": whole_rate_told, "range_of": interval_of}
    page = template_of("report/page.html", language=language, script=text_of("page.js"), **words, **figures)
    smalls = SmallPictures()
    return page.render(
        **_figures(findings),
        **_charts(findings),
        **_pictures(findings),
        points=_point_table(findings.points, smalls),
        neighbours=_neighbours(findings, smalls),
    )


def _figures(findings: Findings) -> dict[str, object]:
    """What the page says in numbers and words."""
    fitted = findings.fitted
    return {
        "findings": findings,
        "fitted": fitted,
        "manifest": findings.bundle.manifest,
        "evaluation": findings.evaluation,
        "intro": intro_of(fitted),
        "shown": shown_of(fitted.bundle.manifest),
        "alignment": alignment_of(fitted),
        "promise": promise_of(fitted.limit),
        "counts": _outcomes(_judged(findings)),
        "other_limits": _other_limits(findings),
        "confusion": confusion_table(findings.confusion),
        "trade": _trade(findings),
        "advice": [advice_of(shortage) for shortage in findings.shortages],
    }


def _charts(findings: Findings) -> dict[str, object]:
    limit, trained = findings.fitted.limit.distance, findings.fitted.learned.trained
    is_euclidean = findings.bundle.manifest.metric is Metric.EUCLIDEAN
    every = max(1, round(len(trained.losses) / max(1, len(trained.separations))))
    step = told("chart.step")
    return {
        "limit_chart": _limit_chart(findings),
        "roc": charts.roc_chart(findings.trade, limit) if findings.trade and not _is_one_sided(findings) else None,
        "losses": charts.curve_chart(trained.losses, every=1, name=told("chart.loss"), across=step),
        "separations": charts.curve_chart(
            trained.separations, every=every, name=told("chart.separation"), across=step, high=1.0
        ),
        "scatter": charts.scatter_chart(findings.points, findings.flattened, limit=limit if is_euclidean else None),
        "scree": charts.scree_chart(findings.flattened.explained),
        "legend": charts.scatter_legend(findings.points),
    }


def _pictures(findings: Findings) -> dict[str, object]:
    fitted, judged = findings.fitted, _judged(findings)

    def look(sample: Sample) -> Inspection:
        return fitted.inspector.inspect(read_picture(sample.path))

    return {
        "sections": [*sections_of(judged, look), unusual_good_parts(fitted.calibration, look)],
        "means": _means(fitted, judged),
        "scale_bar": scale_bar(),
        "scale_steps": scale_steps(),
    }


def _judged(findings: Findings) -> list[Judged]:
    return [] if findings.evaluation is None else findings.evaluation.judged


class SmallPictures:
    """Small pictures of samples, each read once, and no more of them than a page should carry."""

    def __init__(self) -> None:
        self._kept: dict[Sample, str] = {}

    def of(self, sample: Sample) -> str | None:
        """A data URI; None where there are too many already."""
        if sample not in self._kept and len(self._kept) < MOST_SMALL_PICTURES:
            self._kept[sample] = small(read_picture(sample.path).pixels)
        return self._kept.get(sample)


def _outcomes(judged: Sequence[Judged]) -> list[tuple[bool, int, dict[str, int]]]:
    """For good and defective parts: whether good, how many, and how many got each outcome."""
    rows = []
    for is_good in (True, False):
        outcomes = [str(part.verdict.outcome) for part in judged if part.is_good is is_good]
        rows.append((is_good, len(outcomes), {name: outcomes.count(name) for name in ("OK", "NG", "FAULT")}))
    return rows


def _other_limits(findings: Findings) -> list[tuple[float, Rate, Rate]]:
    """Share of the calibrated limit, escapes and overkills there."""
    if findings.trade is None:
        return []
    distance = findings.fitted.limit.distance
    return [(share, *findings.trade.at(share * distance)) for share in OTHER_LIMITS]


def _is_one_sided(findings: Findings) -> bool:
    """True where good or defective test parts are missing."""
    return findings.evaluation is None or findings.evaluation.auroc is None


def _limit_chart(findings: Findings) -> Markup:
    limit = findings.fitted.limit.distance
    judged = _judged(findings)

    def shares(parts: Sequence[Judged]) -> list[float]:
        return [part.verdict.distance / limit for part in parts if part.verdict.distance is not None]

    groups = {
        "calibration": shares(findings.fitted.calibration),
        "good": shares([part for part in judged if part.is_good]),
        "defective": shares([part for part in judged if not part.is_good]),
    }
    scale = charts.limit_scale([share for group in groups.values() for share in group])
    return charts.limit_chart(scale, **groups, trade=findings.trade, limit=limit, interval=findings.limit_interval)


def _trade(findings: Findings) -> dict[str, object] | None:
    """What the page's script looks up when the limit is moved: it counts nothing itself."""
    trade, limit = findings.trade, findings.fitted.limit.distance
    if trade is None:
        return None

    def words(rates: Sequence[Rate]) -> dict[int, list[str]]:
        return {rate.events: _both(whole_rate_told(rate)) for rate in rates}

    return {
        "limit": limit,
        "limits": trade.limits,
        "escapes": [rate.events for rate in trade.escapes],
        "overkills": [rate.events for rate in trade.overkills],
        "escape_words": words(trade.escapes),
        "overkill_words": words(trade.overkills),
        "roc": [] if _is_one_sided(findings) else charts.roc_points(trade),
    }


def _both(words: Told) -> list[str]:
    return [getattr(words, code) for code in LANGUAGES]


def _point_table(points: Sequence[Point], smalls: SmallPictures) -> list[list[object]]:
    """What the page shows of a point: file, words in both languages, small picture or None."""
    judged_first = sorted(points, key=lambda point: point.judged is None)
    for point in progress(judged_first, "small pictures"):
        smalls.of(point.sample)
    return [[_file(point.sample), *_both(_point_words(point)), smalls.of(point.sample)] for point in points]


def _point_words(point: Point) -> Told:
    margin = None if point.judged is None else point.judged.verdict.margin
    said = told("scatter.taught") if margin is None else told("scatter.tested", margin=f"{margin:.2f}")
    return joined([label_told(point.sample.label), said])


def _neighbours(findings: Findings, smalls: SmallPictures) -> list[dict[str, object]]:
    """The worst mistakes, each with the parts that it looks like to the model."""
    taught = [point for point in findings.points if point.judged is None]
    rows = []
    for part in mistakes_of(_judged(findings))[:NEIGHBOURS_OF]:
        assert part.embedding is not None
        near = [
            {
                "file": _file(point.sample),
                "words": told("neighbours.distance", label=label_told(point.sample.label), distance=f"{distance:.2f}"),
                "picture": smalls.of(point.sample),
            }
            for point, distance in nearest_taught(part.embedding, taught)
        ]
        point = Point(sample=part.sample, at=part.embedding, judged=part)
        rows.append(
            {"file": _file(part.sample), "words": _point_words(point), "picture": smalls.of(part.sample), "near": near}
        )
    return rows


def _means(fitted: Fitted, judged: Sequence[Judged]) -> list[tuple[Told, str, bool]]:
    """Words, picture, and whether it is a map: reference, spread, mean maps."""
    references, maps = fitted.bundle.references, fitted.learned.good.maps
    spread = _spread(references)
    most = max(float(spread.max()), 1e-6)
    found = [
        (told("means.reference"), jpeg(references.picture), False),
        (told("means.spread", levels=f"{most:.0f}"), coloured(_levels(255 * spread / most)), False),
        (told("means.good"), coloured(_levels(maps.mean(axis=0))), True),
    ]
    defective = [part.cell_map for part in judged if not part.is_good and part.cell_map is not None]
    if defective:
        found.append((told("means.defective"), coloured(_levels(np.mean(defective, axis=0))), True))
    return found


def _spread(references: References) -> np.ndarray:
    """(H, W): how far apart the usual levels of a pixel lie, the mean of its channels."""
    height, width = references.picture.shape[:2]
    colours = references.colour_upper - references.colour_lower
    in_full = colours.repeat(COLOUR_STEP_PX, axis=0).repeat(COLOUR_STEP_PX, axis=1)
    both = np.concatenate([references.upper - references.lower, in_full.reshape(height, width, -1)], axis=2)
    return np.asarray(both.mean(axis=2))


def _levels(values: np.ndarray) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _file(sample: Sample) -> str:
    return f"{sample.path.parent.name}/{sample.path.name}"
