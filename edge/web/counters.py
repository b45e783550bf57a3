"""The counters of the operator page: what came in this shift, or since somebody set them to zero."""

import time
from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.counters import shift_began_ns
from edge.errors import RecordError
from edge.web.site import Site

SETTING = "counters reset"  # number of the last part before it, and the wall clock then


class Counters:
    """Counts for all viewers; a reset holds until the next shift."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def now(self) -> dict[str, object]:
        """How many parts of each kind came, and since what time of day. For one thread at a time."""
        began_ns = shift_began_ns(self._site.config.web.shifts, now_ns=time.time_ns())
        after, reset_ns = self._last_reset()
        is_reset = reset_ns > began_ns
        counts = self._site.reader.counts(since_ns=began_ns, after=after if is_reset else 0)
        since = time.strftime("%H:%M", time.localtime((reset_ns if is_reset else began_ns) / 1e9))
        return {**asdict(counts), "since": since}

    async def reset(self, request: Request) -> Response:
        """Set them to zero."""
        who = self._site.guard.user(request).name
        await run_in_threadpool(self._reset, who)
        return RedirectResponse("/", status_code=303)

    def _reset(self, who: str) -> None:
        wall_ns = time.time_ns()
        value = f"{self._site.reader.newest()} {wall_ns}"
        self._site.desk.store().change_setting(SETTING, value, who=who, wall_ns=wall_ns)

    def _last_reset(self) -> tuple[int, int]:
        try:
            after, wall_ns = self._site.desk.store().setting(SETTING, "0 0").split()
            return int(after), int(wall_ns)
        except (RecordError, ValueError):  # the shift's counts are right without it
            return 0, 0
