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
BLIND_S = 2.0
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
        self._failure: Exception | None = None
        self._learning_since = time.monotonic()
        self._is_blind = False
        camera.watch(self._look)

    @property
    def is_learned(self) -> bool:
        """True as soon as the empty place is known."""
        return self._event.is_learned

    def wait(self, *, timeout_ms: float) -> TriggerEvent | None:
        """The newest part, with those before it as skipped.

        Raises DeviceFault, once for each time, when nothing can be seen: no frames, or a picture that is never still.
        """
        self._check_open()
        with self._news:
            self._news.wait_for(lambda: self._arrived or self._failure, timeout=timeout_ms / 1000)
            failure, self._failure = self._failure, None
            if failure is not None:
                raise DeviceFault(f"the camera event trigger failed: {type(failure).__name__}: {failure}") from failure
            if self._arrived:
                event = TriggerEvent(at_ns=self._arrived[-1], skipped=len(self._arrived) - 1)
                self._arrived.clear()
                return event
        self._complain_when_blind()
        return None

    def _look(self, picture: Pixels, at_ns: int) -> None:
        if self.is_closed:
            return
        try:
            has_arrived = self._event.see(picture, at_ns=at_ns)
        except Exception as error:  # nobody else would hear of it: this is the camera's thread
            with self._news:
                self._failure = error
                self._news.notify_all()
            return
        if has_arrived:
            with self._news:
                self._arrived.append(at_ns)
                self._news.notify_all()

    def _complain_when_blind(self) -> None:
        age_s = (time.monotonic_ns() - self._camera.last_frame_ns) / 1e9
        learning_s = 0.0 if self._event.is_learned else time.monotonic() - self._learning_since
        if age_s <= BLIND_S and learning_s <= LEARNING_S:
            self._is_blind = False
            return
        if self._is_blind:
            return
        self._is_blind = True
        if age_s > BLIND_S:
            raise DeviceFault(f"no frame to look at for {age_s:.0f} s; a part may have passed unseen")
        raise DeviceFault(
            f"the picture was never still for {learning_s:.0f} s, so the empty place is not known; "
            "keep the region empty and still at the start, or raise contrast_percent"
        )
