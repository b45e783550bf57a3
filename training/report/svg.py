"""Small pieces of SVG: axes, lines and marks, in the units of a viewBox that is as wide on every chart."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from training.report.wording import Told, plain

WIDTH = 480
LEFT, RIGHT, TOP, BOTTOM = 60, 14, 14, 40
TICKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Values from low to high onto places from start to end."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; what lies outside is put at the end it lies beyond."""
        low, high, at = (self._bent(each) for each in (self.low, self.high, max(value, self.low)))
        share = (min(at, high) - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self) -> list[float]:
        """Round values within it: 1, 2 and 5 times powers of ten."""
        if self.is_log:
            exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [round(step * 10.0**exponent, 12) for exponent in exponents for step in (1, 2, 5)]
        else:
            rough = (self.high - self.low) / TICKS
            power = 10.0 ** math.floor(math.log10(rough))
            step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough)
            first = math.ceil(self.low / step - 1e-9)
            found = [round(step * number, 12) for number in range(first, math.floor(self.high / step + 1e-9) + 1)]
        return [tick for tick in found if self.low <= tick <= self.high]

    def _bent(self, value: float) -> float:
        return math.log10(value) if self.is_log else value


def chart(height: float, parts: Iterable[Markup], *, name: Told, kind: str = "") -> Markup:
    """An SVG of the common width, which is a picture of what its name says."""
    head = '<svg class="chart {0}" viewBox="0 0 {1} {2}" role="img" data-en="{3}" data-ja="{4}" aria-label="{3}">'
    opened = Markup(head).format(kind, WIDTH, round(height, 1), name.en, name.ja)
    return opened + Markup("").join(parts) + Markup("</svg>")


def text(x: float, y: float, words: Told | str | float, *, kind: str = "", anchor: str = "middle") -> Markup:
    """Words at a place."""
    said = words.svg if isinstance(words, Told) else plain(words).svg
    return Markup('<text x="{0}" y="{1}" class="{2}" text-anchor="{3}">{4}</text>').format(x, y, kind, anchor, said)


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "") -> Markup:
    """A straight line."""
    return Markup('<line x1="{0}" y1="{1}" x2="{2}" y2="{3}" class="{4}"/>').format(x1, y1, x2, y2, kind)


def box(x: float, y: float, width: float, height: float, kind: str = "") -> Markup:
    """A rectangle."""
    form = '<rect x="{0}" y="{1}" width="{2}" height="{3}" class="{4}"/>'
    return Markup(form).format(round(x, 2), round(y, 2), round(width, 2), round(height, 2), kind)


def curve(points: Sequence[tuple[float, float]], kind: str = "") -> Markup:
    """A line through points."""
    return Markup('<polyline points="{0}" class="{1}"/>').format(" ".join(f"{x:.2f},{y:.2f}" for x, y in points), kind)


def group(parts: Iterable[Markup], kind: str) -> Markup:
    """Several pieces as one."""
    return Markup('<g class="{0}">{1}</g>').format(kind, Markup("").join(parts))


def across_axis(scale: Scale, y: float, name: Told, *, top: float = TOP, unit: str = "") -> Markup:
    """The axis below a chart, with lines up to its top."""
    lines = [line(scale(tick), top, scale(tick), y, "grid") for tick in scale.ticks()]
    numbers = [text(scale(tick), y + 14, f"{tick:g}{unit}", kind="tick") for tick in scale.ticks()]
    middle = (scale.start + scale.end) / 2
    return group([*lines, line(scale.start, y, scale.end, y, "axis"), *numbers, text(middle, y + 32, name)], "across")


def up_axis(scale: Scale, x: float, name: Told, *, unit: str = "", right: float = WIDTH - RIGHT) -> Markup:
    """The axis left of a chart, with lines to its right."""
    lines = [line(x, scale(tick), right, scale(tick), "grid") for tick in scale.ticks()]
    numbers = [text(x - 5, scale(tick) + 4, f"{tick:g}{unit}", kind="tick", anchor="end") for tick in scale.ticks()]
    middle = (scale.start + scale.end) / 2
    turned = Markup('<g transform="translate(14 {0}) rotate(-90)">{1}</g>').format(middle, text(0, 0, name))
    return group([*lines, *numbers, turned], "up")


def mark(shape: str, x: float, y: float, *, kind: str, size: float = 4.0, number: int | None = None) -> Markup:
    """A mark of one of SHAPES; number: of the point, for what the page shows when it is pointed at."""
    path = " ".join(
        command if isinstance(command, str) else f"{x + size * command[0]:.1f} {y + size * command[1]:.1f}"
        for command in SHAPES[shape]
    )
    named = Markup("") if number is None else Markup(' data-point="{0}"').format(number)
    return Markup('<path d="{0}" class="{1}"{2}/>').format(escape(path), kind, named)


Commands = tuple[str | tuple[float, float], ...]
SHAPES: dict[str, Commands] = {
    "square": ("M", (-0.85, -0.85), "L", (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85), "Z"),
    "triangle": ("M", (0, -1.1), "L", (1.05, 0.8), (-1.05, 0.8), "Z"),
    "diamond": ("M", (0, -1.2), "L", (1.2, 0), (0, 1.2), (-1.2, 0), "Z"),
    "down": ("M", (0, 1.1), "L", (1.05, -0.8), (-1.05, -0.8), "Z"),
    "cross": ("M", (-0.9, -0.9), "L", (0.9, 0.9), "M", (-0.9, 0.9), "L", (0.9, -0.9)),
    "plus": ("M", (-1.1, 0), "L", (1.1, 0), "M", (0, -1.1), "L", (0, 1.1)),
    "disc": (
        *("M", (-1, 0), "C", (-1, -0.55), (-0.55, -1), (0, -1), "C", (0.55, -1), (1, -0.55), (1, 0)),
        *("C", (1, 0.55), (0.55, 1), (0, 1), "C", (-0.55, 1), (-1, 0.55), (-1, 0), "Z"),
    ),
}
