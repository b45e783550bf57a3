"""The folder of one training run, written whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from training.errors import ExportError

BUNDLE = "bundle"


def bundle_in(place: Path) -> Path:
    """The model's file of a run, or the file itself: what commands take as RUN_OR_BUNDLE."""
    return place / BUNDLE if place.is_dir() else place


class RunFolder:
    """RUN of `training fit`."""

    def __init__(self, path: Path) -> None:
        """Raises ExportError if it is there already and not empty: a model is never overwritten.

        Also where it could not be made: better now than after ten minutes of training.
        """
        self._path = path
        try:
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise ExportError(f"{path} is already there: choose another name or remove it")
            place = next(folder for folder in path.absolute().parents if folder.exists())
            if not place.is_dir():
                raise ExportError(f"{path} cannot be made: {place} is no folder")
            if not os.access(place, os.W_OK | os.X_OK):
                raise ExportError(f"{path} cannot be made: nothing may be written into {place}")
        except OSError as error:
            raise ExportError(f"{path} cannot be looked into: {os.strerror(error.errno or 0)}") from error

    def write(self, files: Mapping[str, bytes]) -> None:
        """All files, or none: they are made beside RUN and take its place at the end. Raises ExportError."""
        parent = self._path.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=parent, prefix=f".{self._path.name}-") as workshop:
                unfinished = Path(workshop) / "run"
                unfinished.mkdir()
                for name, content in files.items():
                    _write_through(unfinished / name, content)
                unfinished.rename(self._path)
        except OSError as error:
            raise ExportError(f"{self._path} could not be written: {os.strerror(error.errno or 0)}") from error


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
