"""Looking for parts: a form, quick choices for a finger, and what was found, the newest first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge.corrections import Judgement, all_corrections, last_words
from edge.database import reading
from edge.errors import RecordError
from edge.history import LARGEST_SEQUENCE, OUTCOMES, Found, PartRow, Search, labels, parts_of, search
from edge.web.language import words
from edge.web.phrases import Phrases, iso, percent, stamp, zone
from edge.web.site import Site

MOST = 50
LONGEST_FIELD = 100
SAID = ("any", Judgement.GOOD, Judgement.BAD, Judgement.UNCERTAIN)
QUICK: tuple[tuple[str, dict[str, str]], ...] = (  # key of the words, and what is asked for
    ("all", {}),
    ("ng", {"outcome": "NG"}),
    ("fault", {"outcome": "FAULT"}),
    ("near", {"outcome": "OK", "least": "80"}),
    ("corrected", {"said": "any"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks for, as in the form's fields; empty stands for anything."""

    outcomes: tuple[str, ...] = ()
    label: str = ""
    since: str = ""
    until: str = ""
    least: str = ""
    most: str = ""
    said: str = ""
    before: int | None = None

    @property
    def fields(self) -> list[tuple[str, str]]:
        """As an address has them, without the place in the list."""
        texts = {"label": self.label, "from": self.since, "to": self.until, "least": self.least, "most": self.most}
        found = [("outcome", outcome) for outcome in self.outcomes] + [*texts.items(), ("said", self.said)]
        return [(name, value) for name, value in found if value]

    def search(self) -> Search:
        """The same for the records. Raises ValueError for what is no time or number."""
        return Search(
            since_ns=_wall_ns(self.since),
            until_ns=_wall_ns(self.until),
            outcomes=self.outcomes,
            label=self.label or None,
            least_margin=_share(self.least),
            most_margin=_share(self.most),
            before=self.before,
            most=MOST,
        )


class History:
    """The answers of this room."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def index(self, request: Request) -> Response:
        """The form and one page of parts."""
        asked = asked_in(request.query_params)
        number = request.query_params.get("number", "")
        if number.isascii() and number.isdecimal() and 0 < int(number[:20]) <= LARGEST_SEQUENCE:
            return RedirectResponse(f"/part/{int(number)}", status_code=303)
        known: list[str] = []
        found, why = Found(parts=(), before=None), ""
        try:
            found, known = await run_in_threadpool(self._found, asked)
        except ValueError:
            why = "search.wrong"
        except RecordError:
            why = "records.none"
        page = urlencode([*asked.fields, ("before", str(found.before))])
        return self._site.page(
            request,
            "history.html",
            status=400 if why == "search.wrong" else 200,
            asked=asked,
            why=why,
            labels=known,
            parts=found.parts,
            said=await run_in_threadpool(said_of, self._site, found.parts),
            quick=[
                (name, "/history?" + urlencode(fields), list(fields.items()) == asked.fields) for name, fields in QUICK
            ],
            newest="/history?" + urlencode(asked.fields) if asked.before is not None else None,
            older="/history?" + page if found.before is not None else None,
            say=Phrases(words(self._site.language(request))),
            stamp=stamp,
            iso=iso,
            percent=percent,
            zone=zone(),
        )

    def _found(self, asked: Asked) -> tuple[Found, list[str]]:
        wanted = asked.search()
        with reading(self._site.data) as records:
            known = labels(records)
            if not asked.said:
                return search(records, wanted), known
            corrected = [part for part in parts_of(records, self._corrected(asked.said)) if _is_wanted(part, wanted)]
        more = len(corrected) > MOST
        return Found(parts=tuple(corrected[:MOST]), before=corrected[MOST - 1].sequence if more else None), known

    def _corrected(self, said: str) -> list[int]:
        """Numbers of parts whose last word is this one."""
        store = self._site.desk.store()
        sequences = sorted({correction.part.sequence for correction in all_corrections(store)}, reverse=True)
        return [number for number, last in last_words(store, sequences).items() if said in ("any", last.what)]


def asked_in(query: QueryParams) -> Asked:
    """What an address asks for; what it cannot ask for is left out."""
    texts = {name: query.get(name, "").strip()[:LONGEST_FIELD] for name in ("label", "from", "to", "least", "most")}
    before, said = query.get("before", ""), query.get("said", "")
    is_number = before.isascii() and before.isdecimal() and len(before) < 20
    return Asked(
        outcomes=tuple(outcome for outcome in OUTCOMES if outcome in query.getlist("outcome")),
        label=texts["label"],
        since=texts["from"],
        until=texts["to"],
        least=texts["least"],
        most=texts["most"],
        said=said if said in SAID else "",
        before=min(int(before), LARGEST_SEQUENCE) if is_number else None,
    )


def said_of(site: Site, parts: tuple[PartRow, ...]) -> Mapping[int, str]:
    """The last word on each of these parts that somebody corrected; none while the page's store is out of order."""
    try:
        found = last_words(site.desk.store(), [part.sequence for part in parts])
    except RecordError:
        return {}
    return {sequence: correction.what.value for sequence, correction in found.items()}


def routes(site: Site) -> list[Route]:
    """The addresses of this room."""
    return [Route("/history", History(site).index)]


def _is_wanted(part: PartRow, wanted: Search) -> bool:
    """Whether a part is among what is looked for, as `edge.history.search` finds it."""
    margin = part.margin
    return (
        (not wanted.outcomes or part.outcome in wanted.outcomes)
        and wanted.label in (None, part.label)
        and (wanted.before is None or part.sequence < wanted.before)
        and (wanted.since_ns is None or part.wall_ns >= wanted.since_ns)
        and (wanted.until_ns is None or part.wall_ns < wanted.until_ns)
        and (wanted.least_margin is None or (margin is not None and margin >= wanted.least_margin))
        and (wanted.most_margin is None or (margin is not None and margin <= wanted.most_margin))
    )


def _wall_ns(text: str) -> int | None:
    """A time such as 2026-11-22T14:05 in the station's own time zone. Raises ValueError for anything else."""
    if not text:
        return None
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp()) * 10**9
    except (OverflowError, OSError) as error:  # beyond what clocks show
        raise ValueError(f"{text} is no time") from error


def _share(text: str) -> float | None:
    """Percent as a share. Raises ValueError for what is no number."""
    if not text:
        return None
    found = float(text) / 100
    if not math.isfinite(found):
        raise ValueError(f"{text} is no share")
    return found
