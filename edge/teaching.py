"""Collecting pictures of good parts for training, on a station with or without a model.

While it is taught, a station takes parts and judges none: every one is a FAULT on the wires, and its whole picture is
kept, without loss, where a training folder begins.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from edge.errors import EdgeError, PictureError
from edge.frame import Frame
from edge.inspection import Inspection, StageTimes
from edge.verdict import Reason, fault
from edge.whole_files import write_whole

log = logging.getLogger(__name__)

FOLDER = "teaching"
GOOD = f"{FOLDER}/train/good"
MOST_PICTURES = 1000
MOST_WAITING = 4  # for the disk; each is a whole frame


def keep_frame(data: Path, frame: Frame) -> str:
    """Write a frame into the training folder, whole or not at all; its name. Raises EdgeError."""
    folder = data / GOOD
    if len(kept_pictures(data)) >= MOST_PICTURES:
        raise PictureError(f"{MOST_PICTURES} pictures are kept already: download them, and begin anew")
    is_encoded, content = cv2.imencode(".png", frame.pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not is_encoded:
        raise PictureError("the picture could not be encoded")
    path = folder / f"part-{time.time_ns()}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.tobytes())
    except OSError as error:
        raise PictureError(f"the picture cannot be kept: {error.strerror}") from error
    return path.name


def kept_pictures(data: Path) -> list[Path]:
    """The pictures of good parts that were collected, the oldest first."""
    return sorted((data / GOOD).glob("part-*.png"))


class Teacher:
    """Stands in the inspector's place until it has seen so many parts."""

    def __init__(self, data: Path, *, parts: int, on_end: Callable[[], None]) -> None:
        """on_end: called in a thread of its own when the last picture is kept, or none can be kept any more."""
        self._data, self._on_end = data, on_end
        self._wanted = parts
        self._frames: queue.Queue[Frame | None] = queue.Queue(MOST_WAITING)
        self.taken = self.kept = 0
        self.trouble = ""
        threading.Thread(target=self._write, name="teaching", daemon=True).start()

    @property
    def is_done(self) -> bool:
        """True when there is nothing more to take."""
        return bool(self.trouble) or self.taken >= self._wanted

    def inspect(self, frame: Frame) -> Inspection:
        """FAULT for everything; the frame is on its way to the disk if it is still wanted."""
        if not self.is_done:
            try:
                self._frames.put_nowait(frame)
                self.taken += 1
            except queue.Full:
                return _untold("the disk is too slow for the picture before")
            if self.is_done:
                self.end()
        return _untold(f"the station is being taught: picture {self.taken} of {self._wanted}")

    def end(self) -> None:
        """Take no more."""
        self._wanted = self.taken
        try:
            self._frames.put(None, timeout=1)
        except queue.Full:
            self.trouble = self.trouble or "the disk does not answer"

    def _write(self) -> None:
        try:
            while (frame := self._frames.get()) is not None:
                keep_frame(self._data, frame)
                self.kept += 1
        except EdgeError as error:
            self.trouble = str(error)
        finally:
            log.info("teaching ended kept=%d trouble=%r", self.kept, self.trouble)
            self._on_end()


def _untold(why: str) -> Inspection:
    return Inspection(verdict=fault(Reason.NOT_READY, why), times=StageTimes())
