"""Signing in and out, and a password of one's own."""

import time

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge.web.guard import NOBODY, Refused, Role, User, form, needs
from edge.web.passwords import Attempts
from edge.web.people import AccountError, People, tidy_name
from edge.web.site import Site

MOST_AT_ONCE = 2  # passwords being checked; each costs a processor's time
MOST_WAITING = 8
WRONG, WAIT = "sign_in.wrong", "sign_in.wait"


class SignIn:
    """The answers of these pages."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._from_address = Attempts(free=5, longest_wait_s=60)
        self._for_name = Attempts(free=20, longest_wait_s=5)  # short, so that nobody can lock somebody else out
        self._checking = anyio.CapacityLimiter(MOST_AT_ONCE)

    async def ask(self, request: Request) -> Response:
        """The form."""
        return self._site.page(request, "sign_in.html", next=local(request.query_params.get("next", "/")), why="")

    async def sign_in(self, request: Request) -> Response:
        """With the right password: a new session, and on to where one wanted to go."""
        fields = await form(request)
        name, onward = tidy_name(fields.get("name", "")), local(fields.get("next", "/"))
        address = request.client.host if request.client else ""
        why, user = await self._check(name, fields.get("password", ""), address=address)
        if user is None:
            status = 401 if why == WRONG else 429
            return self._site.page(request, "sign_in.html", status=status, next=onward, why=why)
        await self._log(user.name, "signed in", f"from {address}")
        self._site.guard.sign_out(request)
        answer = RedirectResponse("/password" if user.must_change else onward, status_code=303)
        self._site.give_cookie(answer, self._site.guard.sign_in(user))
        return answer

    async def sign_out(self, request: Request) -> Response:
        """The session ends, on the server as well."""
        user = self._site.guard.user(request)
        self._site.guard.sign_out(request)
        if user is not NOBODY:
            await self._log(user.name, "signed out")
        return RedirectResponse("/", status_code=303)

    async def ask_password(self, request: Request) -> Response:
        """The form for a new password."""
        if self._site.guard.user(request) is NOBODY:
            raise Refused(401, "refused.sign_in")
        return self._site.page(request, "password.html", why="")

    async def change_password(self, request: Request) -> Response:
        """With the old one: a new one, and an end to every other session of this account."""
        user, fields = self._site.guard.user(request), await form(request)
        if user is NOBODY:
            raise Refused(401, "refused.sign_in")
        address = request.client.host if request.client else ""
        why, found = await self._check(user.name, fields.get("old", ""), address=address)
        if found is None:
            return self._site.page(request, "password.html", status=401 if why == WRONG else 429, why=why)
        new = fields.get("new", "")
        if new != fields.get("again") or new == fields.get("old"):
            why = "password.again" if new != fields.get("again") else "password.same"
            return self._site.page(request, "password.html", status=400, why=why)
        try:
            people = People(await run_sync(self._site.desk.store), who=user.name)
            await run_sync(people.set_password, user.name, new)
        except AccountError as error:
            return self._site.page(request, "password.html", status=400, why=error.key)
        self._site.guard.forget(user.name)
        answer = RedirectResponse("/", status_code=303)
        self._site.give_cookie(answer, self._site.guard.sign_in(User(name=user.name, role=found.role)))
        return answer

    async def _log(self, who: str, what: str, how: str = "") -> None:
        await run_sync(lambda: self._site.desk.store().log(wall_ns=time.time_ns(), who=who, what=what, new=how))

    async def _check(self, name: str, password: str, *, address: str) -> tuple[str, User | None]:
        """Why not, and who. An attempt is counted before anybody knows whether it is right."""
        is_crowded = self._checking.statistics().tasks_waiting >= MOST_WAITING
        if is_crowded or max(self._from_address.wait_s(address), self._for_name.wait_s(name)) > 0:
            return WAIT, None
        self._from_address.begin(address)
        self._for_name.begin(name)
        person = await run_sync(lambda: People(self._site.desk.store()).kept(name))
        user = await run_sync(person.matches, password, limiter=self._checking)
        if user is None:
            return WRONG, None
        self._from_address.right(address)
        self._for_name.right(name)
        return "", user


def local(address: str) -> str:
    """An address of this page, "/" for anything else: nobody is sent on to another site."""
    is_plain = address.isascii() and address.isprintable() and "\\" not in address
    return address if is_plain and address.startswith("/") and not address.startswith("//") else "/"


def routes(site: Site) -> list[Route]:
    """The addresses of this room."""
    room = SignIn(site)
    return [
        Route("/sign-in", room.ask),
        Route("/sign-in", needs(Role.VIEWER, room.sign_in), methods=["POST"]),
        Route("/sign-out", needs(Role.VIEWER, room.sign_out), methods=["POST"]),
        Route("/password", room.ask_password),
        Route("/password", needs(Role.VIEWER, room.change_password), methods=["POST"]),
    ]
