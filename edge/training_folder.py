"""The training folder that grows on a station: pictures of good parts, and what of them is inspected."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from edge.errors import RecordError
from edge.settings import Strict
from edge.teaching import FOLDER, kept_pictures
from edge.whole_files import write_whole

DATASET_FILE = "dataset.yaml"
Corner = Annotated[list[float], Field(min_length=2, max_length=2)]
Polygon = Annotated[list[Corner], Field(min_length=3, max_length=100)]


class Inspected(Strict):
    """Polygons in pixels of the camera's frame, as `dataset.yaml` has them (see `training/regions.py`)."""

    regions: list[Polygon] = Field(default=[], max_length=20)
    masks: list[Polygon] = Field(default=[], max_length=20)


def read_inspected(data: Path) -> Inspected:
    """What was drawn; nothing where nothing was, or where somebody wrote the file by hand and this cannot show it."""
    try:
        found = yaml.safe_load((data / FOLDER / DATASET_FILE).read_text(encoding="utf-8")) or {}
        return Inspected.model_validate(found)
    except (OSError, ValueError, yaml.YAMLError):
        return Inspected()


def write_inspected(data: Path, inspected: Inspected) -> None:
    """Keep what was drawn, whole or not at all; drawing nothing removes the file. Raises RecordError."""
    path = data / FOLDER / DATASET_FILE
    kept = {key: polygons for key, polygons in inspected.model_dump().items() if polygons}
    try:
        if not kept:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, yaml.safe_dump(kept, default_flow_style=None).encode())
    except OSError as error:
        raise RecordError(f"{path}: the regions cannot be kept: {error.strerror}") from error


def files_of(data: Path) -> list[tuple[str, Path]]:
    """Every file of the training folder: its name in there, and where it lies."""
    root = data / FOLDER
    described = root / DATASET_FILE
    found = [*([described] if described.is_file() else []), *kept_pictures(data)]
    return [(path.relative_to(root).as_posix(), path) for path in found]


def remove_pictures(data: Path) -> int:
    """Begin anew: how many were removed. Raises RecordError."""
    pictures = kept_pictures(data)
    try:
        for path in pictures:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(f"the pictures cannot be removed: {error.strerror}") from error
    return len(pictures)
