"""Who may do what: every route that changes something says which role it needs, and is asked for nothing else.

A request may change something only if all three hold: it comes from a page of this very host, it carries the token that
only such a page can know, and whoever sits at the browser has signed in with the role that the route needs.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "kensa"
FIELD, HEADER = "csrf", "x-csrf-token"
SESSION_S = 8 * 3600.0  # a shift
IDLE_S = 1800.0
MOST_SESSIONS = 200
MOST_FIELDS = 50
READING = frozenset({"GET", "HEAD"})

Handler = Callable[[Request], Awaitable[Response]]


class Role(IntEnum):
    """Each may do what the ones before may."""

    VIEWER = 0  # anybody who can reach the page
    OPERATOR = 1  # counters, corrections, reset
    ENGINEER = 2  # limit, model, set-up, accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who sits at the browser. must_change: the password, before anything else."""

    name: str
    role: Role
    must_change: bool = False


NOBODY = User(name="", role=Role.VIEWER)


class Refused(Exception):  # noqa: N818 - it says what happened
    """A request that is not done. why: key of the words that say so."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass(slots=True, kw_only=True)
class _Session:
    user: User
    began_s: float
    seen_s: float


class Guard:
    """Knows who has signed in, from the cookie. Sessions live in memory: a restart of the page ends them all."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, _Session] = {}
        self._now = now

    def user(self, request: Request) -> User:
        """Whoever has signed in with this browser, NOBODY after a shift or half an hour without doing anything."""
        session = self._sessions.get(_key(request.cookies.get(COOKIE, "")))
        now = self._now()
        if session is None or now - session.began_s > SESSION_S or now - session.seen_s > IDLE_S:
            return NOBODY
        if request.method not in READING or "text/html" in request.headers.get("accept", ""):
            session.seen_s = now  # what a page asks of itself again and again is no sign of a person
        return session.user

    def token(self, request: Request) -> str:
        """What a form of this browser must carry; "" for one that has no cookie yet."""
        cookie = request.cookies.get(COOKIE, "")
        return self.token_of(cookie) if cookie else ""

    def token_of(self, cookie: str) -> str:
        """The token that belongs to a cookie."""
        return hmac.new(self._secret, cookie.encode(), hashlib.sha256).hexdigest()

    def sign_in(self, user: User) -> str:
        """A new session's cookie; whatever cookie came with the request is worth nothing."""
        now = self._now()
        self._sessions = {key: kept for key, kept in self._sessions.items() if now - kept.began_s <= SESSION_S}
        while len(self._sessions) >= MOST_SESSIONS:
            self._sessions.pop(min(self._sessions, key=lambda key: self._sessions[key].seen_s))
        cookie = secrets.token_urlsafe(32)
        self._sessions[_key(cookie)] = _Session(user=user, began_s=now, seen_s=now)
        return cookie

    def sign_out(self, request: Request) -> None:
        """End this browser's session."""
        self._sessions.pop(_key(request.cookies.get(COOKIE, "")), None)

    def forget(self, name: str) -> None:
        """End every session of somebody whose password or role has changed."""
        self._sessions = {key: kept for key, kept in self._sessions.items() if kept.user.name != name}

    async def check(self, request: Request, role: Role) -> None:
        """Raises Refused unless this request may be done by whoever sends it."""
        if request.method not in READING:
            check_origin(request)
            expected = self.token(request)
            if not expected or not hmac.compare_digest(expected.encode(), (await _token_in(request)).encode()):
                raise Refused(403, "refused.token")
        user = self.user(request)
        if user.role < role:
            raise Refused(401, "refused.sign_in") if user is NOBODY else Refused(403, "refused.role")
        if role > Role.VIEWER and user.must_change:
            raise Refused(403, "refused.must_change")


def needs(role: Role, handler: Handler) -> Handler:
    """A handler that is reached only with this role; one that changes something, only from a page of this host."""

    async def guarded(request: Request) -> Response:
        await request.app.state.site.guard.check(request, role)
        return await handler(request)

    guarded.needed_role = role  # type: ignore[attr-defined]
    return guarded


def check_origin(request: Request) -> None:
    """Raises Refused for a request that another site's page has sent."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    is_foreign = site not in (None, "same-origin", "none")
    if is_foreign or (origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")):
        raise Refused(403, "refused.origin")


async def form(request: Request) -> dict[str, str]:
    """The fields of a posted form. Raises Refused if it is none; a field that is there twice counts once."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:  # not UTF-8, or too many fields
        raise Refused(400, "refused.form") from error


async def _token_in(request: Request) -> str:
    return request.headers.get(HEADER) or (await form(request)).get(FIELD, "")


def _key(cookie: str) -> str:
    """Sessions are looked up by digest, so that the time this takes tells nothing of other cookies."""
    return hashlib.sha256(cookie.encode()).hexdigest()
