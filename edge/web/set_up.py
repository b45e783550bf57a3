"""Set-up in the browser: pause and reset for operators; wires and limit for engineers."""

import json
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.control import CommandName
from edge.errors import DeviceUnavailable
from edge.limit_effect import distances, effect_of
from edge.moved_limit import LEAST, MOST
from edge.web.core import tell, tell_and_log
from edge.web.guard import Refused, Role, form, needs
from edge.web.site import Site
from edge.web.troubles import in_language

MOST_NAMED = 20
DRAWN_PARTS = 2000
STATION: dict[str, CommandName] = {"pause": "pause", "resume": "resume", "reset": "reset"}


class SetUp:
    """The answers of these pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def index(self, request: Request) -> Response:
        """What there is to set up, and the station's state."""
        return self._site.page(request, "set_up.html")

    async def status(self, request: Request) -> Response:
        """What the core says of its state, in the viewer's language."""
        return self._said(request, await tell(self._site, "status"))

    async def pause(self, request: Request) -> Response:
        """Take no parts, or take them again."""
        wanted = (await form(request)).get("what", "")
        if (command := STATION.get(wanted)) is None:
            raise Refused(400, "refused.form")
        return self._said(request, await tell_and_log(self._site, self._who(request), what=wanted, command=command))

    async def wires(self, request: Request) -> Response:
        """Trigger and outputs, by name."""
        config = self._site.config
        line = getattr(config.trigger, "line", "")
        return self._site.page(
            request, "wires.html", wires=config.outputs.testable, trigger=config.trigger.driver, line=line
        )

    async def try_wire(self, request: Request) -> Response:
        """One wire, for a moment."""
        wire = (await form(request)).get("wire", "")
        if wire not in self._site.config.outputs.testable:
            raise Refused(400, "refused.form")
        who = self._who(request)
        return JSONResponse(await tell_and_log(self._site, who, what=f"wire {wire}", command="wire", wire=wire))

    async def fire(self, request: Request) -> Response:
        """A part, where the trigger is a command."""
        return JSONResponse(await tell_and_log(self._site, self._who(request), what="trigger", command="trigger"))

    async def limit(self, request: Request) -> Response:
        """Where the limit is, and the last parts' distances."""
        try:
            said = dict(await tell(self._site, "limit"))
        except DeviceUnavailable:
            said = {}
        found = await self._distances(str(said.get("model", ""))) if said else []
        shown = {
            **said,
            "least": LEAST,
            "most": MOST,
            "parts": [round(distance, 4) for _, distance in found[:DRAWN_PARTS]],
        }
        return self._site.page(request, "limit.html", said=said, shown=json.dumps(shown), parts=len(found))

    async def effect(self, request: Request) -> Response:
        """What another limit would have said of the last parts."""
        limit = _number(request.query_params.get("limit", ""))
        said = await tell(self._site, "limit")
        found = await self._distances(str(said["model"]))
        effect = effect_of(found, limit=limit, instead_of=float(str(said["limit"])))
        return JSONResponse(
            {
                "parts": effect.parts,
                "newly_ng": len(effect.newly_ng),
                "newly_ok": len(effect.newly_ok),
                "some_ng": effect.newly_ng[:MOST_NAMED],
                "some_ok": effect.newly_ok[:MOST_NAMED],
            }
        )

    async def move_limit(self, request: Request) -> Response:
        """From the next part on, and after a restart; "calibrated" is where the model was calibrated."""
        wanted = (await form(request)).get("limit", "")
        said = await tell(self._site, "limit")
        is_calibrated = wanted == "calibrated"
        limit = float(str(said["calibrated"])) if is_calibrated else _number(wanted)
        arguments = {"is_calibrated": True} if is_calibrated else {"limit": limit}
        told = await tell_and_log(
            self._site,
            self._who(request),
            what=f"limit of model {str(said['model'])[:12]}",
            command="limit",
            old=f"{float(str(said['limit'])):.6g}",
            new=f"{limit:.6g}{' (calibrated)' if is_calibrated else ''}",
            **arguments,
        )
        return JSONResponse({"limit": told["limit"], "calibrated": told["calibrated"]})

    async def _distances(self, model: str) -> list[tuple[int, float]]:
        return await run_in_threadpool(distances, self._site.data, model_sha256=model)

    def _said(self, request: Request, told: Mapping[str, object]) -> Response:
        """The core's answer, and in it what stands in the way of parts in the viewer's language."""
        why = in_language(str(told.get("why", "")), self._site.language(request))
        return JSONResponse({**told, "why": why})

    def _who(self, request: Request) -> str:
        return self._site.guard.user(request).name


def _number(text: str) -> float:
    """Raises Refused for what is no positive, finite number."""
    try:
        number = float(text[:40])
    except ValueError as error:
        raise Refused(400, "refused.number") from error
    if not 0 < number < 1e9:
        raise Refused(400, "refused.number")
    return number


def routes(site: Site) -> list[Route]:
    """The addresses of these pages."""
    room = SetUp(site)
    return [
        Route("/set-up", needs(Role.OPERATOR, room.index)),
        Route("/set-up/status", needs(Role.OPERATOR, room.status)),
        Route("/set-up/station", needs(Role.OPERATOR, room.pause), methods=["POST"]),
        Route("/set-up/wires", needs(Role.ENGINEER, room.wires)),
        Route("/set-up/wires", needs(Role.ENGINEER, room.try_wire), methods=["POST"]),
        Route("/set-up/trigger", needs(Role.ENGINEER, room.fire), methods=["POST"]),
        Route("/set-up/limit", needs(Role.ENGINEER, room.limit)),
        Route("/set-up/limit", needs(Role.ENGINEER, room.move_limit), methods=["POST"]),
        Route("/set-up/limit/effect", needs(Role.ENGINEER, room.effect)),
    ]
