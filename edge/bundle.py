"""The model bundle: one archive with manifest, network, references and golden parts; bytes in, values out.

The archive has one form: manifest.json first, its digest, then the files it lists in its order. No byte can be changed,
added or left out without notice: content is held by the digests, the manifest by its own, the rest by the form. Files
that are as they were written may still come from somebody else, so that nothing is believed of them: what they hold
must have exactly the size and kind that follow from the manifest, and its bounds bound the memory they take.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import cv2
import numpy as np
from pydantic import Field, ValidationError, model_validator

from edge.archive import Array, Form, pack, pack_arrays, unpack, unpack_arrays
from edge.errors import BundleError, PictureError
from edge.frame import Frame, Pixels
from edge.picture_files import PNG_SIGNATURE, Kind, measure
from edge.pictures import decode_picture
from edge.preprocess import FloatArray, References
from edge.quality import QualityLimits
from edge.settings import MapSettings, Share, Strict
from edge.verdict import Outcome

FORMAT_VERSION = 1  # refused if newer; older formats are read by the version that wrote them
LARGEST_BUNDLE_BYTES = 128 * 2**20
LARGEST_MANIFEST_BYTES = 2**20
LARGEST_ARRAYS_BYTES = 256 * 2**20  # expanded
MOST_GOLDEN_PIXELS = 100_000_000  # of all golden pictures together
MANIFEST, MANIFEST_DIGEST, NETWORK, ARRAYS = "manifest.json", "manifest.sha256", "embedder.onnx", "arrays.npz"
EMBEDDING_SIZE = 128

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Label = Annotated[str, Field(min_length=1, max_length=64)]


class FileEntry(Strict):
    """One file of the bundle."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_./-]{0,63}$")
    size: int = Field(ge=0, le=LARGEST_BUNDLE_BYTES)
    sha256: Digest


class FrameFormat(Strict):
    """The only frames that this model judges."""

    width: int = Field(ge=32, le=16384)
    height: int = Field(ge=32, le=16384)
    is_colour: bool


class LimitRecord(Strict):
    """The limit, and what it promises."""

    distance: float = Field(gt=0, description="in use: larger is NG")
    calibrated: float = Field(gt=0, description="as calibrated; stays when somebody moves the limit")
    overkill_target: Share = Field(description="asked for")
    overkill_guarantee: Share = Field(description="what the number of calibration parts allows")
    calibration_parts: int = Field(ge=1)
    map_mean: float = Field(gt=0, le=255, description="a map with a larger mean is of something else")
    smallest_fit: float = Field(ge=-1, le=1, description="a worse alignment is a FAULT")


class GoldenResult(Strict):
    """What the device must find again for one picture of the bundle."""

    picture: str = Field(pattern=r"^golden/[0-9]{1,3}\.png$")
    outcome: Outcome
    distance: float = Field(ge=0)


class Training(Strict):
    """Where the model comes from."""

    loss: Literal["classify", "siamese", "triplet"]
    network: tuple[int, ...]
    is_good_only: bool
    seed: int
    data_sha256: Digest
    good_parts: int = Field(ge=1)
    defect_parts: int = Field(ge=0)
    versions: dict[str, str]


