"""A root file system in memory for a kernel (cpio, "newc"), made without tools and without being root."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

LAST = "TRAILER!!!"


def write(file: BinaryIO, folders: dict[str, Path], files: dict[str, bytes]) -> None:
    """folders: where in the new root the content of a folder goes ("" is the root); files: name and content."""
    made: set[str] = set()
    for place, folder in folders.items():
        _folder(file, place, made)
        for path in sorted(folder.rglob("*")):
            if "__pycache__" in path.parts:
                continue
            name = f"{place}/{path.relative_to(folder)}".lstrip("/")
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                _entry(file, name, found.st_mode, os.fsencode(path.readlink()))
            elif stat.S_ISDIR(found.st_mode):
                _folder(file, name, made)
            elif stat.S_ISREG(found.st_mode):
                _entry(file, name, found.st_mode, path.read_bytes())
    for name, content in files.items():
        _folder(file, str(Path(name).parent), made)
        _entry(file, name, stat.S_IFREG | 0o755, content)
    _entry(file, LAST, 0, b"")


def _folder(file: BinaryIO, name: str, made: set[str]) -> None:
    if name in ("", ".") or name in made:
        return
    _folder(file, str(Path(name).parent), made)
    made.add(name)
    _entry(file, name, stat.S_IFDIR | 0o755, b"")


def _entry(file: BinaryIO, name: str, mode: int, content: bytes) -> None:
    raw = os.fsencode(name) + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers)
    file.write(_padded(header + raw))
    file.write(_padded(content))


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)
