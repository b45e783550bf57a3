"""The accounts of a station, for engineers: who there is, new ones, other roles, new passwords."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge.audit import Entry
from edge.errors import RecordError
from edge.web.guard import Role, form, needs
from edge.web.people import AccountError, People, tidy_name
from edge.web.site import Site

LOG_LINES = 100
ROLES = {"operator": Role.OPERATOR, "engineer": Role.ENGINEER}


class AccountsPage:
    """The answers of this room."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request, *, status: int = 200, why: str = "") -> Response:
        """Everybody, by name."""
        accounts = await run_in_threadpool(lambda: People(self._site.desk.store()).all())
        return self._site.page(request, "accounts.html", status=status, accounts=accounts, roles=ROLES, why=why)

    async def add(self, request: Request) -> Response:
        """A new account, whose password its owner must change."""
        fields = await form(request)
        name, role = tidy_name(fields.get("name", "")), ROLES.get(fields.get("role", ""), Role.OPERATOR)
        return await self._change(
            request,
            change=lambda people: people.add(name, role=role, password=fields.get("password", "")),
        )

    async def set_role(self, request: Request) -> Response:
        """Another role; the account's sessions end."""
        fields = await form(request)
        name, role = fields.get("name", ""), ROLES.get(fields.get("role", ""), Role.OPERATOR)
        return await self._change(request, forget=name, change=lambda people: people.set_role(name, role))

    async def set_password(self, request: Request) -> Response:
        """A new password, which its owner must change; the account's sessions end."""
        fields = await form(request)
        name, password = fields.get("name", ""), fields.get("password", "")
        return await self._change(
            request,
            forget=name,
            change=lambda people: people.set_password(name, password, must_change=True),
        )

    async def remove(self, request: Request) -> Response:
        """Its sessions end."""
        name = (await form(request)).get("name", "")
        return await self._change(request, forget=name, change=lambda people: people.remove(name))

    async def log(self, request: Request) -> Response:
        """Who changed what, the newest first, and whether the chain holds."""
        said = request.query_params.get("before", "")
        before = int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else None

        def read() -> tuple[list[Entry], bool]:
            store = self._site.desk.store()
            try:
                store.check_audit()
            except RecordError:
                return store.audit_log(before=before, most=LOG_LINES), False
            return store.audit_log(before=before, most=LOG_LINES), True

        entries, is_whole = await run_in_threadpool(read)
        shown = [{**asdict(entry), "when": _local_time(entry.wall_ns)} for entry in entries]
        older = entries[-1].number if len(entries) == LOG_LINES else None
        return self._site.page(request, "log.html", entries=shown, is_whole=is_whole, older=older)

    async def _change(self, request: Request, *, change: Callable[[People], None], forget: str = "") -> Response:
        who = self._site.guard.user(request).name
        try:
            await run_in_threadpool(lambda: change(People(self._site.desk.store(), who=who)))
        except AccountError as error:
            return await self.show(request, status=400, why=error.key)
        if forget:
            self._site.guard.forget(forget)
        return RedirectResponse("/accounts", status_code=303)


def _local_time(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9).astimezone().isoformat(sep=" ", timespec="seconds")


def routes(site: Site) -> list[Route]:
    """The addresses of this room."""
    room = AccountsPage(site)
    return [
        Route("/accounts", needs(Role.ENGINEER, room.show)),
        Route("/accounts", needs(Role.ENGINEER, room.add), methods=["POST"]),
        Route("/accounts/role", needs(Role.ENGINEER, room.set_role), methods=["POST"]),
        Route("/accounts/password", needs(Role.ENGINEER, room.set_password), methods=["POST"]),
        Route("/log", needs(Role.ENGINEER, room.log)),
        Route("/accounts/remove", needs(Role.ENGINEER, room.remove), methods=["POST"]),
    ]
