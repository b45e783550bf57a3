"""A model as it is sent and installed: of one kind of good parts, or of several that are joined in one bundle.

A joined bundle is an archive in the same form (`archive.py`): its manifest, the digest, and in their order the kinds,
each as the whole bundle of one kind. One digest, one signature and one serial hold all of them, so that they are tried,
switched and returned together. A kind's own manifest says the joint product with the kind's name, and the joint serial:
whatever names a model on a station, its records above all, names the kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator

from edge.bundle import (
    LARGEST_ARRAYS_BYTES,
    MANIFEST_DIGEST,
    Bundle,
    bundle_of,
    decode,
    digest_of,
    expanded_bytes,
    opened,
)
from edge.errors import BundleError
from edge.kind_names import Product, kind_name, kind_product
from edge.manifest import (
    JOINED_VERSION,
    LARGEST_BUNDLE_BYTES,
    MANIFEST,
    MOST_GOLDEN_PIXELS,
    Digest,
    FileEntry,
    FrameFormat,
    Manifest,
    Serial,
    format_of,
    parse_manifest,
    what_is_wrong,
)
from edge.settings import Strict

MOST_KINDS = 8
Found = TypeVar("Found")


class KindEntry(Strict):
    """One kind, and the bundle that the archive holds for it."""

    name: Annotated[str, AfterValidator(kind_name)]
    size: int = Field(ge=1, le=LARGEST_BUNDLE_BYTES)
    sha256: Digest


class JoinedManifest(Strict):
    """What a joined bundle says of itself. kinds: in the order of their program numbers, from 1 on."""

    format_version: Literal[7] = 7
    product: Product
    serial: Serial
    kinds: tuple[KindEntry, ...] = Field(min_length=2, max_length=MOST_KINDS)

    @model_validator(mode="after")
    def _no_kind_twice(self) -> Self:
        for what in ("name", "sha256"):
            if len({getattr(kind, what) for kind in self.kinds}) < len(self.kinds):
                raise ValueError("a kind is there twice")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A whole model, checked. kinds: one, or several in the order of their numbers; names: of several, () for one.

    sha256: digest of the archive's bytes, which names the model; each of several kinds has one of its own as well.
    """

    product: str
    serial: int
    sha256: str
    kinds: tuple[Bundle, ...]
    names: tuple[str, ...] = ()

    @property
    def frame(self) -> FrameFormat:
        """The only frames that it judges; all kinds see the same."""
        return self.kinds[0].manifest.frame


def decode_model(raw: bytes, *, signed_manifest: bytes | None = None) -> Model:
    """The model in an archive's bytes, of one kind or several. Raises BundleError for anything else.

    signed_manifest: the manifest must be these bytes.
    """
    files, sha256 = opened(raw, signed_manifest=signed_manifest), digest_of(raw)
    if format_of(files[MANIFEST]) == JOINED_VERSION:
        return _joined(files, sha256)
    bundle = bundle_of(files, sha256=sha256)
    return Model(product=bundle.manifest.product, serial=bundle.manifest.serial, sha256=sha256, kinds=(bundle,))


def archives_of(raw: bytes) -> dict[str, bytes]:
    """Each kind's own archive by its name; nothing for a model of one kind. Raises BundleError if it is damaged."""
    files = opened(raw)
    if format_of(files[MANIFEST]) != JOINED_VERSION:
        return {}
    return _archives(_parsed(files[MANIFEST]), files)


def place_of(number: int) -> str:
    """The archive's name for a kind's bundle. number: from 1 on."""
    return f"kinds/{number}.bundle"


def _joined(files: dict[str, bytes], sha256: str) -> Model:
    manifest = _parsed(files[MANIFEST])
    archives = _archives(manifest, files)
    manifests = {name: _of_kind(name, raw, _manifest) for name, raw in archives.items()}
    _check_together(manifest, manifests)  # before anything is expanded
    kinds = tuple(_of_kind(name, raw, decode) for name, raw in archives.items())
    return Model(product=manifest.product, serial=manifest.serial, sha256=sha256, kinds=kinds, names=tuple(archives))


def _parsed(text: bytes) -> JoinedManifest:
    try:
        return JoinedManifest.model_validate_json(text)
    except ValidationError as error:
        raise what_is_wrong(error) from error


def _archives(manifest: JoinedManifest, files: dict[str, bytes]) -> dict[str, bytes]:
    """Each kind's archive by its name, in their order. Raises BundleError unless exactly these are there, and whole."""
    places = {place_of(number): kind for number, kind in enumerate(manifest.kinds, start=1)}
    for place, kind in places.items():
        content = files.get(place, b"")
        if digest_of(content) != kind.sha256 or len(content) != kind.size:
            raise BundleError(f"kind '{kind.name}' is damaged or missing: push the bundle again")
    if list(files) != [MANIFEST, MANIFEST_DIGEST, *places]:
        raise BundleError("the bundle does not hold the kinds that belong to it: push it again")
    return {kind.name: files[place] for place, kind in places.items()}


def _manifest(raw: bytes) -> Manifest:
    return parse_manifest(opened(raw)[MANIFEST])


def _of_kind(name: str, raw: bytes, read: Callable[[bytes], Found]) -> Found:
    try:
        return read(raw)
    except BundleError as error:
        raise BundleError(f"kind '{name}': {error}") from error


def _check_together(joined: JoinedManifest, kinds: dict[str, Manifest]) -> None:
    """Raises BundleError unless the kinds are of this bundle, see the same frames, and are small enough together."""
    seen: dict[tuple[FileEntry, ...], str] = {}
    first = next(iter(kinds))
    for name, kind in kinds.items():
        if (kind.product, kind.serial) != (kind_product(joined.product, name), joined.serial):
            raise BundleError(
                f"kind '{name}' says that it is {kind.product}, serial {kind.serial}, and the bundle is "
                f"{joined.product}, serial {joined.serial}: join the kinds anew (`training join`)"
            )
        if kind.frame != kinds[first].frame:
            raise BundleError(
                f"'{first}' judges frames of {kinds[first].frame}, '{name}' of {kind.frame}: the kinds of one bundle "
                "see the same frames, so teach them from pictures of one camera"
            )
        if (same := seen.setdefault(kind.files, name)) != name:
            raise BundleError(f"the kinds '{same}' and '{name}' are the same model: name each kind's own")
    if sum(map(expanded_bytes, kinds.values())) > LARGEST_ARRAYS_BYTES:
        raise BundleError(f"the arrays of all kinds together have more than {LARGEST_ARRAYS_BYTES} bytes: join fewer")
    if sum(len(kind.golden) * kind.frame.width * kind.frame.height for kind in kinds.values()) > MOST_GOLDEN_PIXELS:
        most = MOST_GOLDEN_PIXELS // 10**6
        raise BundleError(f"the golden pictures of all kinds together have more than {most} million pixels: join fewer")