class Manifest(Strict):
    """Everything about a model but its arrays."""

    format_version: Literal[1] = 1
    product: str = Field(min_length=1, max_length=64)
    serial: int = Field(ge=0, lt=2**53)
    frame: FrameFormat
    map: MapSettings
    quality: QualityLimits
    limit: LimitRecord
    labels: tuple[Label, ...] = ()
    golden: tuple[GoldenResult, ...] = Field(min_length=1, max_length=32)
    training: Training
    files: tuple[FileEntry, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.map.is_colour and not self.frame.is_colour:
            raise ValueError("the map needs colour and the frames are grey")
        pictures = [entry.picture for entry in self.golden]
        if len(set(pictures)) < len(pictures) or len(set(self.labels)) < len(self.labels):
            raise ValueError("a label or golden picture is there twice")
        if len(pictures) * self.frame.width * self.frame.height > MOST_GOLDEN_PIXELS:
            raise ValueError(f"the golden pictures have more than {MOST_GOLDEN_PIXELS // 10**6} million pixels")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Centroids:
    """good: (D,) float32. defects: (L, D) float32, in the order of the manifest's labels."""

    good: FloatArray
    defects: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A picture with the map and embedding that it had where the model was made."""

    frame: Frame
    cell_map: Pixels
    embedding: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A whole model, checked. sha256: digest of the archive's bytes, which names the model."""

    manifest: Manifest
    network: bytes
    references: References
    centroids: Centroids
    golden: tuple[Golden, ...]
    sha256: str


def encode(
    manifest: Manifest,
    *,
    network: bytes,
    references: References,
    centroids: Centroids,
    golden: tuple[Golden, ...],
) -> bytes:
    """A bundle's archive; the manifest's file list is made here. The same values give the same bytes."""
    arrays = {
        **{name: getattr(references, name) for name in REFERENCE_ARRAYS},
        "good_centroid": centroids.good,
        "defect_centroids": centroids.defects,
        "golden_maps": np.stack([part.cell_map for part in golden]),
        "golden_embeddings": np.stack([part.embedding for part in golden]),
    }
    files = {NETWORK: network, ARRAYS: pack_arrays(arrays)}
    for entry, part in zip(manifest.golden, golden, strict=True):
        files[entry.picture] = cv2.imencode(".png", part.frame.pixels)[1].tobytes()
    entries = tuple(FileEntry(name=name, size=len(content), sha256=_digest(content)) for name, content in files.items())
    listed = (manifest.model_copy(update={"files": entries}).model_dump_json(indent=1) + "\n").encode()
    return pack({MANIFEST: listed, MANIFEST_DIGEST: _digest(listed).encode(), **files})


def decode(raw: bytes) -> Bundle:
    """The bundle in an archive's bytes. Raises BundleError, in one sentence, for anything that is not exactly one."""
    if len(raw) > LARGEST_BUNDLE_BYTES:
        raise BundleError(f"{len(raw)} bytes are more than a bundle may have ({LARGEST_BUNDLE_BYTES})")
    try:
        files = unpack(raw)
    except ValueError as error:
        raise BundleError(f"this is no model bundle, or it was damaged on its way ({error}): push it again") from error
    if MANIFEST not in files:
        raise BundleError(f"this is no model bundle: it holds no {MANIFEST}")
    if files.get(MANIFEST_DIGEST) not in (None, _digest(files[MANIFEST]).encode()):
        raise BundleError(f"{MANIFEST} is damaged: push the bundle again")
    manifest = parse_manifest(files[MANIFEST])
    _check_files(manifest, files)
    try:
        return _assembled(manifest, files, _digest(raw))
    except (ValueError, PictureError) as error:
        raise BundleError(f"the bundle's parts do not fit together: {error}") from error


def parse_manifest(text: bytes) -> Manifest:
    """The manifest in its JSON bytes. Raises BundleError for a newer format before looking at anything else."""
    if len(text) > LARGEST_MANIFEST_BYTES:
        raise BundleError(f"{MANIFEST} has {len(text)} bytes, more than {LARGEST_MANIFEST_BYTES}")
    try:
        said = json.loads(text)["format_version"]
        version = int(said)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise BundleError(f"{MANIFEST} is damaged: push the bundle again") from error
    if isinstance(said, bool):
        raise BundleError(f"{MANIFEST} is damaged: push the bundle again")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"bundle format {version} cannot be read, this version reads {FORMAT_VERSION}: "
            "update kensa on this device or export the model with the matching version"
        )
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BundleError(f"{MANIFEST}: {where + ': ' if where else ''}{first['msg']}") from error


