"""Where models arrive, piece by piece, over ssh or from the page: what is here already need not be sent again."""

import hashlib
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from edge.errors import BundleError
from edge.manifest import LARGEST_BUNDLE_BYTES
from edge.seal import SEAL_BYTES
from edge.slots import INCOMING, VERSIONS, Slots
from edge.whole_files import sync_folder

PART = ".part"
MOST_PARTS = 3  # half-sent models; the oldest go
SPARE_BYTES = 64 * 2**20
DIGEST = re.compile(r"[0-9a-f]{64}")


class Spool:
    """The incoming models of one station. Each is named by the SHA-256 of its file."""

    def __init__(self, slots: Slots) -> None:
        self._slots, self._folder = slots, slots.folder / INCOMING

    def begin(self, sha256: str, size: int) -> int:
        """How many bytes of this file are here. Raises BundleError for what cannot be taken."""
        if not DIGEST.fullmatch(sha256):
            raise BundleError("a file is named by its SHA-256")
        if not 0 < size <= SEAL_BYTES + LARGEST_BUNDLE_BYTES:
            raise BundleError(f"{size} bytes are no model: it has up to {LARGEST_BUNDLE_BYTES}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._path(sha256)
            if not path.exists():
                self._make_room(size)
                self._copy_known(sha256, size)
            here = path.stat().st_size if path.exists() else 0
            if here > size:
                path.unlink()
                here = 0
        except OSError as error:
            raise BundleError(f"{self._folder}: nothing can be taken here: {error.strerror}") from error
        return here

    def add(self, sha256: str, offset: int, piece: bytes) -> int:
        """Append a piece; how many bytes are here now. Raises BundleError if it does not belong there."""
        path = self._path(sha256)
        try:
            with path.open("ab") as file:
                here = file.tell()
                if here != offset:
                    raise BundleError(f"{here} bytes are here, and what came begins at {offset}: begin again")
                if here + len(piece) > SEAL_BYTES + LARGEST_BUNDLE_BYTES:
                    raise BundleError(f"more than {LARGEST_BUNDLE_BYTES} bytes are no model")
                file.write(piece)
                return here + len(piece)
        except OSError as error:
            raise BundleError(f"{path.name}: cannot be written: {error.strerror}") from error

    def finish(self, sha256: str, *, is_digest: bool = True) -> Path:
        """The whole file, durably. Raises BundleError if it is not what its name says, and forgets it then.

        is_digest: False for a name that only tells files apart; then the seal alone says whether it is whole.
        """
        path = self._path(sha256)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())
            sync_folder(self._folder)
        except OSError as error:
            raise BundleError(f"{path.name}: cannot be read: {error.strerror}") from error
        if is_digest and found != sha256:
            self.forget(sha256)
            raise BundleError("what arrived is not what was sent: push it again, from the beginning")
        return path

    def forget(self, sha256: str) -> None:
        """Remove a file that is no longer needed."""
        with suppress(OSError):
            self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        if not DIGEST.fullmatch(sha256):
            raise BundleError("a file is named by its SHA-256")
        return self._folder / f"{sha256}{PART}"

    def _make_room(self, size: int) -> None:
        parts = sorted(self._folder.glob(f"*{PART}"), key=lambda path: path.stat().st_mtime)
        for path in parts[: max(0, len(parts) - MOST_PARTS + 1)]:
            path.unlink()
        free = shutil.disk_usage(self._folder).free
        if free < 3 * size + SPARE_BYTES:
            raise BundleError(f"the disk has only {free / 1e6:.0f} MB free, and the model needs more")

    def _copy_known(self, sha256: str, size: int) -> None:
        """A model that this station has need not be sent to it; it is checked as if it had been."""
        for path in sorted((self._slots.folder / VERSIONS).glob("*.model")):
            if path.stat().st_size == size and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                shutil.copyfile(path, self._path(sha256))
                return
