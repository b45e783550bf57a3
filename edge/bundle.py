"""The model bundle: one archive with manifest, network, references and golden parts; bytes in, values out.

The archive has one form: manifest.json first, its digest, then the files it lists in its order. No byte can be changed,
added or left out without notice: content is held by the digests, the manifest by its own, the rest by the form. Files
that are as they were written may still come from somebody else, so that nothing is believed of them: what they hold
must have exactly the size and kind that follow from the manifest, and its bounds bound the memory they take.
"""

import hashlib
import math
from dataclasses import dataclass, fields

import cv2
import numpy as np

from edge.archive import Array, Form, pack, pack_arrays, unpack, unpack_arrays
from edge.channels import COLOUR_STEP_PX, colours_of
from edge.errors import BundleError, PictureError
from edge.frame import Frame, Pixels
from edge.manifest import LARGEST_BUNDLE_BYTES, MANIFEST, FileEntry, FrameFormat, Manifest, parse_manifest
from edge.picture_files import PNG_SIGNATURE, Kind, measure
from edge.pictures import decode_picture
from edge.preprocess import HIDDEN_UNITS, CellFunction, References
from edge.scoring import Metric
from edge.settings import Strict
from edge.variables import FloatArray, variable_count

LARGEST_ARRAYS_BYTES = 256 * 2**20  # expanded
MANIFEST_DIGEST, NETWORK, ARRAYS = "manifest.sha256", "embedder.onnx", "arrays.npz"
EMBEDDING_SIZE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Centroids:
    """good: (D,) float32. defects: (L, D) float32, in the order of the manifest's labels. whitening: (D, D) float32 for
    the Mahalanobis distance, None for any other."""

    good: FloatArray
    defects: FloatArray
    whitening: FloatArray | None = None


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
    cells: CellFunction
    centroids: Centroids
    golden: tuple[Golden, ...]
    sha256: str


def encode(
    manifest: Manifest,
    *,
    network: bytes,
    references: References,
    cells: CellFunction,
    centroids: Centroids,
    golden: tuple[Golden, ...],
) -> bytes:
    """A bundle's archive; the manifest's file list is made here. The same values give the same bytes."""
    arrays = {
        **{name: getattr(references, name) for name in _names(References)},
        **{name: getattr(cells, name) for name in _names(CellFunction)},
        "good_centroid": centroids.good,
        "defect_centroids": centroids.defects,
        "golden_maps": np.stack([part.cell_map for part in golden]),
        "golden_embeddings": np.stack([part.embedding for part in golden]),
        **({} if centroids.whitening is None else {"whitening": centroids.whitening}),
    }
    files = {NETWORK: network, ARRAYS: pack_arrays(arrays)}
    for entry, part in zip(manifest.golden, golden, strict=True):
        files[entry.picture] = cv2.imencode(".png", part.frame.pixels)[1].tobytes()
    entries = tuple(
        FileEntry(name=name, size=len(content), sha256=digest_of(content)) for name, content in files.items()
    )
    return packed(manifest.model_copy(update={"files": entries}), files)


def packed(manifest: Strict, files: dict[str, bytes]) -> bytes:
    """The archive of a manifest, its digest, and the files that it tells of, in their order."""
    written = (manifest.model_dump_json(indent=1) + "\n").encode()
    return pack({MANIFEST: written, MANIFEST_DIGEST: digest_of(written).encode(), **files})


def decode(raw: bytes) -> Bundle:
    """The bundle of one kind in an archive's bytes. Raises BundleError for anything that is not exactly one."""
    return bundle_of(opened(raw), sha256=digest_of(raw))


def opened(raw: bytes, *, signed_manifest: bytes | None = None) -> dict[str, bytes]:
    """The files of an archive whose manifest is whole. Raises BundleError, in one sentence, for anything else.

    signed_manifest: the manifest must be these bytes.
    """
    if len(raw) > LARGEST_BUNDLE_BYTES:
        raise BundleError(f"{len(raw)} bytes are more than a bundle may have ({LARGEST_BUNDLE_BYTES})")
    try:
        files = unpack(raw)
    except ValueError as error:
        raise BundleError(f"this is no model bundle, or it was damaged on its way ({error}): push it again") from error
    if MANIFEST not in files:
        raise BundleError(f"this is no model bundle: it holds no {MANIFEST}")
    if signed_manifest not in (None, files[MANIFEST]):
        raise BundleError(f"{MANIFEST} is not the one that was signed: push the bundle again")
    if files.get(MANIFEST_DIGEST) not in (None, digest_of(files[MANIFEST]).encode()):
        raise BundleError(f"{MANIFEST} is damaged: push the bundle again")
    return files


