"""The wires between station and line, as a configuration names them: which GPIO line, which polarity, how long."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from edge.settings import Strict
from edge.text_forms import CHIP, LINE, LINES

RASPBERRY_PI_4 = "pinctrl-bcm2711"
LONGEST_HOLD_MS = 5000.0

Chip = Annotated[str, Field(pattern=CHIP)]
Line = Annotated[str, Field(pattern=LINE)]


class Contradiction(ValueError):  # noqa: N818 - named as in edge.errors
    """Two values that do not go together. path: where in the file the sentence belongs."""

    def __init__(self, path: tuple[str, ...], words: str) -> None:
        super().__init__(words)
        self.path = path


class Wire(Strict):
    """One output line."""

    line: Line = Field(description="name of the line, as gpioinfo shows it")
    active_low: bool = Field(default=False, description="true: the wire is on when the pin is low")


class Pulse(Wire):
    """An outcome's line."""

    hold_ms: float | None = Field(
        default=200.0, ge=1, le=LONGEST_HOLD_MS, description="how long the wire is on; null: until the next trigger"
    )


class Beat(Wire):
    """A line that changes as long as the core works."""

    period_ms: float = Field(default=1000.0, ge=20, le=10_000, description="on for one half, off for the other")


class GpioTrigger(Strict):
    """A part has arrived when this line changes."""

    driver: Literal["gpio"]
    chip: Chip = Field(default=RASPBERRY_PI_4, description="label of the GPIO chip, or its path")
    line: Line
    edge: Literal["rising", "falling"] = "rising"
    pull: Literal["up", "down", "none"] = "none"
    debounce_ms: float = Field(default=5.0, ge=0, le=1000, description="in the kernel; each trigger is so much later")
    delay_ms: float = Field(default=0.0, ge=0, le=60_000, description="between the edge and the exposure")


class ProgramLines(Strict):
    """The number of a part's program, in binary: the first line is worth 1, the next 2, then 4."""

    chip: Chip = Field(default=RASPBERRY_PI_4, description="label of the GPIO chip, or its path")
    lines: str = Field(
        pattern=LINES,
        description="names of the lines, the one that is worth 1 first",
    )
    pull: Literal["up", "down", "none"] = "none"
    active_low: bool = Field(default=False, description="true: a low pin counts")

    @property
    def names(self) -> tuple[str, ...]:
        """The lines, the one that is worth 1 first."""
        return tuple(self.lines.split())


class GpioOutputs(Strict):
    """Wires to a real line. Every one but `ok` may be left out."""

    is_simulated: ClassVar[bool] = False
    driver: Literal["gpio"]
    chip: Chip = Field(default=RASPBERRY_PI_4, description="label of the GPIO chip, or its path")
    ok: Pulse
    ng: Pulse | None = None
    fault: Pulse | None = None
    busy: Wire | None = None
    ready: Wire | None = None
    heartbeat: Beat | None = None
    rest_ms: float = Field(default=20.0, ge=0, le=1000, description="after an outcome, until the next one may be shown")

    @property
    def wires(self) -> dict[str, Wire]:
        """Those that are connected, by what they say."""
        names = ("ok", "ng", "fault", "busy", "ready", "heartbeat")
        return {name: wire for name in names if (wire := getattr(self, name)) is not None}

    @property
    def testable(self) -> dict[str, str]:
        """Which wires can be tried, by name, and the line of each; the heartbeat beats by itself."""
        return {name: wire.line for name, wire in self.wires.items() if name != "heartbeat"}

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        seen: dict[str, str] = {}
        for name, wire in self.wires.items():
            if wire.line in seen:
                raise Contradiction(
                    ("outputs", name, "line"),
                    f"{wire.line} is already the wire '{seen[wire.line]}'; each needs its own",
                )
            seen[wire.line] = name
        return self


class SimulatedOutputs(Strict):
    """Wires that are only remembered."""

    is_simulated: ClassVar[bool] = True
    driver: Literal["simulated"]

    @property
    def testable(self) -> dict[str, str]:
        """Which wires can be tried, by name, and the line of each."""
        return dict.fromkeys(("OK", "NG", "FAULT", "busy", "ready"), "simulated")
