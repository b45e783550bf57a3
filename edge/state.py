"""What the station is doing, for whoever wants to know. The names are those of OPC 40100-1 (machine vision)."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """One of five."""

    PREOPERATIONAL = "Preoperational"  # not set up to take parts: starting, no valid model, paused, ended
    READY = "Ready"  # the next part may come
    EXECUTING = "Executing"  # a part is being judged, or its outcome still being shown
    ERROR = "Error"  # something is broken; READY comes back by itself when it is well again
    HALTED = "Halted"  # a person must look and reset


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the shift check wants next: test piece number `piece` of `pieces`, and how it must be judged.

    last: what came of the piece before, one sentence, "" for none. last_outcome: as it was judged. is_failed: not as
    it must be, so that the check began again.
    """

    piece: int
    pieces: int
    outcome: str
    label: str = ""
    last: str = ""
    last_outcome: str = ""
    is_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Phase, why if it takes no parts, the last part's number, and how many came while it was busy since the start.

    check: the shift check, while it keeps the station from being READY.
    """

    phase: Phase
    why: str
    sequence: int
    busy_triggers: int = 0
    check: Check | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which program judges. number: None where there is nothing to choose.

    kinds: of a single model of several kinds, in the order of their numbers from 1 on.
    """

    number: int | None = None
    kinds: tuple[str, ...] = ()


NO_CHOICE = Chosen()
