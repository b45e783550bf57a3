"""A film of the rendered line from above: parts pass, stop and go on, and everything else that a line shows happens.

Between and over the parts come hands, shadows, changes of light, flashes, a lamp that goes out, specks, and parts that
do not stop. How it is drawn, and what that does not imitate: edge.drivers.passing_scene.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from edge.drivers.passing_scene import (
    SCENE_HEIGHT_PX,
    SCENE_WIDTH_PX,
    Canvas,
    Over,
    Rng,
    darkness,
    empty_place,
    expose,
    flash,
    hand,
    lamp,
    lay,
    shadow,
    speck,
)
from edge.frame import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One frame. part: the number of the part that lies at rest in it, None if none does."""

    pixels: Pixels
    at_s: float
    part: int | None


@dataclass(slots=True, kw_only=True)
class Act:
    """Something that happens for a while. place: where the part is, in pixels of the scene, None without a part."""

    seconds: float
    part: int | None = None
    place: Callable[[float], tuple[float, float]] | None = None
    rests_from_s: float | None = None
    over: list[tuple[float, float, Over]] = field(default_factory=list)
    """(begin, end, what), in seconds of the act."""


def passing(*, seed: int, parts: int | None = None, fps: float = 25.0) -> Iterator[Shown]:
    """Frame after frame; the same seed gives the same film. parts: None never ends."""
    rng = np.random.default_rng((seed, 77))
    empty = empty_place(seed)
    clock, frame, daylight = 0.0, 0, 1.0
    for act in _acts(rng, parts):
        daylight = float(np.clip(daylight * np.exp(rng.normal(0, 0.04)), 0.75, 1.25))
        begin = clock
        clock += act.seconds
        while frame / fps < clock:
            at_s = frame / fps
            canvas = Canvas(surface=empty.copy(), light=np.full(empty.shape, daylight, np.float32))
            canvas.light *= np.float32(1 + 0.02 * np.sin(2 * np.pi * 9.3 * at_s) + 0.06 * np.sin(at_s / 7))
            if act.part is not None and act.place is not None:
                x, y = act.place(at_s - begin)
                lay(canvas, seed=seed, number=act.part, x=x, y=y)
            for start, end, draw in act.over:
                if start <= at_s - begin < end:
                    draw(canvas, at_s - begin - start)
            is_rest = act.rests_from_s is not None and at_s - begin >= act.rests_from_s
            part = act.part if is_rest else None
            yield Shown(pixels=expose(canvas, rng), at_s=at_s, part=part)
            frame += 1


# What happens, one after the other.


def _acts(rng: Rng, parts: int | None) -> Iterator[Act]:
    yield Act(seconds=1.5)
    number = 0
    while parts is None or number < parts:
        number += 1
        yield _gap(rng)
        if rng.random() < 0.06:
            yield _through(rng, number + 1_000_000)
            yield Act(seconds=0.3)
        arrive, middle = _arrival(rng, number)
        yield arrive
        yield _rest(rng, number, middle)
        yield _leaving(rng, number, middle)
    yield Act(seconds=1.0)


def _gap(rng: Rng) -> Act:
    """An empty place, often with somebody's hand or shadow in it."""
    act = Act(seconds=float(rng.uniform(0.25, 0.9)))
    if rng.random() < 0.5:
        for _ in range(rng.integers(1, 3)):
            _disturb(act, rng)
    return act


def _arrival(rng: Rng, number: int) -> tuple[Act, tuple[float, float]]:
    """From the left, sometimes with a stop on the way, and with a little swing at the end."""
    middle = (SCENE_WIDTH_PX / 2 + float(rng.uniform(-9, 9)), SCENE_HEIGHT_PX / 2 + float(rng.uniform(-9, 9)))
    move_s = float(rng.uniform(0.35, 1.4))
    wait_s = float(rng.uniform(0.3, 0.9)) if rng.random() < 0.15 else 0.0
    stop_x = float(rng.uniform(-20, 40))
    swing = float(rng.uniform(0, 3))

    def place(t: float) -> tuple[float, float]:
        legs = [(-120.0, stop_x), (stop_x, middle[0])] if wait_s else [(-120.0, middle[0])]
        leg_s = move_s / len(legs)
        if wait_s and t > leg_s:
            t = max(t - wait_s, leg_s)
        leg = min(int(t / leg_s), len(legs) - 1)
        done = min((t - leg * leg_s) / leg_s, 1.0)
        start, end = legs[leg]
        x = start + (end - start) * (1 - (1 - done) ** 2)
        late = max(t - move_s, 0.0)
        return x + (swing * np.exp(-late * 12) * np.sin(late * 45) if late else 0.0), middle[1]

    return Act(seconds=move_s + wait_s + 0.3, part=number, place=place, rests_from_s=move_s + wait_s), middle


def _rest(rng: Rng, number: int, middle: tuple[float, float]) -> Act:
    """At rest; sometimes a hand reaches over it and even pushes it a little, or light and shadow change."""
    act = Act(seconds=float(rng.uniform(0.6, 1.6)), part=number, rests_from_s=0.0)
    push = (0.0, 0.0)
    if rng.random() < 0.45:
        for _ in range(rng.integers(1, 3)):
            _disturb(act, rng)
        if rng.random() < 0.3:
            push = (float(rng.uniform(-4, 4)), float(rng.uniform(-4, 4)))
    until = max((end for _, end, _ in act.over), default=0.0)
    act.seconds = max(act.seconds, until + 0.7)
    act.place = lambda t: (middle[0] + push[0] * (t > until / 2), middle[1] + push[1] * (t > until / 2))
    return act


def _leaving(rng: Rng, number: int, middle: tuple[float, float]) -> Act:
    seconds = float(rng.uniform(0.4, 1.2))
    way = SCENE_WIDTH_PX + 120 - middle[0]
    return Act(seconds=seconds, part=number, place=lambda t: (middle[0] + 4 + way * (t / seconds) ** 1.5, middle[1]))


def _through(rng: Rng, number: int) -> Act:
    """A part that does not stop."""
    seconds, y = float(rng.uniform(0.8, 2.5)), SCENE_HEIGHT_PX / 2 + float(rng.uniform(-9, 9))
    return Act(seconds=seconds, part=number, place=lambda t: (-120.0 + (SCENE_WIDTH_PX + 240) * t / seconds, y))


def _disturb(act: Act, rng: Rng) -> None:
    kinds: list[Callable[[Rng], tuple[float, Over]]] = [hand, hand, shadow, lamp, flash, darkness, speck]
    seconds, draw = kinds[rng.integers(len(kinds))](rng)
    start = max((end for _, end, _ in act.over), default=0.0) + float(rng.uniform(0, 0.3))
    act.over.append((start, start + seconds, draw))
    act.seconds = max(act.seconds, start + seconds + float(rng.uniform(0.15, 0.5)))
