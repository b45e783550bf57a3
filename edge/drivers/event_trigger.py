"""The trigger that is a camera's own eye: a part has entered the region and has come to rest."""

import time
from collections import deque
from threading import Condition

from edge.camera_event import CameraEvent
from edge.cameras import EventSettings
from edge.drivers.closable import Closable
from edge.errors import DeviceFault
from edge.frame import Pixels
from edge.interfaces import TriggerEvent, WatchedCamera

LEARNING_S = 10.0
BLIND_S = 1.0
MOST_WAITING = 10_000


class CameraEventTrigger(Closable):
    """Looks at every frame of a running camera; an event has the time of the frame that showed the part at rest.

    The frames are looked at also while a part is being judged: a part that comes meanwhile is told as skipped.
    """

    def __init__(self, settings: EventSettings, *, camera: WatchedCamera) -> None:
        self._event = CameraEvent(settings)
        self._camera = camera
        self._arrived: deque[int] = deque(maxlen=MOST_WAITING)
        self._news = Condition()
        self._failure: DeviceFault | None = None
        self._learning_since = time.monotonic()
        self._is_told = False
        self._last_ns = 0
        camera.watch(self._look)

    def learn(self, *, timeout_ms: float = LEARNING_S * 1000) -> bool:
        """Wait until the empty place is known, before the station is READY. False if the picture was never still."""
        with self._news:
            return self._news.wait_for(lambda: self._event.is_learned, timeout=timeout_ms / 1000)

    def wait(self, *, timeout_ms: float) -> TriggerEvent | None:
        """The newest part, with those before it as skipped.

        Raises DeviceFault, once for each time, when nothing can be seen: no frames, or a picture that is never still.
        """
        self._check_open()
        with self._news:
            self._news.wait_for(lambda: self._arrived or self._failure, timeout=timeout_ms / 1000)
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure
            if self._arrived:
                event = TriggerEvent(at_ns=self._arrived[-1], skipped=len(self._arrived) - 1)
                self._arrived.clear()
                return event
        self._complain_when_blind()
        return None

    def _look(self, picture: Pixels, at_ns: int) -> None:
        if self.is_closed:
            return
        gap_s = (at_ns - self._last_ns) / 1e9 if self._last_ns else 0.0
        has_missed = gap_s > BLIND_S and self._event.is_learned and not self._is_told
        self._last_ns, self._is_told = at_ns, self._is_told and not self._event.is_learned
        has_arrived, failure = False, _unseen(gap_s) if has_missed else None
        try:
            has_arrived = self._event.see(picture, at_ns=at_ns)
        except Exception as error:  # nobody else would hear of it: this is the camera's thread
            failure = DeviceFault(f"the camera event trigger failed: {type(error).__name__}: {error}")
        with self._news:
            self._failure = failure or self._failure
            if has_arrived:
                self._arrived.append(at_ns)
            self._news.notify_all()

    def _complain_when_blind(self) -> None:
        """Once for each time: the station counts what it hears as faults, and a camera may come back by itself."""
        if self._is_told:
            return
        age_s = (time.monotonic_ns() - self._camera.last_frame_ns) / 1e9
        if age_s > BLIND_S:
            self._is_told = True
            raise _unseen(age_s)
        learning_s = time.monotonic() - self._learning_since
        if not self._event.is_learned and learning_s > LEARNING_S:
            self._is_told = True
            raise DeviceFault(
                f"the picture was never still for {learning_s:.0f} s, so the empty place is not known; "
                "keep the region empty and still at the start, or raise contrast_percent"
            )


def _unseen(seconds: float) -> DeviceFault:
    return DeviceFault(f"no frame to look at for {seconds:.0f} s; a part may have passed unseen")
