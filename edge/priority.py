"""Real-time priority for the process that owes the line its verdict in time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SPARE, OTHERS, LINE = 1, 5, 10  # of 1 to 99; the kernel's own interrupt threads have 50


@contextmanager
def before_other_programs() -> Iterator[bool]:
    """Let the calling thread, and all that it starts within, run before ordinary ones. False if not allowed.

    All of them: a thread that writes a record holds the interpreter's lock for moments, and one that is put off by
    another program in such a moment puts off the verdict with it. A service needs LimitRTPRIO, no RestrictRealtime, and
    a CPUAffinity that leaves a processor to the kernel: what debounces its wires has no such priority.
    """
    is_allowed = _set(OTHERS)
    try:
        yield is_allowed
    finally:
        if is_allowed:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def go_first() -> bool:
    """Let the calling thread, and those it starts, run before the rest of such a process too. False in any other."""
    return hasattr(os, "SCHED_FIFO") and os.sched_getscheduler(0) == os.SCHED_FIFO and _set(LINE)


def go_last() -> None:
    """Let the calling thread run after the rest of the process; before other programs, as it holds the same lock."""
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) == os.SCHED_FIFO:
        _set(SPARE)


def _set(priority: int) -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError):  # AttributeError: a system that knows no such thing
        return False
    return True
