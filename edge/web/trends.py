"""Charts over time, and warnings in plain words when one of them leaves its usual range."""

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from edge.control_charts import ng_share
from edge.database import reading
from edge.errors import RecordError
from edge.rollups import IMAGING
from edge.takt_times import Takts, takts
from edge.trends import Point, Span, last_points, spans
from edge.usual_range import PARTS, Usual, usual_now
from edge.web.language import words
from edge.web.phrases import stamp, zone
from edge.web.site import Site

PERIODS_S = {"8h": 8 * 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "1y": 366 * 86_400}
NEAR_DEADLINE = 0.8
FRESH_S, USUAL_FRESH_S = 5.0, 30.0
DIGITS = 5
Column = list[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """All that is charted of one period."""

    points: list[Point]
    spans: list[Span]
    takts: Takts
    usual: Usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where what is usual comes from, for people."""

    since: str
    until: str
    steps: int


class Trends:
    """The answers of this room."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Period]] = {}
        self._usual: tuple[float, Usual] | None = None

    async def index(self, request: Request) -> Response:
        """The page, with its warnings; the charts are drawn from `data`."""
        period = request.query_params.get("period", "24h")
        period = period if period in PERIODS_S else "24h"
        found = await run_in_threadpool(self._found, period)
        spoken = words(self._site.language(request))
        usual = found.usual if found else None
        reference = None
        if usual is not None and usual.steps:
            since, until = (stamp(at_s * 10**9)[:16] for at_s in (usual.began_s, usual.ended_s))
            reference = Reference(since=since, until=until, steps=usual.steps)
        return self._site.page(
            request,
            "trends.html",
            period=period,
            periods=tuple(PERIODS_S),
            imaging=IMAGING,
            has_parts=found is not None and bool(found.spans),
            warnings=warnings_of(found, deadline_ms=self._site.config.deadline_ms, words=spoken) if found else [],
            reference=reference,
            zone=zone(),
            zone_s=time.localtime().tm_gmtoff,
        )

    async def data(self, request: Request) -> Response:
        """The columns of all charts."""
        period = request.query_params.get("period", "")
        if period not in PERIODS_S:
            return PlainTextResponse("there is no such period", status_code=404)
        found = await run_in_threadpool(self._found, period)
        if found is None:
            return PlainTextResponse("there are no records yet", status_code=404)
        columns = columns_of(found, deadline_ms=self._site.config.deadline_ms)
        return JSONResponse(columns, headers={"Cache-Control": "no-store"})

    def _found(self, period: str) -> Period | None:
        """One look for the page, its charts, and whoever else asks in the same seconds; None without records."""
        with self._lock:
            at_s, kept = self._kept.get(period, (0.0, None))
            if kept is not None and time.monotonic() - at_s < FRESH_S:
                return kept
            try:
                found = self._looked_up(PERIODS_S[period])
            except RecordError:
                return None
            self._kept[period] = (time.monotonic(), found)
            return found

    def _looked_up(self, period_s: int) -> Period:
        now_ns = time.time_ns()
        since_ns = now_ns - period_s * 10**9
        with reading(self._site.data) as records:
            return Period(
                points=last_points(records),
                spans=spans(records, since_ns=since_ns, until_ns=now_ns),
                takts=takts(records, since_ns=since_ns, until_ns=now_ns),
                usual=self._usual_now(records, now_ns),
            )

    def _usual_now(self, records: sqlite3.Connection, now_ns: int) -> Usual:
        """What is usual is kept for longer: it is a week that is looked at, and steps of ten minutes."""
        if self._usual is None or time.monotonic() - self._usual[0] >= USUAL_FRESH_S:
            self._usual = (time.monotonic(), usual_now(records, now_ns=now_ns))
        return self._usual[1]


def warnings_of(found: Period, *, deadline_ms: float, words: Mapping[str, str]) -> list[str]:
    """What somebody should look at, in plain words; light and camera first, for they explain the parts."""
    told = []
    for left in found.usual.departures:
        factor = 100 if left.quantity == PARTS else 1
        values = {"now": left.now, "low": left.limits.low, "high": left.limits.high}
        texts = {name: _short(factor * value) for name, value in values.items()}
        told.append(words[f"warning.{left.quantity}.{left.direction}"].format(**texts))
    many = found.usual.many_ng
    if many is not None:
        now, usual = _short(100 * many.count / many.judged), _short(100 * many.usual_share)
        told.append(words["warning.ng"].format(now=now, usual=usual, count=many.count, number=many.judged))
    late = sum(span.late for span in found.spans)
    if late:
        told.append(words["warning.late"].format(count=late))
    if found.takts.p999 is not None and found.takts.p999 > NEAR_DEADLINE * deadline_ms:
        told.append(words["warning.takt"].format(now=_short(found.takts.p999), deadline=_short(deadline_ms)))
    return told


def columns_of(found: Period, *, deadline_ms: float) -> dict[str, object]:
    """What the charts need: columns of equal length, None where a line is to break."""
    rows = with_gaps(found.spans)
    return {
        "last": {
            "sequence": [point.sequence for point in found.points],
            "outcome": [point.outcome for point in found.points],
            **{name: [_round(getattr(point, name)) for point in found.points] for name in LAST},
        },
        "time": [(span.began_s + span.ended_s) / 2 if isinstance(span, Span) else span for span in rows],
        "distance": {name: _column(rows, partial(_of, quantity="distance", part=name)) for name in SPREAD},
        "limit": _column(rows, lambda span: _of(span, "limit")),
        "calibrated_limit": _column(rows, lambda span: _of(span, "calibrated_limit")),
        "ng": _ng(rows, found.usual),
        "control": {name: _control(rows, name, found.usual) for name in (*IMAGING, PARTS)},
        "takt": _takt(found.takts, deadline_ms),
    }


LAST = ("distance", "limit", "calibrated_limit")
SPREAD = ("mean", "least", "most")


def with_gaps(found: Sequence[Span]) -> list[Span | float]:
    """The spans, and the end of each that nothing follows, in seconds: there a line breaks."""
    rows: list[Span | float] = []
    for span, following in zip_longest(found, found[1:]):
        rows.append(span)
        if following is not None and following.began_s > span.ended_s:
            rows.append(float(span.ended_s))
    return rows


def routes(site: Site) -> list[Route]:
    """The addresses of this room."""
    room = Trends(site)
    return [Route("/trends", room.index), Route("/trends/data", room.data)]


def _column(rows: Sequence[Span | float], value: Callable[[Span], float | None]) -> Column:
    return [_round(value(row)) if isinstance(row, Span) else None for row in rows]


def _of(span: Span, quantity: str, part: str = "mean") -> float | None:
    return float(getattr(span.spreads[quantity], part)) if quantity in span.spreads else None


def _ng(rows: Sequence[Span | float], usual: Usual) -> dict[str, object]:
    """In percent, with the 95 % interval."""
    found = [ng_share(row.ng, row.ng + row.ok) if isinstance(row, Span) else None for row in rows]
    columns: dict[str, object] = {
        name: [None if one is None else _round(100 * getattr(one, name)) for one in found]
        for name in ("share", "low", "high")
    }
    return {**columns, "usual": None if usual.ng_share is None else _round(100 * usual.ng_share)}


def _control(rows: Sequence[Span | float], quantity: str, usual: Usual) -> dict[str, object]:
    """The part's own quantity in percent of the limit, all others as they are."""
    factor = 100 if quantity == PARTS else 1
    limits = usual.limits.get(quantity)
    known = {name: getattr(limits, name) if limits else None for name in ("low", "centre", "high")}

    def mean(span: Span) -> float | None:
        value = _of(span, quantity)
        return None if value is None else factor * value

    return {
        "mean": _column(rows, mean),
        **{name: None if value is None else _round(factor * value) for name, value in known.items()},
    }


def _takt(found: Takts, deadline_ms: float) -> dict[str, object]:
    """The histogram as steps, with an empty one where bins are missing and at the end."""
    begins: list[float] = []
    numbers: list[int] = []
    for began_ms, ended_ms, number in found.bins:
        if begins and began_ms <= begins[-1] * (1 + 1e-9):
            begins.pop(), numbers.pop()
        begins += [began_ms, ended_ms]
        numbers += [number, 0]
    return {
        "begins_ms": [_round(began_ms) for began_ms in begins],
        "number": numbers,
        "p50_ms": _round(found.p50),
        "p99_ms": _round(found.p99),
        "p999_ms": _round(found.p999),
        "deadline_ms": deadline_ms,
    }


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _short(value: float) -> str:
    return f"{value:.3g}"
