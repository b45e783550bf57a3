"""Where the station's errors end."""

import logging
from collections.abc import Callable

from edge.errors import NotJudged
from edge.interfaces import EndOfLine

log = logging.getLogger(__name__)


def attempt(step: Callable[[], None]) -> Exception | None:
    """The only place where any error is caught: above it there are verdicts, below it exceptions."""
    try:
        step()
    except (NotJudged, EndOfLine) as said:
        return said
    except Exception as error:
        log.exception("a step failed")
        return error
    return None
