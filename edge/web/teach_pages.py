"""Set-up of camera and pictures, for engineers: live picture, teaching, regions, the training folder to take away."""

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.pictures import read_picture
from edge.teaching import FOLDER, GOOD, kept_pictures
from edge.training_folder import Inspected, files_of, read_inspected, remove_pictures, write_inspected
from edge.web.core import tell, tell_and_log
from edge.web.guard import Refused, Role, form, needs
from edge.web.site import Site

NAME = re.compile(r"part-[0-9]{1,20}\.png")
LAST_SHOWN = 24
SMALL_PX = 320
CHUNK_BYTES = 2**18
MOST_TAUGHT = 500


class TeachPages:
    """The answers of these pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def camera(self, request: Request) -> Response:
        """The live picture with its aids."""
        return self._site.page(request, "camera.html")

    async def look(self, request: Request) -> Response:
        """What the camera sees now; kept in the training folder if that was asked for."""
        if (await form(request)).get("kept") == "yes":
            who = self._site.guard.user(request).name
            told = await tell_and_log(self._site, who, what="picture for training", command="look", is_kept=True)
        else:
            told = await tell(self._site, "look", is_kept=False)
        return JSONResponse(told)

    async def teach(self, request: Request) -> Response:
        """The pictures that were collected."""
        pictures = await run_in_threadpool(kept_pictures, self._site.data)
        names = [path.name for path in pictures[-LAST_SHOWN:]][::-1]
        return self._site.page(request, "teach.html", names=names, number=len(pictures))

    async def begin(self, request: Request) -> Response:
        """Collect the next parts' pictures; none ends that."""
        wanted = (await form(request)).get("parts", "")
        if not wanted.isascii() or not wanted.isdigit() or int(wanted[:9]) > MOST_TAUGHT:
            raise Refused(400, "refused.number")
        who, parts = self._site.guard.user(request).name, int(wanted)
        return JSONResponse(
            await tell_and_log(self._site, who, what="teaching", command="teach", new=f"{parts} parts", parts=parts)
        )

    async def state(self, _: Request) -> Response:
        """How many there are."""
        pictures = await run_in_threadpool(kept_pictures, self._site.data)
        return JSONResponse({"pictures": len(pictures), "newest": pictures[-1].name if pictures else ""})

    async def picture(self, request: Request) -> Response:
        """One collected picture; `?small` is enough to see what it is."""
        name = request.path_params["name"]
        path = self._site.data / GOOD / name
        if not NAME.fullmatch(name) or not path.is_file():
            raise Refused(404, "refused.not_found")
        headers = {"Cache-Control": "private, max-age=86400"}
        if "small" in request.query_params:
            return Response(await run_in_threadpool(_small, path), media_type="image/jpeg", headers=headers)
        return FileResponse(path, media_type="image/png", headers=headers)

    async def remove(self, request: Request) -> Response:
        """One picture that is not good, or all, to begin anew."""
        name, who = (await form(request)).get("name", ""), self._site.guard.user(request).name
        if name != "all" and not NAME.fullmatch(name):
            raise Refused(400, "refused.form")

        def change() -> int:
            self._site.desk.store().log(wall_ns=time.time_ns(), who=who, what="teaching pictures removed", old=name)
            if name == "all":
                return remove_pictures(self._site.data)
            (self._site.data / GOOD / name).unlink(missing_ok=True)
            return 1

        return JSONResponse({"removed": await run_in_threadpool(change)})

    async def download(self, _: Request) -> Response:
        """The training folder as an archive, packed while it leaves."""
        name = f"{self._site.config.station}-{time.strftime('%Y%m%d-%H%M%S')}"
        headers = {"Content-Disposition": f'attachment; filename="{name}.zip"', "Cache-Control": "no-store"}
        return StreamingResponse(_packed(self._site, name), media_type="application/zip", headers=headers)

    async def regions(self, request: Request) -> Response:
        """The newest picture to draw on."""
        pictures = await run_in_threadpool(kept_pictures, self._site.data)
        drawn = await run_in_threadpool(read_inspected, self._site.data)
        return self._site.page(
            request, "regions.html", name=pictures[-1].name if pictures else "", drawn=json.dumps(drawn.model_dump())
        )

    async def draw(self, request: Request) -> Response:
        """Keep what was drawn, for training."""
        text = (await form(request)).get("drawn", "")
        try:
            drawn = Inspected.model_validate_json(text)
        except ValidationError as error:
            raise Refused(400, "refused.form") from error
        who = self._site.guard.user(request).name

        def change() -> None:
            old = read_inspected(self._site.data)
            words = [f"{len(shown.regions)} regions, {len(shown.masks)} masks" for shown in (old, drawn)]
            self._site.desk.store().log(
                wall_ns=time.time_ns(), who=who, what="regions of the training folder", old=words[0], new=words[1]
            )
            write_inspected(self._site.data, drawn)

        await run_in_threadpool(change)
        return JSONResponse({"regions": len(drawn.regions), "masks": len(drawn.masks)})


def _small(path: Path) -> bytes:
    frame = read_picture(path)
    size = (SMALL_PX, max(1, round(SMALL_PX * frame.height / frame.width)))
    return bytes(cv2.imencode(".jpg", cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA))[1].tobytes())


class _Outlet(io.RawIOBase):
    """Takes what the archive writes, until it is fetched."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.waiting += memoryview(data).cast("B")  # type: ignore[arg-type]
        return len(memoryview(data))  # type: ignore[arg-type]

    def fetched(self) -> bytes:
        found, self.waiting = bytes(self.waiting), bytearray()
        return found


def _packed(site: Site, name: str) -> Iterator[bytes]:
    """The archive in pieces; pictures are compressed already."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for inner, path in files_of(site.data):
            if not path.is_file():
                continue
            with path.open("rb") as file, archive.open(f"{name}/{inner}", "w") as packed:
                while chunk := file.read(CHUNK_BYTES):
                    packed.write(chunk)
                    yield outlet.fetched()
    yield outlet.fetched()


def routes(site: Site) -> list[Route]:
    """The addresses of these pages."""
    room = TeachPages(site)
    return [
        Route("/set-up/camera", needs(Role.ENGINEER, room.camera)),
        Route("/set-up/camera", needs(Role.ENGINEER, room.look), methods=["POST"]),
        Route("/set-up/teach", needs(Role.ENGINEER, room.teach)),
        Route("/set-up/teach", needs(Role.ENGINEER, room.begin), methods=["POST"]),
        Route("/set-up/teach/state", needs(Role.ENGINEER, room.state)),
        Route("/set-up/teach/picture/{name}", needs(Role.ENGINEER, room.picture)),
        Route("/set-up/teach/remove", needs(Role.ENGINEER, room.remove), methods=["POST"]),
        Route(f"/set-up/{FOLDER}.zip", needs(Role.ENGINEER, room.download)),
        Route("/set-up/regions", needs(Role.ENGINEER, room.regions)),
        Route("/set-up/regions", needs(Role.ENGINEER, room.draw), methods=["POST"]),
    ]
