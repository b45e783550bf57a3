"""The program's number on GPIO lines, read at each trigger."""

import gpiod
from gpiod.line import Bias, Direction, Value

from edge.drivers.closable import Closable
from edge.drivers.gpio_lines import claim, in_plain_words
from edge.wiring import ProgramLines as Wiring

PULLS = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "none": Bias.DISABLED}


class ProgramLines(Closable):
    """A binary number: the first line is worth 1, the next 2, then 4.

    They must have settled before the trigger: they are read once, and nobody can know of one that is still on its way.
    """

    def __init__(self, wiring: Wiring) -> None:
        """Raises DeviceUnavailable: no such chip or line, or who holds it."""
        self._lines = wiring.names
        settings = gpiod.LineSettings(direction=Direction.INPUT, bias=PULLS[wiring.pull], active_low=wiring.active_low)
        self._request = claim(wiring.chip, dict.fromkeys(self._lines, settings))

    def read(self) -> int:
        """The number. Raises DeviceFault."""
        self._check_open()
        with in_plain_words("the lines of the program do not answer"):
            values = self._request.get_values(list(self._lines))
        return sum(1 << place for place, value in enumerate(values) if value is Value.ACTIVE)

    def close(self) -> None:
        """Let go of the lines."""
        if not self.is_closed:
            self._request.release()
        super().close()
