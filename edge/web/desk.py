"""The page's own store, opened when it is first needed, and again when its file was removed or replaced."""

import threading
from pathlib import Path

from edge.page_store import FILE_NAME, PageStore


class Desk:
    """Gives the store of a data folder to any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._store: PageStore | None = None
        self._inode = 0

    def store(self) -> PageStore:
        """The store. Raises RecordError if nothing can be kept at the moment."""
        path = self._folder / FILE_NAME
        with self._lock:
            inode = path.stat().st_ino if path.exists() else 0
            if self._store is None or inode != self._inode:
                if self._store is not None:
                    self._store.close()
                self._store = None
                self._store = PageStore(self._folder)
                self._inode = path.stat().st_ino
            return self._store
