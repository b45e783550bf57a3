"""A power cut at a chosen step of whatever changes the disk, in a process that dies of it.

What was not synced may be gone afterwards: the content of a file until the file is synced, its name (new, exchanged or
removed) until its folder is. `drops_unsynced` takes all of that away; without it, all of it has reached the disk. What
lies between (some of it) and torn sectors are NOT imitated.
"""

import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import cv2

DONE, KILLED = 0, -signal.SIGKILL


def run_cut(action: Callable[[], None], *, at: int | None, drops_unsynced: bool, steps: Path | None = None) -> int:
    """Do something in a process that is cut off at its step number `at`; its exit code. steps: gets their number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child does nothing but this
        child = os.fork()
    if child == 0:
        code = 3
        try:
            cv2.setNumThreads(0)
            cut = _Cut(at, drops_unsynced=drops_unsynced)
            cut.watch()
            action()
            if steps is not None:
                seen = cut.seen
                steps.write_text(str(seen))
            code = DONE
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


class _Cut:
    def __init__(self, at: int | None, *, drops_unsynced: bool) -> None:
        self.seen, self._at, self._drops = 0, at, drops_unsynced
        self._files: set[str] = set()
        self._names: list[tuple[str, Callable[[], None]]] = []

    def watch(self) -> None:
        """Stand between the program and its disk, from now on."""
        fsync, opened, replace, unlink = os.fsync, Path.open, Path.replace, Path.unlink

        def synced(descriptor: int) -> None:
            path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            self._step()
            fsync(descriptor)
            self._files.discard(path)
            self._names = [(folder, undo) for folder, undo in self._names if folder != path]
            self._step()

        def opened_for(path: Path, mode: str = "r", *rest: Any, **more: Any) -> IO[Any]:
            if "w" in mode:
                self._step()
                if not path.exists():
                    self._names.append((str(path.parent), lambda: unlink(path, missing_ok=True)))
                self._files.add(str(path))
            return opened(path, mode, *rest, **more)

        def replaced(path: Path, target: Path) -> Path:
            self._step()
            before = target.read_bytes() if target.exists() else None

            def undo() -> None:
                replace(target, path)
                if before is not None:
                    with opened(target, "wb") as file:
                        file.write(before)

            found = replace(path, target)
            self._names.append((str(target.parent), undo))
            if str(path) in self._files:
                self._files.add(str(target))
            self._step()
            return found

        def unlinked(path: Path, missing_ok: bool = False) -> None:
            self._step()
            unlink(path, missing_ok=missing_ok)  # that it comes back is what happens when nothing was removed yet
            self._step()

        os.fsync, Path.open, Path.replace, Path.unlink = synced, opened_for, replaced, unlinked  # type: ignore

    def _step(self) -> None:
        self.seen += 1
        if self.seen != self._at:
            return
        if self._drops:
            for _, undo in reversed(self._names):
                undo()
            for name in self._files:
                if os.path.exists(name):  # noqa: PTH110 - Path is watched
                    os.truncate(name, 0)
        os.kill(os.getpid(), signal.SIGKILL)
