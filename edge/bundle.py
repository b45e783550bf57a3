"""The model bundle: one archive with manifest, network, references and golden parts; bytes in, values out.

The archive is an uncompressed POSIX tar in one canonical form: manifest.json first, then the files it lists in its
order, no times, no owners. Reading builds the archive again from what was read and compares, so that no byte can be
changed, added or left out without notice: content is held by the digests, the manifest by its own, the rest by form.
"""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field, ValidationError

from edge.errors import BundleError
from edge.frame import Frame, Pixels
from edge.preprocess import FloatArray, References
from edge.quality import QualityLimits
from edge.settings import MapSettings, Share, Strict
from edge.verdict import Outcome

FORMAT_VERSION = 1  # refused if newer; older formats are read by the version that wrote them
LARGEST_BUNDLE_BYTES = 64 * 2**20
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

    picture: str
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
    serial: int = Field(ge=0)
    frame: FrameFormat
    map: MapSettings
    quality: QualityLimits
    limit: LimitRecord
    labels: tuple[Label, ...] = ()
    golden: tuple[GoldenResult, ...] = Field(min_length=1)
    training: Training
    files: tuple[FileEntry, ...] = ()


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
    files = {NETWORK: network, ARRAYS: _encoded_arrays(arrays)}
    for entry, part in zip(manifest.golden, golden, strict=True):
        files[entry.picture] = cv2.imencode(".png", part.frame.pixels)[1].tobytes()
    entries = tuple(FileEntry(name=name, size=len(content), sha256=_digest(content)) for name, content in files.items())
    listed = manifest.model_copy(update={"files": entries})
    return _archive((listed.model_dump_json(indent=1) + "\n").encode(), files)


def decode(raw: bytes) -> Bundle:
    """The bundle in an archive's bytes. Raises BundleError, in one sentence, for anything that is not exactly one."""
    files = _unpacked(raw)
    manifest_bytes = files.pop(MANIFEST, None)
    if manifest_bytes is None:
        raise BundleError(f"this is no model bundle: it holds no {MANIFEST}")
    manifest = parse_manifest(manifest_bytes)
    digest = files.pop(MANIFEST_DIGEST, b"")
    for entry in manifest.files:
        if _digest(files.get(entry.name, b"")) != entry.sha256:
            raise BundleError(f"{entry.name} is damaged or missing: push the bundle again")
    if digest != _digest(manifest_bytes).encode() or _archive(manifest_bytes, files) != raw:
        raise BundleError("the bundle is not as it was written: push it again")
    try:
        return _assembled(manifest, files, _digest(raw))
    except (KeyError, ValueError, cv2.error) as error:
        raise BundleError(f"the bundle's parts do not fit together: {error}") from error


def parse_manifest(text: bytes) -> Manifest:
    """The manifest in its JSON bytes. Raises BundleError for a newer format before looking at anything else."""
    try:
        version = json.loads(text)["format_version"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BundleError(f"{MANIFEST} is damaged: push the bundle again") from error
    if version != FORMAT_VERSION:
        raise BundleError(
            f"bundle format {version!r} cannot be read, this version reads {FORMAT_VERSION}: "
            "update kensa on this device or export the model with the matching version"
        )
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BundleError(f"{MANIFEST}: {where}: {first['msg']}") from error


REFERENCE_ARRAYS = ("picture", "channels", "cell_mean", "cell_whitening", "log_mean", "log_deviation")


def _assembled(manifest: Manifest, files: dict[str, bytes], digest: str) -> Bundle:
    with np.load(io.BytesIO(files[ARRAYS]), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    _check_shapes(manifest, arrays)
    golden = tuple(
        Golden(
            frame=Frame(pixels=_decoded_picture(files[entry.picture], entry.picture), source=entry.picture),
            cell_map=arrays["golden_maps"][number],
            embedding=arrays["golden_embeddings"][number],
        )
        for number, entry in enumerate(manifest.golden)
    )
    return Bundle(
        manifest=manifest,
        network=files[NETWORK],
        references=References(**{name: arrays[name] for name in REFERENCE_ARRAYS}),
        centroids=Centroids(good=arrays["good_centroid"], defects=arrays["defect_centroids"]),
        golden=golden,
        sha256=digest,
    )


def _check_shapes(manifest: Manifest, arrays: dict[str, np.ndarray]) -> None:
    settings, grid = manifest.map, manifest.map.grid
    cells, channels = grid.rows * grid.columns, len(settings.channels)
    variables = 2 * channels * len(settings.windows_cells)
    colour = (3,) if manifest.frame.is_colour else ()
    expected: dict[str, tuple[tuple[int, ...], type]] = {
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
    if set(arrays) != set(expected):
        raise ValueError(f"arrays {sorted(set(arrays) ^ set(expected))} are missing or unknown")
    for name, (shape, kind) in expected.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != kind:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {np.dtype(kind)} {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are no numbers")


def _decoded_picture(content: bytes, name: str) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"{name} is no picture")
    return pixels.astype(np.uint8, casting="safe", copy=False)


def _encoded_arrays(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _archive(manifest: bytes, files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in {MANIFEST: manifest, MANIFEST_DIGEST: _digest(manifest).encode(), **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _unpacked(raw: bytes) -> dict[str, bytes]:
    if len(raw) > LARGEST_BUNDLE_BYTES:
        raise BundleError(f"{len(raw)} bytes are more than a bundle may have ({LARGEST_BUNDLE_BYTES})")
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as tar:
            members = tar.getmembers()
            names = [member.name for member in members]
            if len(names) != len(set(names)) or not all(member.isreg() for member in members):
                raise BundleError("this is no model bundle: it holds more than plain files")
            return {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    except (tarfile.TarError, ValueError, OSError, OverflowError) as error:
        raise BundleError("this is no model bundle, or it was cut off on its way: push it again") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
