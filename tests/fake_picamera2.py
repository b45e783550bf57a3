"""A stand-in for picamera2: exactly the calls that edge.drivers.picamera makes, with what 0.3.38 does on each.

Written after reading that version's source. It imitates: one stream with a limited number of buffers, which a request
that nobody releases takes away; jobs that are served in order, under the lock that also holds while the callback runs;
`flush`, which drops frames whose exposure began earlier; a job that outlives its time-out until all are cancelled; a
mapping that cannot be closed while somebody points into it; rows with padding; controls that act a few frames late;
silence, freezing, drift, a cable that is pulled and put in again.

It does NOT imitate: libcamera itself, its time-outs and its threads; DMA buffers; sensor modes, ISP, noise; the other
streams; start-up frames that libcamera marks as such; a process that cannot be ended because the driver hangs.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Self

import numpy as np

BUFFERS = 6
PADDING = 32
SETTLING = 3
OFFERED = {
    "AeEnable": (False, True, True),
    "ExposureTime": (9, 1_000_000, 20_000),
    "AnalogueGain": (1.0, 64.0, 1.0),
    "AwbEnable": (False, True, True),
    "ColourGains": (0.0, 32.0, 1.0),
    "FrameDurationLimits": (8_333, 1_000_000, 33_333),
}


class World:
    """What the tests move: the camera at the other end of the cable."""

    def __init__(self) -> None:
        self.is_plugged = True
        self.is_silent = False  # until the stream is started again, if `restart_helps`
        self.restart_helps = True
        self.is_frozen = False
        self.size_px: tuple[int, int] | None = None  # other than asked for
        self.metadata: dict[str, Any] = {}  # what the frames say, in spite of the controls
        self.offered = dict(OFFERED)
        self.calls: list[str] = []
        self.held = 0  # requests that nobody has released
        self.hang = threading.Event()
        self.hangs_in: str | None = None
        self.opened: list[Picamera2] = []

    def called(self, name: str) -> None:
        self.calls.append(name)
        if self.hangs_in == name:
            self.hang.wait(20)


class Job:
    def __init__(self, flush: int | None) -> None:
        self.flush = flush
        self.future: Future[CompletedRequest] = Future()

    def get_result(self, timeout: float | None = None) -> "CompletedRequest":
        return self.future.result(timeout=timeout)


class CompletedRequest:
    def __init__(self, world: World, metadata: dict[str, Any], buffer: np.ndarray, width: int) -> None:
        self._world, self._metadata = world, metadata
        self.buffer, self.width = buffer, width
        self._uses = 1
        world.held += 1

    def get_metadata(self) -> dict[str, Any]:
        return dict(self._metadata)

    def acquire(self) -> None:
        self._uses += 1

    def release(self) -> None:
        self._uses -= 1
        assert self._uses >= 0, "released more often than held"
        if not self._uses:
            self._world.held -= 1
            self.buffer[:] = 0  # the camera writes into it again


class MappedArray:
    def __init__(self, request: CompletedRequest, stream: str, *, write: bool) -> None:
        assert (stream, write) == ("main", False)
        self._request = request

    def __enter__(self) -> Self:
        request = self._request
        self._mapping = memoryview(request.buffer)
        rows = np.frombuffer(self._mapping, np.uint8).reshape(request.buffer.shape)
        self.array = rows[:, : 3 * request.width].reshape(len(rows), request.width, 3)
        return self

    def __exit__(self, *_: object) -> None:
        del self.array
        self._mapping.release()  # BufferError if somebody still points into it, as with the real one


class Picamera2:
    world: World

    def __init__(self, camera_num: int) -> None:
        self.world.called("open")
        if not self.world.is_plugged:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.world.opened.append(self)
        self.camera_controls = self.world.offered
        self.post_callback: Callable[[CompletedRequest], None] | None = None
        self._controls: dict[str, Any] = {}
        self._pending: deque[tuple[int, dict[str, Any]]] = deque()
        self._lock = threading.Lock()
        self._jobs: list[Job] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._frames = 0

    def create_video_configuration(self, *, main: dict[str, Any], controls: dict[str, Any]) -> dict[str, Any]:
        self.world.called("create_video_configuration")
        return {"main": dict(main), "controls": dict(controls)}

    def configure(self, wanted: dict[str, Any]) -> None:
        self.world.called("configure")
        self._main = wanted["main"]
        self._main["size"] = self.world.size_px or self._main["size"]
        self.set_controls(wanted["controls"])

    def camera_configuration(self) -> dict[str, Any]:
        return {"main": self._main}

    def set_controls(self, controls: dict[str, Any]) -> None:
        self.world.called("set_controls")
        assert set(controls) <= set(self.world.offered), "a control that is not advertised"
        self._pending.append((self._frames + SETTLING, dict(controls)))

    def start(self, *, show_preview: bool) -> None:
        self.world.called("start")
        assert show_preview is False
        if self.world.restart_helps and self.world.calls.count("start") > 1:
            self.world.is_silent = False
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.world.called("stop")
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def close(self) -> None:
        self.stop()
        self.world.called("close")

    def capture_request(self, *, wait: bool, flush: int | None) -> Job:
        self.world.called("capture_request")
        assert wait is False
        with self._lock:
            self._jobs.append(job := Job(flush))
        return job

    def cancel_all_and_flush(self) -> None:
        self.world.called("cancel_all_and_flush")
        with self._lock:
            for job in self._jobs:
                job.future.set_exception(CancelledError())
            self._jobs = []

    def _run(self) -> None:
        low_us, _ = self._controls.get("FrameDurationLimits", (10_000, 10_000))
        while not self._stop.wait(low_us / 1e6):
            if self.world.is_silent or not self.world.is_plugged or self.world.held >= BUFFERS:
                continue
            self._frame()

    def _frame(self) -> None:
        self._frames += 1
        while self._pending and self._pending[0][0] <= self._frames:
            self._controls |= self._pending.popleft()[1]
        request = self._request()
        with self._lock:
            if self._jobs:
                job = self._jobs[0]
                metadata = request.get_metadata()
                began_ns = metadata["SensorTimestamp"] - 1000 * metadata["ExposureTime"]
                if not job.flush or began_ns >= job.flush:
                    request.acquire()
                    self._jobs.pop(0).future.set_result(request)
            if self.post_callback is not None:
                self.post_callback(request)
        request.release()

    def _request(self) -> CompletedRequest:
        width, height = self._main["size"]
        seed = 0 if self.world.is_frozen else self._frames
        rows = np.random.default_rng(seed).integers(1, 255, (height, 3 * width + PADDING), dtype=np.uint8)
        rows[:, :3:3], rows[:, 1:3:3], rows[:, 2:3:3] = 11, 22, 33  # the first column's blue, green, red
        metadata = {
            "SensorTimestamp": time.monotonic_ns(),
            "ExposureTime": 66_666,
            "AnalogueGain": 1.0,
            "ColourGains": (1.0, 1.0),
            "LensPosition": 1.0,
        }
        metadata |= {name: value for name, value in self._controls.items() if name in metadata}
        return CompletedRequest(self.world, metadata | self.world.metadata, rows, width)


@contextmanager
def installed() -> Iterator[World]:
    """The stand-in under the name of the real one, with a world of its own."""
    module = ModuleType("picamera2")
    world = World()
    kind = type("Picamera2", (Picamera2,), {"world": world})
    module.Picamera2, module.MappedArray = kind, MappedArray  # type: ignore[attr-defined]
    before = sys.modules.get("picamera2")
    sys.modules["picamera2"] = module
    try:
        yield world
    finally:
        world.hang.set()
        for camera in world.opened:
            camera._stop.set()
        sys.modules.pop("picamera2")
        if before is not None:
            sys.modules["picamera2"] = before
