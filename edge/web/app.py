"""The page as a web application, put together from its rooms."""

import json
import logging
import re
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.config import StationConfig
from edge.errors import EdgeError
from edge.web import (
    accounts_pages,
    compare_pages,
    history,
    metrics,
    model_pages,
    operator,
    part_page,
    set_up,
    sign_in,
    teach_pages,
    trends,
)
from edge.web.core import CoreSaysNo
from edge.web.desk import Desk
from edge.web.guard import READING, Refused
from edge.web.language import LANGUAGES, words
from edge.web.limits import BodyLimits
from edge.web.reader import Reader
from edge.web.site import Room, Site
from edge.web.troubles import in_language

log = logging.getLogger(__name__)

ROOMS = [
    Room(address="/", words="room.now"),
    Room(address="/history", words="room.history"),
    Room(address="/trends", words="room.trends"),
    Room(address="/set-up", words="room.set_up"),
]
FOLDERS = re.compile(r"(?:/[^\s/:]+)+/")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer browsers send forms with the origin "null"
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


def make_site(config: StationConfig) -> Site:
    """What the rooms of a station's page share."""
    return Site(config=config, reader=Reader(Path(config.data)), desk=Desk(Path(config.data)), rooms=ROOMS)


def routes_of(site: Site) -> list[Route]:
    """Every address of every room. Raises ValueError for one that changes something and needs no role."""
    routes = [
        *operator.routes(site),
        *history.routes(site),
        *part_page.routes(site),
        *trends.routes(site),
        *sign_in.routes(site),
        *accounts_pages.routes(site),
        *set_up.routes(site),
        *teach_pages.routes(site),
        *model_pages.routes(site),
        *compare_pages.routes(site),
        *metrics.routes(site),
        Route("/words/{language}", _words),
    ]
    for route in routes:
        if not (route.methods or set()) <= READING and not hasattr(route.endpoint, "needed_role"):
            raise ValueError(f"{route.path} changes something, and everybody may: write needs(Role…, handler)")
    return routes


def make_app(site: Site) -> ASGIApp:
    """The application of a site."""
    static: BaseRoute = Mount("/static", StaticFiles(packages=[("edge.web", "static")]))
    handlers = {Refused: _refused, EdgeError: _impossible, HTTPException: _not_found, Exception: _broken}
    app = Starlette(routes=[*routes_of(site), static], exception_handlers=handlers, middleware=[Middleware(BodyLimits)])
    app.state.site = site
    return SecurityHeaders(app)


async def _words(request: Request) -> Response:
    """The dictionary of one language."""
    language = request.path_params["language"]
    if language not in LANGUAGES:
        return PlainTextResponse("there is no such language", status_code=404)
    body = json.dumps(words(language), ensure_ascii=False)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    is_page = request.method in READING and "text/html" in request.headers.get("accept", "")
    if is_page and error.status == 401:
        return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", status_code=303)
    if is_page and error.why == "refused.must_change":
        return RedirectResponse("/password", status_code=303)
    return _told(request, error.status, error.why)


async def _impossible(request: Request, error: Exception) -> Response:
    """The disk, the core or a device says no. Its sentence may name paths, which are for the log alone."""
    if isinstance(error, CoreSaysNo):
        site: Site = request.app.state.site
        why = in_language(FOLDERS.sub("…/", str(error)), site.language(request))
        return JSONResponse({"why": why}, status_code=409)
    log.error("%s %s: %s", request.method, request.url.path, error)
    return _told(request, 503, "refused.impossible")


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _told(request, error.status_code, "refused.not_found" if error.status_code == 404 else "refused.request")
    answer.headers.update(error.headers or {})
    return answer


async def _broken(request: Request, _: Exception) -> Response:
    """What went wrong stands in the log of the page, and nowhere else."""
    return _told(request, 500, "refused.broken")


def _told(request: Request, status: int, why: str) -> Response:
    """Why a request was not done: a page for people, {"why": …} for scripts."""
    site: Site = request.app.state.site
    if "text/html" in request.headers.get("accept", ""):
        return site.page(request, "refused.html", status=status, why=why)
    return JSONResponse({"why": words(site.language(request))[why]}, status_code=status)
