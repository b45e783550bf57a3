"""What happens now: one page, one stream of news, the pictures, and the counters with their reset."""

from collections.abc import AsyncIterator

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.control import CommandName
from edge.web.core import tell_and_log
from edge.web.counters import Counters
from edge.web.guard import Refused, Role, form, needs
from edge.web.news import POLL_S, News
from edge.web.site import Site

MOST_VIEWERS = 32
CHECK: dict[str, CommandName] = {"piece": "piece", "begin": "check"}
LONGEST_STREAM_TICKS = 4 * 3600  # an hour; the browser then comes back by itself


class Operator:
    """The answers of the operator page."""

    def __init__(self, site: Site) -> None:
        self._site, self._reader = site, site.reader
        self.counters = Counters(site)
        self._news = News(site.reader, self.counters)
        self._viewers = 0

    async def index(self, request: Request) -> Response:
        """The page itself, in the viewer's language."""
        config = self._site.config
        return self._site.page(
            request,
            "operator.html",
            has_check=config.shift_check is not None,
            programs=sorted(config.programs.items()),
            is_chosen_here=config.program_lines is None,
        )

    async def picture(self, request: Request) -> Response:
        """One part's picture."""
        content = await run_in_threadpool(self._reader.picture, request.path_params["sequence"])
        if content is None:
            return PlainTextResponse("there is no picture of this part", status_code=404)
        return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    async def cell_map(self, request: Request) -> Response:
        """One part's map: a byte a cell, row by row; two headers say how many rows and columns."""
        found = await run_in_threadpool(self._reader.cell_map, request.path_params["sequence"])
        if found is None:
            return PlainTextResponse("there is no map of this part", status_code=404)
        rows, columns, cells = found
        headers = {"X-Map-Rows": str(rows), "X-Map-Columns": str(columns), "Cache-Control": "private, max-age=3600"}
        return Response(cells, media_type="application/octet-stream", headers=headers)

    async def events(self, request: Request) -> Response:
        """News as server-sent events; the id of an event with parts is the last one's sequence number."""
        if self._viewers >= MOST_VIEWERS:
            return PlainTextResponse("too many viewers", status_code=503, headers={"Retry-After": "5"})
        last = request.headers.get("last-event-id", "0")
        after = int(last) if last.isdecimal() and len(last) < 19 else 0
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(after), media_type="text/event-stream", headers=headers)

    async def check(self, request: Request) -> Response:
        """A test piece lies in the fixture; or the shift check is wanted anew."""
        what = (await form(request)).get("what", "")
        if (command := CHECK.get(what)) is None:
            raise Refused(400, "refused.form")
        who = self._site.guard.user(request).name
        return JSONResponse(await tell_and_log(self._site, who, what=f"shift check: {what}", command=command))

    async def program(self, request: Request) -> Response:
        """Another kind of parts comes next."""
        wanted = (await form(request)).get("number", "")
        if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 3:
            raise Refused(400, "refused.number")
        who, number = self._site.guard.user(request).name, int(wanted)
        told = await tell_and_log(self._site, who, what="program", command="program", new=wanted, number=number)
        return JSONResponse(dict(told))

    async def _stream(self, after: int) -> AsyncIterator[str]:
        self._viewers += 1
        try:
            yield "retry: 1000\n\n"
            for _ in range(LONGEST_STREAM_TICKS):
                texts, after = await self._news.after(after)
                yield texts
                await anyio.sleep(POLL_S)
        finally:
            self._viewers -= 1


def routes(site: Site) -> list[Route]:
    """The addresses of this room."""
    room = Operator(site)
    return [
        Route("/", room.index),
        Route("/events", room.events),
        Route("/picture/{sequence:int}", room.picture),
        Route("/part/{sequence:int}/map", room.cell_map),
        Route("/shift-check", needs(Role.OPERATOR, room.check), methods=["POST"]),
        Route("/program", needs(Role.OPERATOR, room.program), methods=["POST"]),
        Route("/counters/reset", needs(Role.OPERATOR, room.counters.reset), methods=["POST"]),
    ]
