"""The operator page as a web application: one page, one stream of news, the pictures. It reads and never writes."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path

import anyio
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.web.reader import Reader
from edge.web.words import LANGUAGES, language_of, words

POLL_S = 0.25
MOST_VIEWERS = 8
LONGEST_STREAM_TICKS = 4 * 3600  # an hour; the browser then comes back by itself
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityHeaders:
    """Adds the same headers to every answer; does not touch bodies, so that streams stay streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Page:
    """The answers of the page for one station."""

    def __init__(self, reader: Reader, *, station: str) -> None:
        self._reader, self._station = reader, station
        self._viewers = 0
        environment = Environment(loader=PackageLoader("edge.web"), autoescape=select_autoescape())
        self._template = environment.get_template("page.html")

    async def index(self, request: Request) -> Response:
        """The page itself, in the viewer's language."""
        accepted = request.headers.get("accept-language", "")
        language = language_of(cookie=request.cookies.get("language"), accepted=accepted)
        body = self._template.render(words=words(language), language=language, station=self._station)
        return HTMLResponse(body, headers={"Cache-Control": "no-store"})

    async def words(self, request: Request) -> Response:
        """The dictionary of one language."""
        language = request.path_params["language"]
        if language not in LANGUAGES:
            return PlainTextResponse("there is no such language", status_code=404)
        body = json.dumps(words(language), ensure_ascii=False)
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})

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


def make_app(data: Path, *, station: str) -> Callable[..., object]:
    """The application over a station's data folder."""
    page = Page(Reader(data), station=station)
    app = Starlette(
        routes=[
            Route("/", page.index),
            Route("/events", page.events),
            Route("/words/{language}", page.words),
            Route("/picture/{sequence:int}", page.picture),
            Mount("/static", StaticFiles(packages=[("edge.web", "static")])),
        ]
    )
    return SecurityHeaders(app)
