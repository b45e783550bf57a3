"""One part's full story: pictures, numbers, times, model, the good part most like it, and what people said of it."""

import time
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge.corrections import Correction, Judgement, correct, corrections_of
from edge.database import reading
from edge.errors import RecordError
from edge.history import LARGEST_SEQUENCE
from edge.part_story import Story, nearest_good, story_of
from edge.web.guard import Refused, Role, form, needs
from edge.web.language import words
from edge.web.phrases import Phrases, iso, percent, stamp, zone
from edge.web.site import Site

LONGEST_NOTE = 200
DRAWN_WIDTH = 1000.0  # of the bar of stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage on the bar: where it begins and how wide it is, in the bar's own units."""

    name: str
    took_ms: float
    x: float
    width: float


class PartPage:
    """The answers of this room."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """The page of one part."""
        story, good, said = await run_in_threadpool(self._found, _sequence(request))
        return self._site.page(
            request,
            "part.html",
            part=story.row,
            has_map=story.cell_map is not None,
            previous=story.before,
            following=story.after,
            good=good,
            numbers=numbers_of(story),
            moments=moments_of(story),
            stages=stages_of(story.stages_ms),
            corrections=said,
            say=Phrases(words(self._site.language(request))),
            stamp=stamp,
            iso=iso,
            percent=percent,
            zone=zone(),
        )

    async def correct(self, request: Request) -> Response:
        """Keep what an operator says of the verdict."""
        fields = await form(request)
        if fields.get("what") not in set(Judgement):
            raise Refused(400, "refused.form")
        what, note = Judgement(fields["what"]), fields.get("note", "").strip()[:LONGEST_NOTE]
        who, sequence = self._site.guard.user(request).name, _sequence(request)
        await run_in_threadpool(self._correct, sequence, what, who, note)
        return RedirectResponse(f"/part/{sequence}#corrections", status_code=303)

    def _correct(self, sequence: int, what: Judgement, who: str, note: str) -> None:
        name = self._story(sequence).name
        correct(self._site.desk.store(), name, what, who=who, wall_ns=time.time_ns(), note=note)

    def _story(self, sequence: int) -> Story:
        try:
            with reading(self._site.data) as records:
                story = story_of(records, sequence)
        except RecordError:  # none are kept yet
            story = None
        if story is None:
            raise HTTPException(404)
        return story

    def _found(self, sequence: int) -> tuple[Story, int | None, list[Correction]]:
        story = self._story(sequence)
        with reading(self._site.data) as records:
            good = nearest_good(records, story)
        try:
            said = corrections_of(self._site.desk.store(), story.name)
        except RecordError:  # the story is right without it
            said = []
        return story, good, said


def numbers_of(story: Story) -> list[tuple[str, str]]:
    """Key of the words and value of each number that is known."""
    row, model, imaging = story.row, story.model, story.imaging
    found: list[tuple[str, str | None]] = [
        ("distance", _text(row.distance)),
        ("limit", _text(row.limit)),
        ("calibrated", _text(model.calibrated_limit if model else None)),
    ]
    if imaging is not None:
        found += [
            ("light_gain", f"{imaging.light_gain:.3f}"),
            ("sharpness", f"{imaging.sharpness:.1f}"),
            ("shift", f"{imaging.shift_x_percent:+.2f} / {imaging.shift_y_percent:+.2f}"),
            ("rotation", f"{imaging.rotation_degrees:+.2f}°"),
            ("fit", f"{imaging.fit:.3f}"),
        ]
    if model is not None:
        found += [("model", f"{model.product} {model.serial}"), ("digest", model.sha256[:12])]
    return [(name, text) for name, text in [*found, ("source", story.source or None)] if text is not None]


def moments_of(story: Story) -> list[tuple[str, str]]:
    """Key of the words, and how long after the trigger it was, of each moment that came."""
    moments = (("exposed", story.exposed_ns), ("judged", story.judged_ns), ("output", story.output_ns))
    return [(name, f"{(at_ns - story.triggered_ns) / 1e6:.1f} ms") for name, at_ns in moments if at_ns is not None]


def stages_of(stages_ms: dict[str, float]) -> list[Stage]:
    """The stages one after the other, all of the bar's width together."""
    total_ms = sum(stages_ms.values())
    found, passed_ms = [], 0.0
    for name, took_ms in stages_ms.items() if total_ms > 0 else ():
        x, width = DRAWN_WIDTH * passed_ms / total_ms, DRAWN_WIDTH * took_ms / total_ms
        found.append(Stage(name=name, took_ms=took_ms, x=round(x, 1), width=round(width, 1)))
        passed_ms += took_ms
    return found


def routes(site: Site) -> list[Route]:
    """The addresses of this room."""
    room = PartPage(site)
    return [
        Route("/part/{sequence:int}", room.show),
        Route("/part/{sequence:int}/correction", needs(Role.OPERATOR, room.correct), methods=["POST"]),
    ]


def _sequence(request: Request) -> int:
    sequence = int(request.path_params["sequence"])
    if sequence > LARGEST_SEQUENCE:
        raise HTTPException(404)
    return sequence


def _text(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"
