"""What is usual at a station, from its own last week, and what has left that range.

Only times with the same model and limit are compared: another model measures otherwise. Light and camera are looked at
apart from the parts.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from edge.control_charts import LEAST_STEPS, ControlLimits, Step, departure, is_unusually_many, limits_of
from edge.rollups import IMAGING
from edge.trends import Span, spans

HOUR_S, DAY_S = 3600, 86_400
REFERENCE_DAYS = 8  # ago it begins
REFERENCE_ENDS_S = (DAY_S, HOUR_S)  # ago; the later end is for a station that has only just begun
RECENT_S = HOUR_S  # what is compared with it
STEPS_AT_MOST = REFERENCE_DAYS * 144 + 1
PARTS = "ok_margin"
SMALLEST_CHANGES = {  # what matters: an absolute change, and a share of the usual value
    "light_gain": (0.02, 0.0),
    "sharpness": (0.0, 0.05),
    "shift_x_percent": (0.2, 0.0),
    "shift_y_percent": (0.2, 0.0),
    "rotation_degrees": (0.2, 0.0),
    "fit": (0.01, 0.0),
    PARTS: (0.05, 0.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A quantity whose last steps lie outside its usual range. direction: 1 above, -1 below. now: the last mean."""

    quantity: str
    direction: int
    now: float
    limits: ControlLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyNg:
    """More NG in the last hour than chance explains. usual_share: of the judged parts of the reference."""

    count: int
    judged: int
    usual_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """The reference, and what has left it. began_s, ended_s: wall clock; 0 steps where too little is known.

    ng_share: None where no part was judged.
    """

    began_s: int
    ended_s: int
    steps: int
    limits: dict[str, ControlLimits]
    ng_share: float | None
    departures: tuple[Departure, ...]
    many_ng: ManyNg | None


def usual_now(connection: sqlite3.Connection, *, now_ns: int) -> Usual:
    """What is usual, and what is not at `now_ns`."""
    since_ns = now_ns - REFERENCE_DAYS * DAY_S * 10**9
    known = spans(connection, since_ns=since_ns, until_ns=now_ns, most=STEPS_AT_MOST)
    recent = [span for span in known if span.ended_s > now_ns // 10**9 - RECENT_S]
    newest = known[-1] if known else None
    reference: list[Span] = []
    for ends_ago_s in REFERENCE_ENDS_S:
        ended_s = now_ns // 10**9 - ends_ago_s
        reference = [span for span in known if span.ended_s <= ended_s and _is_alike(span, newest)]
        if len(reference) >= LEAST_STEPS:
            return _compared(reference, recent)
    return _compared([], recent)


def _compared(reference: Sequence[Span], recent: Sequence[Span]) -> Usual:
    limits = {}
    for quantity in (*IMAGING, PARTS):
        steps = _steps(reference, quantity)
        absolute, share = SMALLEST_CHANGES[quantity]
        centre = sum(step.mean for step in steps) / len(steps) if steps else 0.0
        found = limits_of(steps, smallest_change=max(absolute, share * abs(centre)))
        if found is not None:
            limits[quantity] = found
    ng, judged = _judged(reference)
    return Usual(
        began_s=reference[0].began_s if reference else 0,
        ended_s=reference[-1].ended_s if reference else 0,
        steps=len(reference),
        limits=limits,
        ng_share=ng / judged if judged else None,
        departures=tuple(_departures(recent, limits)),
        many_ng=_many_ng(recent, ng / judged) if judged else None,
    )


def _departures(recent: Sequence[Span], limits: dict[str, ControlLimits]) -> list[Departure]:
    found = []
    for quantity, usual in limits.items():
        steps = _steps(recent, quantity)
        direction = departure(steps, usual)
        if direction:
            found.append(Departure(quantity=quantity, direction=direction, now=steps[-1].mean, limits=usual))
    return found


def _many_ng(recent: Sequence[Span], usual_share: float) -> ManyNg | None:
    ng, judged = _judged(recent)
    if not is_unusually_many(ng, judged, usual_share=usual_share):
        return None
    return ManyNg(count=ng, judged=judged, usual_share=usual_share)


def _judged(found: Sequence[Span]) -> tuple[int, int]:
    ng = sum(span.ng for span in found)
    return ng, ng + sum(span.ok for span in found)


def _steps(found: Sequence[Span], quantity: str) -> list[Step]:
    return [
        Step(began_s=span.began_s, number=span.spreads[quantity].number, mean=span.spreads[quantity].mean)
        for span in found
        if quantity in span.spreads
    ]


def _is_alike(span: Span, newest: Span | None) -> bool:
    """Whether the same model and limit judged in both; a span in which they changed is like neither."""
    return newest is not None and _limits(span) == _limits(newest)


def _limits(span: Span) -> list[float | None]:
    means = [span.spreads[name].mean if name in span.spreads else None for name in ("limit", "calibrated_limit")]
    return [None if mean is None else round(mean, 6) for mean in means]
