"""What is new on the line, looked up once for however many are watching."""

import json
import time
from dataclasses import asdict, dataclass

import anyio
from starlette.concurrency import run_in_threadpool

from edge.web.counters import Counters
from edge.web.reader import PartView, Reader
from edge.web.troubles import in_every_language

POLL_S = 0.25
FRESH_S = 0.9 * POLL_S


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What was found at one time. parts: the last ones, oldest first. texts: events that are the same for everybody."""

    at_s: float
    parts: tuple[PartView, ...]
    texts: str


class News:
    """Gives every viewer the same look at the line, not older than a quarter of a second."""

    def __init__(self, reader: Reader, counters: Counters) -> None:
        self._reader, self._counters = reader, counters
        self._lock = anyio.Lock()
        self._look = _Look(at_s=-FRESH_S, parts=(), texts="")

    async def after(self, sequence: int) -> tuple[str, int]:
        """The events for a viewer who knows the parts up to this number, and the number that he knows then.

        A viewer who knows of more parts than there are has seen another station's records, and gets these from the
        beginning. Of many new parts only the last come: nobody can look at more.
        """
        async with self._lock:
            if time.monotonic() - self._look.at_s >= FRESH_S:
                self._look = await run_in_threadpool(self._taken)
        look = self._look
        last = look.parts[-1].sequence if look.parts else 0
        new = [asdict(part) for part in look.parts if part.sequence > sequence or last < sequence]
        return look.texts + (event("parts", new, number=last) if new else ""), last if new else sequence

    def _taken(self) -> _Look:
        at_s = time.monotonic()
        view = self._reader.station()
        station = event("station", asdict(view) | {"why": in_every_language(view.why)})
        parts = tuple(self._reader.news(after=0))
        return _Look(at_s=at_s, parts=parts, texts=station + event("counts", self._counters.now()))


def event(kind: str, data: object, *, number: int | None = None) -> str:
    """One server-sent event; its id tells the next connection where this one has ended."""
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n"
