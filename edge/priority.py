"""Real-time priority for the threads that owe the line its verdict in time."""

import logging
import os

log = logging.getLogger(__name__)

PRIORITY = 10  # of 1 to 99; the kernel's own interrupt threads have 50


def go_first() -> bool:
    """Let the calling thread run before all ordinary ones; threads that it starts stay ordinary. False if not allowed.

    Without it, what else the machine does may hold up a verdict: a service needs LimitRTPRIO and no RestrictRealtime.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except (OSError, AttributeError) as error:  # AttributeError: a system that knows no such thing
        log.info("no real-time priority (%s): on a busy machine verdicts may be late", error)
        return False
    return True
