"""What every room of the page is built on: the station, its records, who has signed in, and pages in two languages."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edge.config import StationConfig
from edge.web.desk import Desk
from edge.web.guard import COOKIE, Guard, Role
from edge.web.language import language_of, words
from edge.web.reader import Reader


def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("edge.web"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One entry of the navigation. words: key of its name."""

    address: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One station's page. rooms: what the navigation shows, in its order."""

    config: StationConfig
    reader: Reader
    desk: Desk
    guard: Guard = field(default_factory=Guard)
    rooms: list[Room] = field(default_factory=list)
    templates: Environment = field(default_factory=_templates)

    @property
    def data(self) -> Path:
        """The station's data folder."""
        return Path(self.config.data)

    def language(self, request: Request) -> str:
        """The viewer's language."""
        accepted = request.headers.get("accept-language", "")
        return language_of(cookie=request.cookies.get("language"), accepted=accepted)

    def page(self, request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """A template in the viewer's language.

        Each has: words, language, station, rooms, here (the address), user, token (of its forms), Role; and `values`.
        """
        cookie = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)
        language = self.language(request)
        body = self.templates.get_template(template).render(
            words=words(language),
            language=language,
            station=self.config.station,
            rooms=self.rooms,
            here=request.url.path,
            user=self.guard.user(request),
            Role=Role,
            token=self.guard.token_of(cookie),
            **values,
        )
        answer = HTMLResponse(body, status_code=status, headers={"Cache-Control": "no-store"})
        if COOKIE not in request.cookies:
            self.give_cookie(answer, cookie)
        return answer

    def give_cookie(self, answer: Response, cookie: str) -> None:
        """Only this page gets it back, no script reads it, and no other site's request carries it."""
        is_secure = self.config.web.tls_certificate is not None
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/", secure=is_secure)
