"""The charts of the report. Marks differ in shape, place or dashes, never in colour alone: grey paper will do."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from training.calibrate import Rate
from training.dataset import GOOD
from training.report.embedding import Flattened, Point
from training.report.kinds import kind_of
from training.report.svg import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    across_axis,
    box,
    chart,
    curve,
    group,
    line,
    mark,
    text,
    up_axis,
)
from training.report.trade import Trade
from training.report.wording import Told, label_told, told

SMALLEST_SHARE = 0.01  # of the limit; what is nearer is drawn there
BINS = 44
HALF = 78.0  # height of the bars of either kind
TRADE_HEIGHT = 120.0
CURVE_HEIGHT = 190.0
KINDS = ("disc", "triangle", "square", "diamond", "down", "plus", "cross")  # the first is good parts'
SCATTER_HEIGHT = 400.0
ROC_PX = 300.0
ROC_ACROSS = Scale(low=0, high=100, start=LEFT, end=LEFT + ROC_PX)
ROC_UP = Scale(low=0, high=100, start=TOP + ROC_PX, end=TOP)

Values = npt.NDArray[np.float64]


def limit_scale(shares: Sequence[float]) -> Scale:
    """Distances as shares of the limit, logarithmic, with the limit well inside."""
    low, high = min([0.5, *shares]), max([2.0, *shares])
    return Scale(low=max(0.8 * low, SMALLEST_SHARE), high=1.25 * high, start=LEFT, end=WIDTH - RIGHT, is_log=True)


def limit_chart(
    scale: Scale,
    *,
    calibration: Sequence[float],
    good: Sequence[float],
    defective: Sequence[float],
    trade: Trade | None,
    limit: float,
    interval: tuple[float | None, float | None],
) -> Markup:
    """Good parts upwards, defective ones downwards, the limit with its interval; below, what other limits would do.

    calibration, good, defective: distances as shares of the limit.
    """
    middle = TOP + 12 + HALF
    bottom = middle + (HALF if defective else 0)
    low, high = interval
    begin = scale.start if low is None else scale(low / limit)
    end = scale.end if high is None else scale(high / limit)
    parts = [box(begin, TOP, max(end - begin, 1), bottom - TOP, "interval")]
    parts += [_bars(scale, good, middle, up=True, kind="good"), _bars(scale, defective, middle, up=False, kind="bad")]
    parts.append(_outline(scale, calibration, middle))
    parts.append(line(scale.start, middle, scale.end, middle, "axis"))
    parts.append(text(scale.end, middle - HALF + 6, told("chart.good"), anchor="end", kind="strong"))
    if defective:
        parts.append(text(scale.start + 6, bottom - 2, told("chart.defective"), anchor="start", kind="strong"))
    if trade is not None:
        upper, bottom = bottom + 22, bottom + 22 + TRADE_HEIGHT
        parts.append(_trade_curves(scale, trade, limit, upper=upper, lower=bottom))
    parts.append(across_axis(scale, bottom, told("chart.share")))
    parts.append(_limit_line(scale, bottom))
    return chart(bottom + BOTTOM, parts, name=told("chart.limit.name"), kind="limit")


def roc_chart(trade: Trade, limit: float) -> Markup:
    """Caught defects against rejected good parts, one step a limit; the mark is at the limit."""
    x, y = ROC_ACROSS, ROC_UP
    points = roc_points(trade)
    here = points[int(np.searchsorted(trade.limits, limit, side="right")) - 1]
    parts = [
        across_axis(x, y.start, told("chart.overkill"), unit=" %"),
        up_axis(y, LEFT, told("chart.caught"), unit=" %", right=x.end),
        curve([(x(0), y(0)), (x(100), y(100))], "guess"),
        curve(_steps(points), "roc"),
        mark("disc", *here, kind="here", size=6),
    ]
    return chart(y.start + BOTTOM, parts, name=told("chart.roc.name"), kind="roc-chart")


def roc_points(trade: Trade) -> list[tuple[float, float]]:
    """Where each limit lies on the ROC chart."""
    return [
        (ROC_ACROSS(100 * overkill.share), ROC_UP(100 * (1 - escape.share)))
        for escape, overkill in zip(trade.escapes, trade.overkills, strict=True)
    ]


def curve_chart(values: Sequence[float], *, every: int, name: Told, across: Told, high: float | None = None) -> Markup:
    """One value a step (or every so many), and its running mean."""
    top = high if high is not None else max(1e-6, float(np.max(values)) * 1.05)
    x = Scale(low=0, high=max(1, every * len(values)), start=LEFT, end=WIDTH - RIGHT)
    y = Scale(low=0 if high is None else min(0.5, *values), high=top, start=TOP + CURVE_HEIGHT, end=TOP)
    window = max(1, len(values) // 40)
    running = np.convolve(values, np.ones(window) / window, mode="valid")
    parts = [
        across_axis(x, TOP + CURVE_HEIGHT, across),
        up_axis(y, LEFT, name),
        curve([(x(every * (number + 1)), y(value)) for number, value in enumerate(values)], "faint"),
        curve([(x(every * (number + window)), y(float(value))) for number, value in enumerate(running)], "running"),
    ]
    return chart(TOP + CURVE_HEIGHT + BOTTOM, parts, name=name)


def scree_chart(explained: Sequence[float]) -> Markup:
    """Share of the variance of each direction, as bars."""
    y = Scale(low=0, high=100 * max(explained), start=TOP + CURVE_HEIGHT, end=TOP)
    width = (WIDTH - LEFT - RIGHT) / len(explained)
    parts = [up_axis(y, LEFT, told("chart.variance"), unit=" %")]
    for number, share in enumerate(explained):
        place, top = LEFT + width * number, y(100 * share)
        parts.append(box(place + 0.15 * width, top, 0.7 * width, TOP + CURVE_HEIGHT - top, "good"))
        parts.append(text(place + width / 2, TOP + CURVE_HEIGHT + 14, f"PC{number + 1}", kind="tick"))
    parts.append(line(LEFT, TOP + CURVE_HEIGHT, WIDTH - RIGHT, TOP + CURVE_HEIGHT, "axis"))
    return chart(TOP + CURVE_HEIGHT + 24, parts, name=told("chart.scree.name"))


def scatter_chart(points: Sequence[Point], flat: Flattened, *, limit: float | None) -> Markup:
    """The two main directions, hollow what was learned from and filled what was judged, with the limit as a circle.

    limit: None where it is none of the Euclidean distance, and therefore no circle.
    """
    kinds = scatter_kinds(points)
    shown = flat.places if flat.places.shape[1] == 2 else np.hstack([flat.places, np.zeros_like(flat.places)])
    middle = flat.middle if len(flat.middle) == 2 else np.append(flat.middle, 0.0)
    reach = limit or 0.0
    x, y = _equal_scales(np.vstack([shown, middle - reach, middle + reach]))
    radius = abs(x(float(middle[0]) + reach) - x(float(middle[0])))
    marks = []
    for number, (point, place) in enumerate(zip(points, shown, strict=True)):
        kind = _scatter_kind(point.sample.label, kinds)
        how = f"k{kind} {'taught' if point.judged is None else 'judged'}"
        marks.append(mark(KINDS[kind], x(float(place[0])), y(float(place[1])), kind=how, number=number))
    circle = Markup('<circle cx="{0}" cy="{1}" r="{2}" class="circle"/>').format(
        x(float(middle[0])), y(float(middle[1])), round(radius, 1)
    )
    shares = [*flat.explained, 0.0][:2]
    parts = [
        across_axis(x, TOP + SCATTER_HEIGHT, told("chart.pc", number=1, share=f"{100 * shares[0]:.0f}")),
        up_axis(y, LEFT, told("chart.pc", number=2, share=f"{100 * shares[1]:.0f}")),
        *([] if limit is None else [circle]),
        group(marks, "marks"),
        mark("plus", x(float(middle[0])), y(float(middle[1])), kind="middle", size=8),
    ]
    return chart(TOP + SCATTER_HEIGHT + BOTTOM, parts, name=told("chart.scatter.name"), kind="scatter")


def scatter_kinds(points: Sequence[Point]) -> list[str]:
    """Kinds that have a mark of their own: the good parts, and the most frequent kinds of defect."""
    counts = Counter(kind_of(point.sample.label) for point in points if point.sample.label != GOOD)
    most = len(KINDS) - 1 if len(counts) < len(KINDS) else len(KINDS) - 2
    return [GOOD, *(kind for kind, _ in counts.most_common(most))]


def scatter_legend(points: Sequence[Point]) -> list[tuple[Markup, Told]]:
    """Mark and words of every kind in the scatter."""
    kinds = scatter_kinds(points)
    present = sorted({_scatter_kind(point.sample.label, kinds) for point in points})
    return [
        (
            Markup('<svg viewBox="0 0 16 16" class="key">{0}</svg>').format(
                mark(KINDS[kind], 8, 8, kind=f"k{kind} judged", size=5)
            ),
            label_told(kinds[kind]) if kind < len(kinds) else told("scatter.others"),
        )
        for kind in present
    ]


def _scatter_kind(label: str, kinds: Sequence[str]) -> int:
    kind = kind_of(label)
    return kinds.index(kind) if kind in kinds else len(KINDS) - 1


def _equal_scales(places: Values) -> tuple[Scale, Scale]:
    """A unit is as long across as up."""
    low, high = places.min(axis=0), places.max(axis=0)
    centre = (low + high) / 2
    width = WIDTH - RIGHT - LEFT
    unit = 1.06 * max((high[0] - low[0]) / width, (high[1] - low[1]) / SCATTER_HEIGHT, 1e-9)
    half = unit * width / 2, unit * SCATTER_HEIGHT / 2
    x = Scale(low=float(centre[0] - half[0]), high=float(centre[0] + half[0]), start=LEFT, end=WIDTH - RIGHT)
    y = Scale(low=float(centre[1] - half[1]), high=float(centre[1] + half[1]), start=TOP + SCATTER_HEIGHT, end=TOP)
    return x, y


def _binned(scale: Scale, values: Sequence[float]) -> tuple[Values, Values]:
    edges = np.geomspace(scale.low, scale.high, BINS + 1)
    counts, _ = np.histogram(np.clip(values, scale.low, scale.high), edges)
    return edges, counts / max(1, counts.max(initial=0))


def _bars(scale: Scale, values: Sequence[float], middle: float, *, up: bool, kind: str) -> Markup:
    edges, heights = _binned(scale, values)
    bars = []
    for left, right, height in zip(edges, edges[1:], heights, strict=False):
        if height:
            begin, end, tall = scale(float(left)), scale(float(right)), (HALF - 8) * float(height)
            bars.append(box(begin, middle - tall if up else middle, end - begin - 0.6, tall, kind))
    return group(bars, "bars")


def _outline(scale: Scale, values: Sequence[float], middle: float) -> Markup:
    edges, heights = _binned(scale, values)
    points = []
    for left, right, height in zip(edges, edges[1:], heights, strict=False):
        top = middle - (HALF - 8) * float(height)
        points += [(scale(float(left)), top), (scale(float(right)), top)]
    return curve(points, "outline")


def _trade_curves(scale: Scale, trade: Trade, limit: float, *, upper: float, lower: float) -> Markup:
    y = Scale(low=0, high=100, start=lower, end=upper)

    def steps(rates: Sequence[Rate]) -> list[tuple[float, float]]:
        rows = [
            (scale(max(distance / limit, scale.low)), y(100 * rate.share))
            for distance, rate in zip(trade.limits, rates, strict=True)
        ]
        return [*_steps(rows), (scale.end, rows[-1][1])]

    parts = [up_axis(y, LEFT, told("chart.rate"), unit=" %")]
    if trade.escapes[0].trials:
        words = text(scale.end - 4, upper - 6, told("chart.escapes"), kind="bad-word", anchor="end")
        parts += [curve(steps(trade.escapes), "escapes"), words]
    if trade.overkills[0].trials:
        words = text(scale.start + 6, upper - 6, told("chart.overkills"), kind="good-word", anchor="start")
        parts += [curve(steps(trade.overkills), "overkills"), words]
    return group(parts, "trade")


def _limit_line(scale: Scale, bottom: float) -> Markup:
    """A line that a person can move, and where the calibrated limit stays."""
    at = scale(1.0)
    still = line(at, TOP, at, bottom, "calibrated")
    parts = [line(at, TOP, at, bottom, "grip"), line(at, TOP, at, bottom, "moved")]
    parts.append(text(at, TOP - 3, told("chart.limit"), kind="strong"))
    frame = '<g id="limit-line" data-low="{0}" data-high="{1}" data-start="{2}" data-end="{3}">{4}</g>'
    return still + Markup(frame).format(
        f"{math.log10(scale.low):.6f}", f"{math.log10(scale.high):.6f}", scale.start, scale.end, Markup("").join(parts)
    )


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line that goes across, then up or down."""
    found = [points[0]]
    for x, y in points[1:]:
        found += [(x, found[-1][1]), (x, y)]
    return found
