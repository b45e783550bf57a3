"""The demo connector as a thing: its pins, what can be wrong with it, and in which order parts come down the line."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from edge.errors import PictureError

CLEAR_BEND_DEGREES = 8.0
CLEAR_SEVERITY = 0.5
LARGEST_BEND_DEGREES = 30.0
SMALL_BEND_SHARE = 0.25
"""Of the bends on the demo line, how many are small."""

PIN_ADDRESSES: tuple[str, ...] = tuple(f"{tens}{units}" for tens in range(1, 10) for units in range(1, 4))
"""The 27 pins: the first digit counts the nine columns from the left, the second the three rows from the top."""


class DefectKind(StrEnum):
    """What can be wrong with a connector."""

    BENT_X = "bent_x"
    BENT_Y = "bent_y"
    MISSING = "missing"
    PUSHED_IN = "pushed_in"
    CONTAMINATED = "contaminated"
    SCRATCHED = "scratched"

    @property
    def is_bend(self) -> bool:
        """True for both directions of bending."""
        return self in (DefectKind.BENT_X, DefectKind.BENT_Y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One defect of one part.

    pin: the address of the pin; for dirt the nearest pin; None for a scratch, which is on the housing, and only there.
    amount: for a bend, degrees from the vertical, -30 to 30 and not 0; positive leans to the right (bent_x) or away
    from the viewer, up in the picture (bent_y). For every other kind a severity above 0 and at most 1. A missing pin
    is missing whatever the severity says.
    Raises PictureError if the three do not fit together.

    >>> Defect(kind=DefectKind.BENT_X, pin="42", amount=-9.5).label
    'bent_42'
    """

    kind: DefectKind
    pin: str | None
    amount: float

    def __post_init__(self) -> None:
        if self.kind is DefectKind.SCRATCHED:
            if self.pin is not None:
                raise PictureError(f"a scratch is on the housing and has no pin, but pin {self.pin} was given")
        elif self.pin not in PIN_ADDRESSES:
            raise PictureError(
                f"{self.kind}: there is no pin {self.pin}, the pins are 11 to 93 with a last digit of 1 to 3"
            )
        if self.kind.is_bend:
            if not 0.0 < abs(self.amount) <= LARGEST_BEND_DEGREES:
                raise PictureError(
                    f"{self.kind}: {self.amount} degrees is no bend between -{LARGEST_BEND_DEGREES:g} and "
                    f"{LARGEST_BEND_DEGREES:g}, other than 0"
                )
        elif not 0.0 < self.amount <= 1.0:
            raise PictureError(f"{self.kind}: severity {self.amount} is not above 0 and at most 1")

    @property
    def label(self) -> str:
        """The name of the defect class; both directions of bending share one."""
        if self.pin is None:
            return self.kind.value
        return f"bent_{self.pin}" if self.kind.is_bend else f"{self.kind.value}_{self.pin}"

    @property
    def is_clear(self) -> bool:
        """True if a person is expected to see it at once.

        That is a bend of at least CLEAR_BEND_DEGREES, every missing pin, and any other kind from CLEAR_SEVERITY on.
        """
        if self.kind is DefectKind.MISSING:
            return True
        return abs(self.amount) >= (CLEAR_BEND_DEGREES if self.kind.is_bend else CLEAR_SEVERITY)


def line_part(*, seed: int, number: int, ng_share: float = 0.2) -> Defect | None:
    """What is wrong with part `number` on the demo line, None for a good part.

    Depends on nothing but the arguments. Every kind is equally frequent; a quarter of the bends is small (3 to 6
    degrees), everything else is clear. Raises PictureError for a negative seed or number, or a share outside 0 to 1.
    """
    if not 0.0 <= ng_share <= 1.0:
        raise PictureError(f"a share of defective parts of {ng_share} is not between 0 and 1")
    rng = stream(seed, number, "line")
    if rng.random() >= ng_share:
        return None
    kind = list(DefectKind)[rng.integers(len(DefectKind))]
    pin = None if kind is DefectKind.SCRATCHED else PIN_ADDRESSES[rng.integers(len(PIN_ADDRESSES))]
    if not kind.is_bend:
        return Defect(kind=kind, pin=pin, amount=round(float(rng.uniform(CLEAR_SEVERITY + 0.1, 1.0)), 2))
    low, high = (3.0, 6.0) if rng.random() < SMALL_BEND_SHARE else (CLEAR_BEND_DEGREES, 15.0)
    sign = 1 if rng.random() < 0.5 else -1
    return Defect(kind=kind, pin=pin, amount=round(sign * float(rng.uniform(low, high)), 1))


STREAMS = ("line", "body", "pins", "defect", "placement", "camera")


def stream(seed: int, part: int, purpose: str, shot: int = 0) -> np.random.Generator:
    """Random numbers for one purpose, so that what is drawn for one thing never moves another.

    Raises PictureError if a number is negative.
    """
    if min(seed, part, shot) < 0:
        raise PictureError(f"seed {seed}, part {part} and shot {shot} must not be negative")
    return np.random.default_rng((seed, part, shot, STREAMS.index(purpose)))
