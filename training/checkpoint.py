"""What a run has finished so far, in a folder beside it, so that a stopped run can go on from there.

Kept are the cell functions and the state of the network's training, nearly all of the time that a run takes. Pictures
are read and brought into place again.
"""

import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edge.preprocess import CellFunction
from training.errors import ExportError, TrainingError

MADE_OF, STATE = "made_of", "network.pt"
SUFFIX = ".unfinished"
DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile)

State = dict[str, Any]
"""Numbers, strings and tensors in dicts and lists."""


class Checkpoint:
    """The folder `RUN.unfinished`. Every file is written whole or not at all; nothing in it is run when it is read."""

    def __init__(self, run: Path, *, is_resumed: bool) -> None:
        """is_resumed: go on from what is there; otherwise it is removed and everything begins anew."""
        self.folder = run.with_name(run.name + SUFFIX)
        if not is_resumed:
            self.remove()

    @property
    def holds_something(self) -> bool:
        """True where there is a step to go on from."""
        return self.folder.is_dir() and len(list(self.folder.iterdir())) > 1

    def begin(self, made_of: str) -> None:
        """made_of: everything that its content depends on. Raises TrainingError where it is of something else."""
        known = self.folder / MADE_OF
        if not known.exists():
            self._write(MADE_OF, made_of.encode())
        elif known.read_text(encoding="utf-8", errors="replace") != made_of:
            raise TrainingError(
                f"{self.folder} is of other pictures, options or versions: leave out --resume to begin anew"
            )

    def cells(self, number: int, make: Callable[[], CellFunction]) -> CellFunction:
        """What `make` gives, or gave before the run was stopped."""
        name = f"cells-{number}.npz"
        if (self.folder / name).exists():
            return self._cells_in(name)
        made = make()
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **asdict(made))
        self._write(name, content.getvalue())
        return made

    def keep(self, state: State) -> None:
        """The network's training up to a step."""
        content = io.BytesIO()
        torch.save(state, content)
        self._write(STATE, content.getvalue())

    def kept(self) -> State | None:
        """What `keep` was last given; None before the first time."""
        path = self.folder / STATE
        if not path.exists():
            return None
        try:
            state: State = torch.load(path, weights_only=True)
        except DAMAGED as error:
            raise self._damaged(STATE) from error
        return state

    def remove(self) -> None:
        """The run is finished, or begins anew."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _cells_in(self, name: str) -> CellFunction:
        try:
            with np.load(io.BytesIO((self.folder / name).read_bytes()), allow_pickle=False) as stored:
                return CellFunction(**{field.name: stored[field.name] for field in fields(CellFunction)})
        except DAMAGED as error:
            raise self._damaged(name) from error

    def _damaged(self, name: str) -> TrainingError:
        return TrainingError(f"{self.folder / name} is damaged: leave out --resume to begin anew")

    def _write(self, name: str, content: bytes) -> None:
        unfinished = self.folder / f".{name}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(content)
            unfinished.replace(self.folder / name)
        except OSError as error:
            raise ExportError(f"{self.folder} could not be written: {os.strerror(error.errno or 0)}") from error
