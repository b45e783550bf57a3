"""What the station asks of its devices. Each is a context manager, and `close()` may be called twice."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from edge.frame import Frame, Pixels
from edge.record import Record
from edge.verdict import Outcome


class Device(Protocol):
    """Anything that is opened once and must be closed."""

    def close(self) -> None:
        """Leave the device safe and free; harmless when already closed."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Camera(Device, Protocol):
    """Takes one picture of the part that is in the fixture now."""

    @property
    def trouble(self) -> str | None:
        """Why no picture can be taken at the moment, in one sentence; None if it can, or if nothing is known."""
        ...

    @property
    def needs_restart(self) -> bool:
        """True if the camera does not come back in this process: a call into its driver does not return."""
        ...

    def capture(self, *, not_before_ns: int, timeout_ms: float) -> Frame:
        """A frame whose exposure began at or after `not_before_ns` on the monotonic clock.

        Raises DeviceTimeout when none came within `timeout_ms`, DeviceFault when the camera answered wrongly,
        NotJudged when the frame was not exposed as the configuration says.
        """
        ...


Look = Callable[[Pixels, int], None]
"""Sees one small grey picture (height, width) and when its exposure began, in monotonic nanoseconds."""


class WatchedCamera(Camera, Protocol):
    """A camera that runs all the time, so that somebody may look at every frame."""

    @property
    def last_frame_ns(self) -> int:
        """When the newest frame came in, in monotonic nanoseconds; 0 before the first."""
        ...

    def watch(self, look: Look) -> None:
        """Show every frame from now on; `look` is called in the camera's thread and must be quick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerEvent:
    """A part has arrived. at_ns: monotonic time of the edge, from which the deadline runs.

    skipped: edges that came while nobody could take them. delay_ns: the exposure begins so much after the edge.
    is_piece: a person has put a test piece there and said so; no trigger of a line ever says that.
    """

    at_ns: int
    skipped: int = 0
    delay_ns: int = 0
    is_piece: bool = False

    @property
    def expose_from_ns(self) -> int:
        """A frame that was exposed earlier does not show the part."""
        return self.at_ns + self.delay_ns


class Trigger(Device, Protocol):
    """Says when a part has arrived."""

    def wait(self, *, timeout_ms: float) -> TriggerEvent | None:
        """The next trigger, or None when there was none in `timeout_ms`.

        Raises DeviceError when the trigger failed, EndOfLine when no part will ever come again.
        """
        ...


class EndOfLine(Exception):  # noqa: N818 - the end of a simulated line is no error
    """A simulated line has no more parts. Real triggers never raise it."""


class Lines(Device, Protocol):
    """Wires from the line that show a number."""

    def read(self) -> int:
        """The number that they show now. Raises DeviceError."""
        ...


class Outputs(Device, Protocol):
    """The wires to the line. All are off when opened and when closed."""

    def set_ready(self, *, is_ready: bool) -> None:
        """Tell the line whether a part may come."""

    def set_busy(self, *, is_busy: bool) -> None:
        """Tell the line that a part is being judged; taking a new part clears the last outcome."""

    def apply(self, outcome: Outcome) -> None:
        """Show one outcome and no other."""

    def wait_until_shown(self, *, timeout_ms: float) -> bool:
        """True as soon as the last outcome was shown for its whole time, so that the next part may be taken.

        Called in every turn of the core's loop: who calls it is alive.
        """
        ...


class Watches(Protocol):
    """Anything beside the station that may ask it not to be READY."""

    @property
    def trouble(self) -> str | None:
        """Why, in one sentence; None if all is well."""
        ...


class Embedder(Protocol):
    """The network: a map becomes an embedding."""

    def embed(self, cell_map: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(rows, columns) uint8 → (128,) float32. Raises ModelError when the network gives anything else."""
        ...


class EmbedsMany(Protocol):
    """The network for many maps at once, where nobody waits for any single one."""

    def embed_many(self, cell_maps: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(N, rows, columns) uint8 → (N, 128) float32. Raises ModelError when the network gives anything else."""
        ...


class Clock(Protocol):
    """Time, so that tests can own it."""

    def monotonic_ns(self) -> int:
        """Nanoseconds on the clock that triggers and exposures are stamped with."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC; a Pi without a clock battery may be wrong."""
        ...


class RecordSink(Protocol):
    """Keeps every part. Nothing here waits for a disk but `wait_until_kept`."""

    @property
    def trouble(self) -> str | None:
        """Why records cannot be kept at the moment, in one sentence; None if they can."""
        ...

    def begin(self, sequence: int) -> None:
        """A part has arrived under this number; should it never be put, the gap can be told."""

    def put(self, record: Record) -> None:
        """Keep one part; the same sequence again replaces what was known before."""

    def wait_until_kept(self, *, timeout_ms: float) -> bool:
        """True as soon as few enough parts wait for the disk that the next one may come, False after the time."""
        ...
