"""Which model a core starts with. One on probation that keeps the core from starting in order makes way by itself."""

import logging
import time
from collections.abc import Callable

from edge.armed import Armed
from edge.errors import BundleError, ModelError
from edge.slots import Book, Slots, Version

log = logging.getLogger(__name__)

MOST_STARTS = 3  # of a core with a model on probation, without an end in order


def begin(slots: Slots, arm: Callable[[Version], Armed]) -> Armed:
    """The current model, armed. Raises BundleError or ModelError if there is none that may judge.

    On probation, a start is counted before the model is touched: whatever it does to the core, it does it three times.
    """
    book = slots.book
    current = book.running()
    if book.probation is None:
        return arm(current)
    if book.probation.starts >= MOST_STARTS:
        return _return(slots, arm, f"the core was started {MOST_STARTS} times with it and never ended in order")
    book = slots.change(_with_start)
    try:
        return arm(book.running())
    except (BundleError, ModelError) as error:
        return _return(slots, arm, f"it cannot be used: {error}")


def ended_in_order(slots: Slots) -> None:
    """The core has ended as it should, so that this start says nothing against the model."""
    if slots.book.probation is not None:
        slots.change(lambda book: _with_starts(book, 0))


def _with_start(book: Book) -> Book:
    return _with_starts(book, book.probation.starts + 1 if book.probation else 0)


def _with_starts(book: Book, starts: int) -> Book:
    if book.probation is None:
        return book
    return book.model_copy(update={"probation": book.probation.model_copy(update={"starts": starts})})


def _return(slots: Slots, arm: Callable[[Version], Armed], why: str) -> Armed:
    log.error("model on probation goes back why=%r", why)
    book = slots.change(lambda book: book.returned(wall_ns=time.time_ns(), why=why))
    return arm(book.running())
