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
from edge.joined import archives_of, decode_model
from edge.kind_names import is_kind_of, kind_product
from edge.program_slots import slots_of
from edge.seal import without_seal
from edge.slots import Slots
from edge.trust import read_raw
from edge.truth import CERTAIN

PICTURE = "SELECT path FROM pictures WHERE sequence = ?"
KEPT = (
    *("sequence", "triggered_ns", "outcome", "reason", "margin", "nearest_label", "model_serial", "model_sha256"),
    *("correction", "corrected_by", "correction_note"),
)
TRUTHS = frozenset(what.value for what in CERTAIN)


def send(config: StationConfig, *, first: int, last: int, out: BinaryIO, program: int = 0, kind: str = "") -> int:
    """Write the tar; how many corrected parts it tells of. Raises EdgeError.

    program: of which, where several are. kind: of a model of several; a data set teaches one.
    """
    folder, corrected = Path(config.data), list[Row]()
    model = _model(config, slots_of(config, program))
    judges = _judges(model, kind)
    product = judges if kind else config.programs.get(program)
    model = archives_of(model)[kind] if kind else model

    def is_wanted(row: Row) -> bool:
        judged_by = str(row["model_product"] or "")
        is_other_kind = judges != "" and is_kind_of(judged_by, judges)  # of an earlier model, that held several
        return row["correction"] in TRUTHS and product in (None, judged_by) and not is_other_kind

    with tarfile.open(fileobj=out, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        with tempfile.TemporaryDirectory() as workshop:
            path = Path(workshop) / "parts.csv"
            with csv_table(path) as table:
                for rows in rows_between(folder, first=first, last=last):
                    table.write(rows)
                    corrected += filter(is_wanted, rows)
            tar.add(path, arcname=path.name, filter=_plain)
        told = []
        for row in corrected:
            content = _picture(folder, int(str(row["sequence"])))
            name = f"pictures/{row['sequence']}.jpg" if content else ""
            if content:
                _add(tar, name, content)
            told.append({**{key: row[key] for key in KEPT}, "picture": name})
        if model:
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
            return without_seal(read_raw(slots.path_of(current))) if current else b""
        return without_seal(read_raw(bundle_path(config.bundle)))
    except BundleError:
        return b""


def _judges(model: bytes, kind: str) -> str:
    """The product under which parts of this kind were judged; "" where the model cannot be read and none is named.

    Raises BundleError if a model of several kinds is asked for all of them, or for one that it has not.
    """
    try:
        found = decode_model(model)
    except BundleError:
        if kind:
            raise
        return ""
    names = ", ".join(found.names) or "only one kind of parts"
    if kind not in (found.names or ("",)):
        what = f"there is no kind '{kind}' in this station's model" if kind else "a data set teaches one kind"
        raise BundleError(f"{what}: say which with --kind; there is: {names}")
    return kind_product(found.product, kind) if kind else found.product


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without owner and time, as nobody needs them."""
    found = tarfile.TarInfo(entry.name)
    found.size = entry.size
    return found
