"""What a model would change, before it is released: past production judged again, and what it said beside the line."""

import json
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from edge.beside import shadow_file
from edge.child_process import python, run_to_end, trouble_of
from edge.program_slots import slots_of
from edge.slots import Slots, Version
from edge.web.core import CoreSaysNo
from edge.web.guard import Refused, Role, needs
from edge.web.model_pages import program_in
from edge.web.site import Site

LAST_PARTS = 5000
MOST_SHOWN = 60
TIMEOUT_S = 1800.0
LARGEST_FILE_BYTES = 64 * 2**20
WHOLE = {"changes", "changed", "outcomes", "used"}


@dataclass(slots=True)
class Running:
    """The one model that is judging past production now, and what went wrong with the last one."""

    serial: int | None = None
    trouble: str = ""


class ComparePages:
    """The answers of these pages."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._running, self._lock = Running(), threading.Lock()

    async def index(self, request: Request) -> Response:
        """Both comparisons of one model, with pictures."""
        slots, version = self._found(request)
        past, live = self._past(slots, version), shadow_file(slots, version)
        found = await run_in_threadpool(lambda: {"past": _read(past), "live": _read(live)})
        return self._site.page(
            request,
            "compare.html",
            serial=version.serial,
            program=program_in(self._site, request),
            results={name: _shown(result) for name, result in found.items() if result},
            is_running=self._running.serial == version.serial,
            last_parts=LAST_PARTS,
        )

    async def start(self, request: Request) -> Response:
        """Judge past production with this model, in a process of its own."""
        slots, version = self._found(request)
        with self._lock:
            if self._running.serial is not None:
                raise CoreSaysNo(f"serial {self._running.serial} is being compared; wait until it is done")
            self._running = Running(serial=version.serial)
        threading.Thread(target=self._judge, args=(slots, version), name="compare", daemon=True).start()
        return JSONResponse({"is_running": True})

    async def state(self, request: Request) -> Response:
        """Whether it is done."""
        (slots, version), running = self._found(request), self._running
        is_there = self._past(slots, version).is_file()
        told = {"is_running": running.serial == version.serial, "is_there": is_there, "trouble": running.trouble}
        return JSONResponse(told)

    async def whole(self, request: Request) -> Response:
        """Everything, for other programs."""
        path = self._past(*self._found(request))
        if not path.is_file():
            raise Refused(404, "refused.not_found")
        return FileResponse(path, media_type="application/json", filename=f"rejudged-{path.name}")

    def _judge(self, slots: Slots, version: Version) -> None:
        out = self._past(slots, version)
        model = str(slots.path_of(version))
        command = python("edge.commands.judge_again", str(self._site.data), model, str(LAST_PARTS), str(out))
        command += ["--own-product"] if self._site.config.programs else []
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            trouble = trouble_of(run_to_end(command, timeout_s=TIMEOUT_S))
        except (OSError, subprocess.TimeoutExpired) as error:
            trouble = type(error).__name__
        with self._lock:
            self._running = Running(trouble=trouble.replace(str(self._site.data), "…"))

    def _past(self, slots: Slots, version: Version) -> Path:
        return slots.folder / "rejudged" / f"{version.sha256}.json"

    def _found(self, request: Request) -> tuple[Slots, Version]:
        slots = slots_of(self._site.config, program_in(self._site, request))
        version = slots.of_serial(request.path_params["serial"])
        if version is None:
            raise Refused(404, "refused.not_found")
        return slots, version


def _read(path: Path) -> dict[str, object] | None:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.keys() >= WHOLE else None


def _shown(found: dict[str, object]) -> dict[str, object]:
    """What the page shows of a comparison: the gravest changes first."""
    changes = found.get("changes")
    by_weight = sorted(changes, key=_weight) if isinstance(changes, list) else []
    return {**found, "shown": by_weight[:MOST_SHOWN]}


def _weight(part: dict[str, object]) -> tuple[int, int]:
    """Mistakes that somebody knows of, then what would no longer be rejected, then the rest; the newest first."""
    is_passed = part.get("outcome_after") == "OK"
    is_mistake = part.get("truth") == ("bad" if is_passed else "good")
    return (0 if is_mistake else 1 if is_passed else 2), -int(str(part.get("sequence", 0)))


def routes(site: Site) -> list[Route]:
    """The addresses of these pages."""
    room = ComparePages(site)
    return [
        Route("/set-up/models/{serial:int}", needs(Role.ENGINEER, room.index)),
        Route("/set-up/models/{serial:int}/rejudge", needs(Role.ENGINEER, room.start), methods=["POST"]),
        Route("/set-up/models/{serial:int}/state", needs(Role.ENGINEER, room.state)),
        Route("/set-up/models/{serial:int}/rejudged.json", needs(Role.ENGINEER, room.whole)),
    ]