def bundle_of(files: dict[str, bytes], *, sha256: str) -> Bundle:
    """The bundle of one kind in the files of its archive. Raises BundleError if they are anything else."""
    manifest = parse_manifest(files[MANIFEST])
    _check_files(manifest, files)
    try:
        return _assembled(manifest, files, sha256)
    except (ValueError, PictureError) as error:
        raise BundleError(f"the bundle's parts do not fit together: {error}") from error


def expanded_bytes(manifest: Manifest) -> int:
    """How much memory a bundle's arrays take."""
    return sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in _forms(manifest).values())


def digest_of(content: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def map_digest(bundle: Bundle) -> str:
    """SHA-256 of everything that makes a bundle's maps: two models with the same one make the same maps."""
    manifest = bundle.manifest
    found = hashlib.sha256(f"{manifest.map.model_dump_json()}{manifest.frame.model_dump_json()}".encode())
    for part in (bundle.references, bundle.cells):
        for name in _names(type(part)):
            found.update(np.ascontiguousarray(getattr(part, name)).tobytes())
    return found.hexdigest()


def _names(kind: type[References | CellFunction]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _check_files(manifest: Manifest, files: dict[str, bytes]) -> None:
    """Raise BundleError unless exactly the files are there that a bundle has, as the manifest describes them."""
    for entry in manifest.files:
        if digest_of(files.get(entry.name, b"")) != entry.sha256 or entry.name not in files:
            raise BundleError(f"{entry.name} is damaged or missing: push the bundle again")
    names = [NETWORK, ARRAYS, *(entry.picture for entry in manifest.golden)]
    listed = [(entry.name, entry.size) for entry in manifest.files]
    if list(files) != [MANIFEST, MANIFEST_DIGEST, *names] or listed != [(name, len(files[name])) for name in names]:
        raise BundleError("the bundle does not hold the files that belong to it: push it again")


def _assembled(manifest: Manifest, files: dict[str, bytes], digest: str) -> Bundle:
    expanded = expanded_bytes(manifest)
    if expanded > LARGEST_ARRAYS_BYTES:
        raise ValueError(f"the arrays have {expanded} bytes, more than {LARGEST_ARRAYS_BYTES}")
    arrays = unpack_arrays(files[ARRAYS], _forms(manifest))
    for name in ("scale", "deviation"):
        if not (arrays[name] > 0).all():
            raise ValueError(f"{name} must be above 0")
    return Bundle(
        manifest=manifest,
        network=files[NETWORK],
        references=References(**{name: arrays[name] for name in _names(References)}),
        cells=CellFunction(**{name: arrays[name] for name in _names(CellFunction)}),
        centroids=Centroids(
            good=arrays["good_centroid"], defects=arrays["defect_centroids"], whitening=arrays.get("whitening")
        ),
        golden=_golden(manifest, files, arrays),
        sha256=digest,
    )


def _forms(manifest: Manifest) -> dict[str, Form]:
    """Shape and dtype of every array, as they follow from the manifest."""
    settings, grid = manifest.map, manifest.map.grid
    variables = variable_count(settings)
    size, colour = (grid.height_px, grid.width_px), (3,) if manifest.frame.is_colour else ()
    half, colours = grid.reduced(COLOUR_STEP_PX), len(colours_of(settings.channels))
    lightness_planes = ((*size, len(settings.channels) - colours), np.float32)
    colour_planes = ((half.height_px, half.width_px, colours), np.float32)
    is_whitened = manifest.metric is Metric.MAHALANOBIS
    return {
        "picture": ((*size, *colour), np.uint8),
        "mean": lightness_planes,
        "upper": lightness_planes,
        "lower": lightness_planes,
        "colour_mean": colour_planes,
        "colour_upper": colour_planes,
        "colour_lower": colour_planes,
        "inspected": (size, np.uint8),
        "centre": ((variables,), np.float32),
        "scale": ((variables,), np.float32),
        "inwards": ((2 * variables, HIDDEN_UNITS), np.float32),
        "unit_space": ((grid.cells, HIDDEN_UNITS), np.float32),
        "across": ((HIDDEN_UNITS, HIDDEN_UNITS), np.float32),
        "across_bias": ((HIDDEN_UNITS,), np.float32),
        "outwards": ((HIDDEN_UNITS,), np.float32),
        "middle": ((1,), np.float32),
        "deviation": ((1,), np.float32),
        "good_centroid": ((EMBEDDING_SIZE,), np.float32),
        "defect_centroids": ((len(manifest.labels), EMBEDDING_SIZE), np.float32),
        "golden_maps": ((len(manifest.golden), grid.rows, grid.columns), np.uint8),
        "golden_embeddings": ((len(manifest.golden), EMBEDDING_SIZE), np.float32),
        **({"whitening": ((EMBEDDING_SIZE, EMBEDDING_SIZE), np.float32)} if is_whitened else {}),
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
