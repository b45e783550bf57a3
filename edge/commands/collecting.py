"""The station's end of `training collect`: records, corrections and the corrected parts' whole pictures, as one tar."""

import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import BinaryIO

from edge.commands.loading import bundle_path
from edge.config import INSTALLED, StationConfig
from edge.database import reading
from edge.errors import BundleError
from edge.export import Row, csv_table, rows_between
from edge.program_slots import slots_of
from edge.slots import Slots
from edge.trust import read_raw
from edge.truth import CERTAIN

PICTURE = "SELECT path FROM pictures WHERE sequence = ?"
KEPT = (
    *("sequence", "triggered_ns", "outcome", "reason", "margin", "nearest_label", "model_serial", "model_sha256"),
    *("correction", "corrected_by", "correction_note"),
)
TRUTHS = frozenset(what.value for what in CERTAIN)


def send(config: StationConfig, *, first: int, last: int, out: BinaryIO, program: int = 0) -> int:
    """Write the tar; how many corrected parts it tells of. program: of which kind. Raises EdgeError."""
    folder, corrected, slots = Path(config.data), list[Row](), slots_of(config, program)
    product = config.programs.get(program)
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        with tempfile.TemporaryDirectory() as workshop:
            path = Path(workshop) / "parts.csv"
            with csv_table(path) as table:
                for rows in rows_between(folder, first=first, last=last):
                    table.write(rows)
                    corrected += [
                        row for row in rows if row["correction"] in TRUTHS and product in (None, row["model_product"])
                    ]
            tar.add(path, arcname=path.name, filter=_plain)
        told = []
        for row in corrected:
            content = _picture(folder, int(str(row["sequence"])))
            name = f"pictures/{row['sequence']}.jpg" if content else ""
            if content:
                _add(tar, name, content)
            told.append({**{key: row[key] for key in KEPT}, "picture": name})
        if model := _model(config, slots):
            _add(tar, "model", model)
        about = {"station": config.station, "first": first, "last": last, "corrected": told}
        _add(tar, "collected.json", json.dumps(about, indent=1, ensure_ascii=False).encode())
    return len(corrected)


def _picture(folder: Path, sequence: int) -> bytes:
    """The whole picture as it is stored, nothing where there is none any more."""
    with reading(folder) as connection:
        row = connection.execute(PICTURE, (sequence,)).fetchone()
    try:
        return (folder / row["path"]).read_bytes() if row else b""
    except OSError:
        return b""


def _model(config: StationConfig, slots: Slots) -> bytes:
    """What judges now, which knows how much grain a stored picture has lost."""
    try:
        if config.bundle == INSTALLED:
            current = slots.book.current
            return read_raw(slots.path_of(current)) if current else b""
        return read_raw(bundle_path(config.bundle))
    except BundleError:
        return b""


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without owner and time, as nobody needs them."""
    found = tarfile.TarInfo(entry.name)
    found.size = entry.size
    return found