REFERENCE_ARRAYS = ("picture", "channels", "cell_mean", "cell_whitening", "log_mean", "log_deviation")


def _check_files(manifest: Manifest, files: dict[str, bytes]) -> None:
    """Raise BundleError unless exactly the files are there that a bundle has, as the manifest describes them."""
    for entry in manifest.files:
        if _digest(files.get(entry.name, b"")) != entry.sha256 or entry.name not in files:
            raise BundleError(f"{entry.name} is damaged or missing: push the bundle again")
    names = [NETWORK, ARRAYS, *(entry.picture for entry in manifest.golden)]
    listed = [(entry.name, entry.size) for entry in manifest.files]
    if list(files) != [MANIFEST, MANIFEST_DIGEST, *names] or listed != [(name, len(files[name])) for name in names]:
        raise BundleError("the bundle does not hold the files that belong to it: push it again")


def _assembled(manifest: Manifest, files: dict[str, bytes], digest: str) -> Bundle:
    expected = _forms(manifest)
    expanded = sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in expected.values())
    if expanded > LARGEST_ARRAYS_BYTES:
        raise ValueError(f"the arrays have {expanded} bytes, more than {LARGEST_ARRAYS_BYTES}")
    arrays = unpack_arrays(files[ARRAYS], expected)
    if not (arrays["log_deviation"] > 0).all():
        raise ValueError("log_deviation must be above 0")
    return Bundle(
        manifest=manifest,
        network=files[NETWORK],
        references=References(**{name: arrays[name] for name in REFERENCE_ARRAYS}),
        centroids=Centroids(good=arrays["good_centroid"], defects=arrays["defect_centroids"]),
        golden=_golden(manifest, files, arrays),
        sha256=digest,
    )


def _forms(manifest: Manifest) -> dict[str, Form]:
    """Shape and dtype of every array, as they follow from the manifest."""
    settings, grid = manifest.map, manifest.map.grid
    cells, channels = grid.cells, len(settings.channels)
    variables = 2 * channels * len(settings.windows_cells)
    colour = (3,) if manifest.frame.is_colour else ()
    return {
        "picture": ((grid.height_px, grid.width_px, *colour), np.uint8),
        "channels": ((grid.height_px, grid.width_px, channels), np.float32),
        "cell_mean": ((cells, variables), np.float32),
        "cell_whitening": ((cells, variables, variables), np.float32),
        "log_mean": ((cells,), np.float32),
        "log_deviation": ((cells,), np.float32),
        "good_centroid": ((EMBEDDING_SIZE,), np.float32),
        "defect_centroids": ((len(manifest.labels), EMBEDDING_SIZE), np.float32),
        "golden_maps": ((len(manifest.golden), grid.rows, grid.columns), np.uint8),
        "golden_embeddings": ((len(manifest.golden), EMBEDDING_SIZE), np.float32),
    }


def _golden(manifest: Manifest, files: dict[str, bytes], arrays: dict[str, Array]) -> tuple[Golden, ...]:
    return tuple(
        Golden(frame=_picture(files[entry.picture], entry.picture, manifest.frame), cell_map=cell_map, embedding=found)
        for entry, cell_map, found in zip(
            manifest.golden, arrays["golden_maps"], arrays["golden_embeddings"], strict=True
        )
    )


def _picture(content: bytes, name: str, form: FrameFormat) -> Frame:
    """A golden picture, decoded only if its header says that it is of the right kind and size."""
    if not content.startswith(PNG_SIGNATURE) or measure(content, Kind.PNG) != (form.width, form.height):
        raise ValueError(f"{name} is no PNG of {form.width}x{form.height} pixels")
    frame = decode_picture(content, name=name)
    if (frame.width, frame.height, frame.is_colour) != (form.width, form.height, form.is_colour):
        raise ValueError(f"{name} is not of the size and colour format that the model judges")
    return frame


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
