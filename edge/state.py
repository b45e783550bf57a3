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
class State:
    """Phase, why if it takes no parts, the last part's number, and how many came while it was busy since the start."""

    phase: Phase
    why: str
    sequence: int
    busy_triggers: int = 0
