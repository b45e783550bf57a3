"""What a bundle says of itself: product, serial, frame, map, limits, labels, training, and the list of its files."""

import json
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from edge.errors import BundleError
from edge.kind_names import Product
from edge.quality import QualityLimits
from edge.scoring import Metric
from edge.settings import MapSettings, Share, Strict
from edge.text_forms import DIGEST, FILE, GOLDEN, IN_WORDS
from edge.verdict import Outcome

FORMAT_VERSION = 6  # refused if newer; older formats are read by the version that wrote them
JOINED_VERSION = 7  # of a bundle of several kinds (`joined.py`)
LARGEST_BUNDLE_BYTES = 128 * 2**20
LARGEST_MANIFEST_BYTES = 2**20
MOST_GOLDEN_PIXELS = 100_000_000  # of all golden pictures together
LARGEST_SERIAL = 2**53 - 1
MANIFEST = "manifest.json"

Digest = Annotated[str, Field(pattern=DIGEST)]
Serial = Annotated[int, Field(ge=0, le=LARGEST_SERIAL)]
Label = Annotated[str, Field(min_length=1, max_length=64)]
LimitRule = Literal["split", "ranked", "with_margin"]


class FileEntry(Strict):
    """One file of the bundle."""

    name: str = Field(pattern=FILE)
    size: int = Field(ge=0, le=LARGEST_BUNDLE_BYTES)
    sha256: Digest


class FrameFormat(Strict):
    """The only frames that this model judges."""

    width: int = Field(ge=32, le=16384)
    height: int = Field(ge=32, le=16384)
    is_colour: bool

    def __str__(self) -> str:
        return f"{self.width}x{self.height} pixels in {'colour' if self.is_colour else 'grey'}"


class LimitRecord(Strict):
    """The limit, and what it promises."""

    distance: float = Field(gt=0, description="in use: larger is NG")
    calibrated: float = Field(gt=0, description="as calibrated; stays when somebody moves the limit")
    overkill_target: Share = Field(description="asked for")
    overkill_guarantee: Share = Field(description="the most, on average; on what condition the rule says")
    calibration_parts: int = Field(ge=1)
    rule: LimitRule = Field(
        default="split",
        description="split: by rank of distances of parts that training never saw, no condition; ranked: by rank of "
        "cross-fitted distances, if the model of all parts is no worse than those of a part of them; with_margin: "
        "likewise, and widened so that disturbed copies of the good parts pass, and more",
    )
    map_mean: float = Field(gt=0, le=255, description="a map with a larger mean is of something else")
    smallest_fit: float = Field(ge=-1, le=1, description="a worse alignment is a FAULT")


class GoldenResult(Strict):
    """What the device must find again for one picture of the bundle."""

    picture: str = Field(pattern=GOLDEN)
    outcome: Outcome
    distance: float = Field(ge=0)


class Training(Strict):
    """Where the model comes from."""

    loss: Literal["classify", "siamese", "triplet", "triplet-unbalanced"]
    network: tuple[int, ...]
    is_good_only: bool
    seed: int
    data_sha256: Digest
    good_parts: int = Field(ge=1)
    defect_parts: int = Field(ge=0)
    versions: dict[str, str]


class Manifest(Strict):
    """Everything about a model but its arrays."""

    format_version: Literal[6] = 6
    product: Product
    serial: Serial
    frame: FrameFormat
    map: MapSettings
    quality: QualityLimits
    metric: Metric = Field(  # models that were made before there was a choice keep their bytes
        default=Metric.EUCLIDEAN,
        exclude_if=lambda metric: metric is Metric.EUCLIDEAN,
        description="how the distance is measured; not written if usual",
    )
    limit: LimitRecord
    labels: tuple[Label, ...] = ()
    golden: tuple[GoldenResult, ...] = Field(min_length=1, max_length=32)
    training: Training
    files: tuple[FileEntry, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.map.is_colour and not self.frame.is_colour:
            raise ValueError("the map needs colour and the frames are grey")
        window = self.map.window
        if window is not None and (window.right > self.frame.width or window.bottom > self.frame.height):
            raise ValueError(f"the map is of {window}, and the frames are {self.frame}")
        pictures = [entry.picture for entry in self.golden]
        if len(set(pictures)) < len(pictures) or len(set(self.labels)) < len(self.labels):
            raise ValueError("a label or golden picture is there twice")
        if len(pictures) * self.frame.width * self.frame.height > MOST_GOLDEN_PIXELS:
            raise ValueError(f"the golden pictures have more than {MOST_GOLDEN_PIXELS // 10**6} million pixels")
        return self


def parse_manifest(text: bytes) -> Manifest:
    """The manifest of one kind in its JSON bytes. Raises BundleError for another format before it looks further."""
    if format_of(text) == JOINED_VERSION:
        raise BundleError("this bundle holds several kinds of parts, and one is wanted here: name the kind's own")
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise what_is_wrong(error) from error


def format_of(text: bytes) -> int:
    """Which format a manifest says that it has. Raises BundleError for one that this version does not read."""
    if len(text) > LARGEST_MANIFEST_BYTES:
        raise BundleError(f"{MANIFEST} has {len(text)} bytes, more than {LARGEST_MANIFEST_BYTES}")
    try:
        said = json.loads(text)["format_version"]
        version = int(said)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise BundleError(f"{MANIFEST} is damaged: push the bundle again") from error
    if isinstance(said, bool):
        raise BundleError(f"{MANIFEST} is damaged: push the bundle again")
    if version < FORMAT_VERSION:
        raise BundleError(
            f"bundle format {version} is older than this version reads ({FORMAT_VERSION}): "
            "fit the model again with this version of kensa"
        )
    if version not in (FORMAT_VERSION, JOINED_VERSION):
        raise BundleError(
            f"bundle format {version} cannot be read, this version reads {FORMAT_VERSION} and {JOINED_VERSION}: "
            "update kensa on this device or export the model with the matching version"
        )
    return version


def what_is_wrong(error: ValidationError) -> BundleError:
    """The first fault of a manifest, as a sentence."""
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"])
    match first["type"]:
        case "string_pattern_mismatch":
            words = f"{IN_WORDS.get(first['ctx']['pattern'], first['msg'])}; not {first['input']!r:.60}"
        case "value_error":
            words = str(first["ctx"]["error"])
        case "extra_forbidden":
            words = "this version does not know it: update kensa on this device"
        case _:
            words = first["msg"]
    return BundleError(f"{MANIFEST}: {where + ': ' if where else ''}{words}")
