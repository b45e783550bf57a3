"""Several bundles become one, and models get other names: new archives around what was trained."""

from collections.abc import Sequence

from edge.archive import unpack
from edge.bundle import MANIFEST_DIGEST, digest_of, packed
from edge.errors import BundleError
from edge.joined import MOST_KINDS, JoinedManifest, KindEntry, archives_of, place_of
from edge.kind_names import LONGEST_PRODUCT, kind_name, kind_product
from edge.manifest import LARGEST_SERIAL, MANIFEST, parse_manifest
from training.errors import ExportError


def joined(kinds: Sequence[tuple[str, bytes]], *, product: str, serial: int) -> bytes:
    """One archive of several kinds. kinds: name and the archive of one kind, in the order of their program numbers.

    Raises BundleError or ExportError for what cannot be joined; whether the kinds fit together, decoding says.
    """
    _check_serial(serial)
    if not 2 <= len(kinds) <= MOST_KINDS:
        raise ExportError(f"{len(kinds)} kinds cannot be joined: from 2 to {MOST_KINDS}")
    names = [name for name, _ in kinds]
    for name in names:
        try:
            kind_name(name)
        except ValueError as error:
            raise ExportError(str(error)) from error
        if not product or len(kind_product(product, name)) > LONGEST_PRODUCT:
            raise ExportError(f"'{kind_product(product, name)}' is no product: 1 to {LONGEST_PRODUCT} letters together")
        if names.count(name) > 1:
            raise ExportError(f"the kind '{name}' is there twice")
    named = [(name, renamed(raw, product=kind_product(product, name), serial=serial)) for name, raw in kinds]
    entries = tuple(KindEntry(name=name, size=len(raw), sha256=digest_of(raw)) for name, raw in named)
    places = {place_of(number): raw for number, (_, raw) in enumerate(named, start=1)}
    return packed(JoinedManifest(product=product, serial=serial, kinds=entries), places)


def with_serial(archive: bytes, serial: int) -> bytes:
    """The same model, of one kind or several, under another serial. Raises BundleError for one that cannot be."""
    _check_serial(serial)
    if kinds := archives_of(archive):
        product = JoinedManifest.model_validate_json(unpack(archive)[MANIFEST]).product
        return joined(tuple(kinds.items()), product=product, serial=serial)
    return renamed(archive, serial=serial)


def renamed(archive: bytes, **changes: object) -> bytes:
    """The same model of one kind under another product or serial."""
    files = unpack(archive)
    manifest = parse_manifest(files.pop(MANIFEST)).model_copy(update=changes)
    files.pop(MANIFEST_DIGEST, None)
    return packed(manifest, files)


def _check_serial(serial: int) -> None:
    if not 0 <= serial <= LARGEST_SERIAL:
        raise BundleError(f"serial {serial} cannot be; it is a whole number from 0 on")
