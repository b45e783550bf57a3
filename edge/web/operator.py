"""What happens now: one page, one stream of news, the pictures. It reads and never writes."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.web.site import Site

POLL_S = 0.25
MOST_VIEWERS = 8
LONGEST_STREAM_TICKS = 4 * 3600  # an hour; the browser then comes back by itself


class Operator:
    """The answers of the operator page."""

    def __init__(self, site: Site) -> None:
        self._site, self._reader = site, site.reader
        self._viewers = 0

    async def index(self, request: Request) -> Response:
        """The page itself, in the viewer's language."""
        return self._site.page(request, "operator.html")

    async def picture(self, request: Request) -> Response:
        """One part's picture."""
        path = await run_in_threadpool(self._reader.picture, request.path_params["sequence"])
        if path is None:
            return PlainTextResponse("there is no picture of this part", status_code=404)
        return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    async def events(self, request: Request) -> Response:
        """News as server-sent events; the id of each part's event is its sequence number."""
        if self._viewers >= MOST_VIEWERS:
            return PlainTextResponse("too many viewers", status_code=503, headers={"Retry-After": "5"})
        last = request.headers.get("last-event-id", "0")
        after = int(last) if last.isdecimal() and len(last) < 19 else 0
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(after), media_type="text/event-stream", headers=headers)

    async def _stream(self, after: int) -> AsyncIterator[str]:
        self._viewers += 1
        try:
            yield "retry: 1000\n\n"
            for _ in range(LONGEST_STREAM_TICKS):
                yield _event("station", asdict(await run_in_threadpool(self._reader.station)))
                for part in await run_in_threadpool(self._reader.news, after=after):
                    after = part.sequence
                    yield _event("part", asdict(part), number=part.sequence)
                yield _event("counts", await run_in_threadpool(self._reader.counts))
                await anyio.sleep(POLL_S)
        finally:
            self._viewers -= 1


def _event(kind: str, data: object, *, number: int | None = None) -> str:
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n"


def routes(site: Site) -> list[Route]:
    """The addresses of this room."""
    room = Operator(site)
    return [
        Route("/", room.index),
        Route("/events", room.events),
        Route("/picture/{sequence:int}", room.picture),
    ]
