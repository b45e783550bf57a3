"""The models of the station, for engineers: upload in pieces, let one judge, take it back."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.config import INSTALLED
from edge.data_folder import is_held
from edge.errors import BundleError, EdgeError
from edge.model_switch import ModelWish
from edge.program_slots import slots_of
from edge.receive import Received
from edge.slots import Slots, Version
from edge.spool import DIGEST, Spool
from edge.web.core import CoreSaysNo, tell
from edge.web.guard import Refused, Role, form, needs
from edge.web.site import Site

SHOWN_EVENTS = 20
LARGEST_NUMBER = 2**53
Result = TypeVar("Result")


class ModelPages:
    """The answers of these pages."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._spool = Spool(Slots(site.data))

    async def index(self, request: Request) -> Response:
        """What is here, which one judges, and what became of them."""
        is_managed = self._site.config.bundle == INSTALLED
        program = program_in(self._site, request)
        programs, slots = self._site.config.programs, slots_of(self._site.config, program)
        shown: dict[str, Any] = {"is_managed": is_managed, "program": program, "programs": sorted(programs.items())}
        try:
            book, serials = await run_in_threadpool(lambda: (slots.book, slots.serials()))
        except BundleError:
            return self._site.page(request, "models.html", book=None, events=[], models=[], **shown)
        events = [
            {"when": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.wall_ns / 1e9)), **event.model_dump()}
            for event in reversed(book.events[-SHOWN_EVENTS:])
        ]
        models = [
            {"serial": serial, "sha256": sha256, "slot": book.slot_of(sha256), "is_older": serial < book.floor}
            for sha256, serial in sorted(serials.items(), key=lambda item: -item[1])
        ]
        return self._site.page(request, "models.html", book=book, events=events, models=models, **shown)

    async def probation(self, request: Request) -> Response:
        """How the current model does."""
        program = program_in(self._site, request)
        return JSONResponse(dict(await tell(self._site, "model", do="status", program=program)))

    async def begin(self, request: Request) -> Response:
        """A file is to come; how much of it is here from the last time."""
        self._check_managed()
        said = await form(request)
        size = _whole(said.get("size", ""))
        words = json.dumps([self._who(request), said.get("name", ""), size, said.get("modified", "")])
        name = hashlib.sha256(words.encode()).hexdigest()
        here = await self._done(lambda: self._spool.begin(name, size))
        return JSONResponse({"id": name, "here": here})

    async def piece(self, request: Request) -> Response:
        """The next piece of it."""
        self._check_managed()
        name, offset = self._name(request.query_params.get("id", "")), _whole(request.query_params.get("offset", ""))
        body = await request.body()
        return JSONResponse({"here": await self._done(lambda: self._spool.add(name, offset, body))})

    async def install(self, request: Request) -> Response:
        """It is all here: check and try it, as whatever came over ssh."""
        self._check_managed()
        name, who = self._name((await form(request)).get("id", "")), self._who(request)

        def change() -> Received:
            from edge.commands.managing import install  # with all that judges, which no other page needs

            try:
                return install(self._site.config, self._spool.finish(name, is_digest=False), who=who)
            finally:
                self._spool.forget(name)

        found = await self._done(change)
        told = {"p99_ms": found.tried.p99_ms, "budget_ms": found.tried.budget_ms, "signer": found.signer}
        return JSONResponse({**found.version.model_dump(), **told})

    async def activate(self, request: Request) -> Response:
        """Another model judges from the next part on."""
        said = await form(request)
        wish = ModelWish(
            do="activate",
            serial=_whole(said.get("serial", "")),
            may_be_older=said.get("may_be_older") == "yes",
            may_pass_more=said.get("may_pass_more") == "yes",
            program=program_in(self._site, request),
        )
        return await self._switch(request, wish)

    async def rollback(self, request: Request) -> Response:
        """Back to the one before."""
        return await self._switch(request, ModelWish(do="rollback", program=program_in(self._site, request)))

    async def shadow(self, request: Request) -> Response:
        """The candidate judges beside the current model, or no longer."""
        is_on = (await form(request)).get("on") == "yes"
        program = program_in(self._site, request)
        return await self._switch(request, ModelWish(do="shadow" if is_on else "shadow_off", program=program))

    async def _switch(self, request: Request, wish: ModelWish) -> Response:
        self._check_managed()
        who = self._who(request)

        def change() -> Version:
            from edge.commands.managing import switch

            if not is_held(self._site.data):
                raise BundleError("the core does not run; it is the one that changes its model")
            return switch(self._site.config, wish, who=who)

        return JSONResponse((await self._done(change)).model_dump())

    async def _done(self, change: Callable[[], Result]) -> Result:
        """In a thread; what the checks say is for whoever asked."""
        try:
            return await run_in_threadpool(change)
        except EdgeError as error:
            raise CoreSaysNo(str(error)) from error

    def _check_managed(self) -> None:
        if self._site.config.bundle != INSTALLED:
            raise Refused(409, "models.unmanaged")

    def _name(self, text: str) -> str:
        if not DIGEST.fullmatch(text):
            raise Refused(400, "refused.form")
        return text

    def _who(self, request: Request) -> str:
        return self._site.guard.user(request).name


def program_in(site: Site, request: Request) -> int:
    """Whose models an address means (`?program=2`); without it the first program's. Raises Refused for no program."""
    numbers = sorted(site.config.programs) or [0]
    text = request.query_params.get("program", "")
    number = _whole(text) if text else numbers[0]
    if number not in numbers:
        raise Refused(404, "refused.not_found")
    return number


def _whole(text: str) -> int:
    """Raises Refused for what is no whole number."""
    if not (text.isascii() and text.isdigit() and len(text) < 17 and int(text) < LARGEST_NUMBER):
        raise Refused(400, "refused.number")
    return int(text)


def routes(site: Site) -> list[Route]:
    """The addresses of these pages."""
    room = ModelPages(site)
    return [
        Route("/set-up/models", needs(Role.ENGINEER, room.index)),
        Route("/set-up/models/probation", needs(Role.ENGINEER, room.probation)),
        Route("/set-up/models/begin", needs(Role.ENGINEER, room.begin), methods=["POST"]),
        Route("/set-up/models/piece", needs(Role.ENGINEER, room.piece), methods=["POST"]),
        Route("/set-up/models/install", needs(Role.ENGINEER, room.install), methods=["POST"]),
        Route("/set-up/models/activate", needs(Role.ENGINEER, room.activate), methods=["POST"]),
        Route("/set-up/models/rollback", needs(Role.ENGINEER, room.rollback), methods=["POST"]),
        Route("/set-up/models/shadow", needs(Role.ENGINEER, room.shadow), methods=["POST"]),
    ]
