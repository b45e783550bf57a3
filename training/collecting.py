"""What a station has learned from people becomes a data set: the one before it, and the parts that were corrected.

A version is never changed: its folder is named by the digest of what it holds, and its files are read-only.
"""

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
from pydantic import Field, ValidationError

from edge.bundle import decode
from edge.drivers import open_embedder
from edge.errors import EdgeError, PictureError
from edge.frame import Frame
from edge.grain import Grain, grain_of, with_grain
from edge.model_store import arm
from edge.pictures import decode_picture, read_picture
from edge.seal import without_seal
from edge.settings import Strict
from edge.text_forms import NAME
from training.dataset import GOOD, DataSet, open_dataset
from training.errors import DataSetError
from training.regions import FILE as DESCRIPTION

ABOUT, PARTS = "collected.json", "parts.csv"
LARGEST_MEMBER_BYTES = 2 * 2**30
MOST_MEMBERS = 200_000
MISSED = "missed"
"""The label of bad parts that the station passed: it could not say what is wrong with them."""


class Corrected(Strict):
    """One part of which a person has said what it is. picture: "" where the station has none any more."""

    sequence: int
    triggered_ns: int
    outcome: str
    reason: str
    margin: float | None
    nearest_label: str | None
    model_serial: int | None
    model_sha256: str | None
    correction: str = Field(pattern="^(good|bad)$")
    corrected_by: str
    correction_note: str
    picture: str = Field(pattern=r"^(pictures/[0-9]{1,18}\.jpg)?$")

    @property
    def label(self) -> str:
        """The folder where its picture belongs."""
        if self.correction == GOOD:
            return GOOD
        label = self.nearest_label if self.outcome == "NG" else None
        return label if label and label.isprintable() and "/" not in label and not label.startswith(".") else MISSED


class Collected(Strict):
    """What a station has sent."""

    station: str = Field(pattern=NAME)
    first: int
    last: int
    corrected: tuple[Corrected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersion:
    """A data set that nobody changes any more. added: pictures by label. unusable: parts without a usable picture."""

    folder: Path
    is_new: bool
    added: Counter[str]
    unusable: tuple[int, ...]


def unpack_into(stream: BinaryIO, folder: Path) -> Collected:
    """What a station sends, as files that are named here and not by it. Raises DataSetError for anything else."""
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for number, entry in enumerate(tar):
                name = entry.name.removeprefix("pictures/")
                is_known = entry.name in (ABOUT, PARTS, "model") or name.removesuffix(".jpg").isdecimal()
                if not entry.isreg() or not is_known or entry.size > LARGEST_MEMBER_BYTES or number > MOST_MEMBERS:
                    raise DataSetError(f"the station sent something that does not belong there: {entry.name[:80]!r}")
                content = tar.extractfile(entry)
                assert content is not None
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
        return Collected.model_validate_json((folder / ABOUT).read_bytes())
    except (tarfile.TarError, ValidationError, OSError, EOFError) as error:
        raise DataSetError("what the station sent is damaged or cut off: collect again") from error


def version_of(collected: Collected, sent: Path, *, onto: Path, out: Path) -> DataVersion:
    """Make the data set and give it its name. onto: the data set before, in any layout. sent: what was unpacked."""
    before = open_dataset(onto)
    first = read_picture(before.train[0].path)
    grain = _grain(sent / "model")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".collect-") as workshop:
            unfinished = Path(workshop) / "set"
            _copy(before, unfinished)
            added, unusable = Counter[str](), []
            for part in collected.corrected:
                _take_away(unfinished, collected.station, part)
                frame = _frame(sent, part, grain, first)
                if frame is None:
                    unusable.append(part.sequence)
                    continue
                place = unfinished / "train" / part.label / f"{_name(collected.station, part)}__0.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(cv2.imencode(".png", frame.pixels)[1].tobytes())
                added[part.label] += 1
            _write_about(unfinished, collected, before)
            shutil.copyfile(sent / PARTS, unfinished / PARTS)
            folder = out / f"{collected.station}-{_digest(unfinished)[:16]}"
            is_new = not folder.exists()
            if is_new:
                _freeze(unfinished)
                unfinished.rename(folder)
    except OSError as error:
        raise DataSetError(f"{out}: the data set cannot be written: {error.strerror}") from error
    return DataVersion(folder=folder, is_new=is_new, added=added, unusable=tuple(unusable))


def corrected_in(folder: Path) -> Collected:
    """The corrections of a version. Raises DataSetError if the folder is none."""
    try:
        return Collected.model_validate(json.loads((folder / ABOUT).read_bytes())["collected"], strict=False)
    except (OSError, ValueError, KeyError) as error:
        raise DataSetError(f"{folder}: this is no data set of `training collect`") from error


def picture_of(folder: Path, station: str, part: Corrected) -> Path | None:
    """Where a corrected part's picture lies in a version, None if it has none."""
    path = folder / "train" / part.label / f"{_name(station, part)}__0.png"
    return path if path.is_file() else None


def _name(station: str, part: Corrected) -> str:
    return f"{station}-{part.sequence}-{part.triggered_ns}"


def _copy(before: DataSet, folder: Path) -> None:
    """The data set before, split as it was, in the layout that says so."""
    for split, samples in (("train", before.train), ("test", before.test)):
        for sample in samples:
            place = folder / split / sample.label / sample.path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sample.path, place)
    if (before.root / DESCRIPTION).is_file():
        shutil.copyfile(before.root / DESCRIPTION, folder / DESCRIPTION)


def _take_away(folder: Path, station: str, part: Corrected) -> None:
    """What was said of this part before no longer counts."""
    for path in (folder / "train").glob(f"*/{_name(station, part)}__0.png"):
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def _frame(sent: Path, part: Corrected, grain: Grain | None, first: Frame) -> Frame | None:
    """The part's picture with the grain that its JPEG has lost; None if it is not there, or of another camera."""
    path = sent / Path(part.picture).name
    if not part.picture or not path.is_file():
        return None
    try:
        pixels = decode_picture(path.read_bytes(), name=path.name).pixels
    except PictureError:
        return None
    if pixels.shape != first.pixels.shape:
        return None
    return Frame(pixels=pixels if grain is None else with_grain(pixels, grain.whole, seed=part.sequence))


def _grain(model: Path) -> Grain | None:
    """As much as a JPEG takes from the station's own golden pictures; None where the station has no such model."""
    if not model.is_file():
        return None
    try:
        bundle = decode(without_seal(model.read_bytes()))
        return grain_of(arm(bundle, open_embedder(bundle)))
    except EdgeError:
        return None


def _write_about(folder: Path, collected: Collected, before: DataSet) -> None:
    about: dict[str, Any] = {"collected": collected.model_dump(), "onto": before.root.name}
    (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(folder: Path) -> str:
    """SHA-256 over every file's name and content."""
    found = hashlib.sha256()
    for path in _files(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return found.hexdigest()


def _freeze(folder: Path) -> None:
    for path in _files(folder):
        path.chmod(0o444)
