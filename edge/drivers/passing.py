"""A camera over the rendered line on which parts pass and stop: it runs all the time, as a real one does."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from edge.drivers.connector import render
from edge.drivers.passing_film import Shown, passing
from edge.drivers.stream import StreamingCamera, small_grey
from edge.errors import DeviceError
from edge.frame import Pixels

Fault = DeviceError | Callable[[Shown], Pixels]
"""What goes wrong with a frame: the stream fails with an error, or shows other pixels."""


class PassingCamera(StreamingCamera):
    """Grey frames of 320x240 in their own time, without an end. After an error the film goes on where it was.

    What the picture does NOT imitate is listed in edge.drivers.passing_scene. The time stamps are exact, which those of
    a cable are not; no frame is lost.
    """

    def __init__(self, *, seed: int = 0, fps: float = 25.0, faults: dict[int, Fault] | None = None) -> None:
        """faults: by the number of the frame, counted from 1."""
        super().__init__(where="the rendered line", frame_ms=1000 / fps)
        self._film: Iterator[Shown] = passing(seed=seed, fps=fps)
        self._fps, self._faults, self._shown = fps, dict(faults or {}), 0
        self.parts_at_rest: set[int] = set()
        render(seed=seed, part=1)  # the first picture takes longer
        self._open()

    def _session(self) -> None:
        due = time.monotonic()
        for shown in self._film:
            due = max(due + 1 / self._fps, time.monotonic() - 1)  # a slow machine does not catch up for ever
            if self._closing.wait(max(due - time.monotonic(), 0)):
                return
            self._alive()
            self._shown += 1
            fault = self._faults.get(self._shown)
            if isinstance(fault, DeviceError):
                raise fault
            pixels = fault(shown) if fault is not None else shown.pixels
            if shown.part is not None:
                self.parts_at_rest.add(shown.part)
            self._arrived(
                exposed_at_ns=time.monotonic_ns(),
                probe=pixels.tobytes(),
                develop=pixels.copy,
                small=partial(small_grey, pixels),
            )
