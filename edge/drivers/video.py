"""A camera that shows a video file."""

import os
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from edge.drivers.simulated import CameraFault, SimulatedCamera, no_more_pictures
from edge.errors import DeviceUnavailable
from edge.frame import Pixels
from edge.interfaces import Clock


class VideoCamera(SimulatedCamera):
    """One picture of the film a trigger, always in colour.

    It does NOT imitate what SimulatedCamera does not; the film waits for the trigger instead of running on.
    """

    def __init__(
        self,
        path: Path,
        *,
        step: int = 1,
        clock: Clock | None = None,
        faults: Mapping[int, CameraFault] | None = None,
    ) -> None:
        """step: take every n-th picture. Raises DeviceUnavailable if the file is no video that can be read."""
        super().__init__(clock=clock, faults=faults)
        if not path.is_file() or not os.access(path, os.R_OK):
            raise DeviceUnavailable(f"{path}: there is no such video, or it may not be read")
        self._path, self._step = path, step
        self._video = cv2.VideoCapture(str(path))
        pictures = int(self._video.get(cv2.CAP_PROP_FRAME_COUNT)) if self._video.isOpened() else 0
        if pictures < 1:
            self.close()
            raise DeviceUnavailable(f"{path}: this is no video that can be read")
        self._shown = 0
        self.parts = -(-pictures // step)

    def close(self) -> None:
        """Let go of the file."""
        self._video.release()
        super().close()

    def _next_picture(self) -> tuple[Pixels, str]:
        is_there, pixels = self._video.read()
        if not is_there:
            raise no_more_pictures(str(self._path))
        self._shown += 1
        source = f"{self._path.name} {1 + (self._shown - 1) * self._step}"
        for _ in range(self._step - 1):
            self._video.grab()
        return np.ascontiguousarray(pixels, dtype=np.uint8), source
