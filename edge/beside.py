"""The candidate judges the parts of the line beside the current model; where they differ is listed for people."""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from edge.armed import ANY, Armed, inspector_of
from edge.kind_names import is_kind_of
from edge.record import Record
from edge.rejudge import Judged, Summary, Used
from edge.shadow import Shadow
from edge.slots import Slots, Version
from edge.verdict import Verdict
from edge.whole_files import write_whole

log = logging.getLogger(__name__)

FOLDER = "shadow"
MOST_LISTED = 500  # the newest
WRITE_S = 5.0


def shadow_file(slots: Slots, version: Version) -> Path:
    """What a candidate has said beside the current model, in the form of `edge records rejudge --json`."""
    return slots.folder / FOLDER / f"{version.sha256}.json"


class Beside:
    """One candidate, from the start of its shadow to the end. What it says decides nothing."""

    def __init__(self, slots: Slots, version: Version, armed: Armed, *, kind: Callable[[], int] = lambda: ANY) -> None:
        """kind: the number of the kind that parts are restricted to now, 0 for none."""
        self._path, self._version = shadow_file(slots, version), version
        self._summary, self._changes = Summary(), deque[Judged](maxlen=MOST_LISTED)
        self._written_s, self._lock = 0.0, threading.Lock()
        self._shadow: Shadow | None = Shadow(lambda: inspector_of(armed, kind()), on_judged=self._judged)

    def see(self, record: Record) -> None:
        """A part was judged; the candidate looks at it when there is time."""
        product, of = record.model.product if record.model else "", self._version.product
        if self._shadow is not None and (product in ("", of) or is_kind_of(product, of)):
            self._shadow.offer(record)

    def close(self) -> None:
        """Look at no more, and keep what was seen. May be called twice."""
        if self._shadow is not None:
            self._shadow.close()
            self._shadow = None
            self._write()

    def _judged(self, record: Record, other: Verdict) -> None:
        with self._lock:
            part = Judged(
                sequence=record.sequence,
                used=Used.FRAME,
                outcome_before=record.verdict.outcome.value,
                margin_before=record.verdict.margin,
                outcome_after=other.outcome.value,
                margin_after=other.margin,
                label_after=other.nearest_label,
            )
            self._summary.count(part)
            if part.is_changed:
                self._changes.append(part)
        if time.monotonic() - self._written_s >= WRITE_S:
            self._write()

    def _write(self) -> None:
        with self._lock:
            self._written_s = time.monotonic()
            outcomes = {f"{before} -> {after}": n for (before, after), n in sorted(self._summary.outcomes.items())}
            found = {
                "changes": [asdict(part) for part in self._changes],
                "changed": self._summary.changed,
                "used": {Used.FRAME.value: sum(self._summary.outcomes.values())},
                "outcomes": outcomes,
                "model": self._version.model_dump(),
            }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(found, allow_nan=False).encode())
        except OSError as error:
            log.warning("what the candidate says cannot be kept: %s", error.strerror)
