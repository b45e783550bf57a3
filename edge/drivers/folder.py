"""A camera that shows the pictures of a folder."""

from collections.abc import Mapping
from pathlib import Path

from edge.drivers.simulated import CameraFault, SimulatedCamera, no_more_pictures
from edge.frame import Pixels
from edge.interfaces import Clock
from edge.pictures import list_pictures, read_picture


class FolderCamera(SimulatedCamera):
    """One picture a trigger, in the order of their names.

    It does NOT imitate what SimulatedCamera does not; reading a file takes other times than a sensor; every picture is
    as old as its file and is stamped as if exposed now.
    """

    def __init__(
        self,
        folder: Path,
        *,
        is_repeating: bool = False,
        clock: Clock | None = None,
        faults: Mapping[int, CameraFault] | None = None,
    ) -> None:
        """Raises PictureError if there is no picture in the folder."""
        super().__init__(clock=clock, faults=faults)
        self._folder = folder
        self._pictures = list_pictures(folder)
        self._is_repeating = is_repeating
        self._shown = 0
        self.parts = None if is_repeating else len(self._pictures)

    def _next_picture(self) -> tuple[Pixels, str]:
        if self._shown >= len(self._pictures) and not self._is_repeating:
            raise no_more_pictures(str(self._folder))
        path = self._pictures[self._shown % len(self._pictures)]
        self._shown += 1
        return read_picture(path).pixels, path.name
