"""How many more parts it takes until "the rate is below so much" can be said."""

from dataclasses import dataclass

from training.calibrate import Rate
from training.sample_size import MOST_PARTS, parts_to_say, upper_bound

MORE_EVENTS_TRIED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A rate, and what it takes to say that it is below a wanted one, with 95 % confidence (one-sided, exact).

    bound: what can be said now. if_none: further parts of which none may be an event; 0 where it can be said already.
    as_now: further parts if events go on as often as they were observed; None where they are as frequent as wanted, or
    so nearly that it takes more than anybody will collect: then the model has to become better, not the test larger.
    """

    rate: Rate
    wanted: float
    bound: float
    if_none: int
    as_now: int | None


def claim_of(rate: Rate, wanted: float) -> Claim:
    """wanted: above 0 and below 1. Raises ValueError for another one."""
    bound = upper_bound(rate.events, rate.trials)
    needed = parts_to_say(wanted, events=rate.events)
    return Claim(
        rate=rate,
        wanted=wanted,
        bound=bound,
        if_none=max(0, needed - rate.trials),
        as_now=_as_now(rate, wanted, at_least=needed),
    )


def _as_now(rate: Rate, wanted: float, *, at_least: int) -> int | None:
    if not rate.trials or (rate.events and rate.share >= wanted):
        return None
    for events in range(rate.events, rate.events + MORE_EVENTS_TRIED):
        needed = max(at_least, parts_to_say(wanted, events=events))
        if needed > MOST_PARTS // 100:
            return None
        if rate.share * needed <= events:  # so many parts bring no more events than these
            return max(0, needed - rate.trials)
    return None
