"""What the station is doing, for whoever wants to know."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What the station is doing."""

    READY = "ready"
    BUSY = "busy"
    NOT_READY = "not ready"
    HALTED = "halted"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Phase, why if it is not READY, and the last part's number."""

    phase: Phase
    why: str
    sequence: int
