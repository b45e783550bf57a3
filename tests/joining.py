"""Models of several kinds for tests, and everything that somebody could send instead of one."""

import json
from collections.abc import Iterator
from typing import Any

from edge.archive import pack, unpack
from edge.bundle import MANIFEST_DIGEST, digest_of
from edge.joined import place_of
from edge.kind_names import kind_product
from edge.manifest import FORMAT_VERSION, JOINED_VERSION, MANIFEST
from tests.sealing import changed
from tests.small_model import Small
from training.joining import joined

JOINT, LEFT, RIGHT = "both connectors", "left", "right"
SERIAL = 7


def joined_of(left: Small, right: Small, *, serial: int = SERIAL, product: str = JOINT) -> bytes:
    """Both kinds in one archive."""
    return joined([(LEFT, left.raw), (RIGHT, right.raw)], product=product, serial=serial)


def named(raw: bytes, kind: str, **manifest: Any) -> bytes:
    """A kind's own archive as the joined one wants it, with other words in its manifest."""
    return changed(raw, **{"product": kind_product(JOINT, kind), "serial": SERIAL, **manifest})


def by_hand(inside: list[tuple[str, bytes]], *, files: dict[str, bytes] | None = None, **manifest: Any) -> bytes:
    """A joined archive whose digests are right, whatever it holds. files: more of them, or others."""
    entries = [{"name": name, "size": len(raw), "sha256": digest_of(raw)} for name, raw in inside]
    said = {"format_version": JOINED_VERSION, "product": JOINT, "serial": SERIAL, "kinds": entries, **manifest}
    text = json.dumps(said).encode()
    places = {place_of(number): raw for number, (_, raw) in enumerate(inside, start=1)}
    return pack({MANIFEST: text, MANIFEST_DIGEST: digest_of(text).encode(), **places, **(files or {})})


def joined_attacks(left: bytes, right: bytes, whole: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Joined archives that must be refused: what is wrong, the bytes, words of the sentence.

    left, right: each kind's own archive, named as it must be. whole: both joined.
    """
    both = [(LEFT, left), (RIGHT, right)]
    files = unpack(whole)
    listed = json.loads(unpack(by_hand(both))[MANIFEST])["kinds"]
    second = place_of(2)
    yield (
        "a kind is missing",
        pack({name: held for name, held in files.items() if name != second}),
        "'right' is damaged",
    )
    yield "a kind is damaged", pack({**files, second: right[:-600] + b"x" * 600}), "'right' is damaged or missing"
    yield "a kind is empty", pack({**files, second: b""}), "'right' is damaged or missing"
    yield "a kind of another model", pack({**files, second: left}), "'right' is damaged or missing"
    yield "the kinds change places", pack({**files, place_of(1): right, second: left}), "'left' is damaged or missing"
    yield "a file more", by_hand(both, files={"more.bundle": right}), "does not hold the kinds that belong to it"
    yield "a kind more than is listed", by_hand(both, files={place_of(3): right}), "does not hold the kinds"
    yield "another order of files", pack(dict(reversed(files.items()))), "does not hold the kinds"
    yield "no digest", pack({name: held for name, held in files.items() if name != MANIFEST_DIGEST}), "does not hold"
    yield "a wrong digest", pack({**files, MANIFEST_DIGEST: b"0" * 64}), "manifest.json is damaged"
    other = [listed[0], {**listed[1], "sha256": "0" * 64}]
    yield "a digest of something else", by_hand(both, kinds=other), "'right' is damaged or missing"
    sizes = [listed[0], {**listed[1], "size": 12}]
    yield "a size of something else", by_hand(both, kinds=sizes), "'right' is damaged or missing"
    yield "one kind alone", by_hand(both[:1]), "at least 2 items"
    yield "no kinds", by_hand([]), "at least 2 items"
    yield "too many", by_hand([(f"k{n}", named(left, f"k{n}")) for n in range(9)]), "at most 8 items"
    yield "a kind twice", by_hand([(LEFT, left), (RIGHT, left)]), "a kind is there twice"
    yield "a name twice", by_hand([(LEFT, left), (LEFT, right)]), "a kind is there twice"
    yield "the same model under two names", by_hand([(LEFT, left), (RIGHT, named(left, RIGHT))]), "are the same model"
    yield "another product inside", by_hand([(LEFT, left), (RIGHT, named(right, "wrong"))]), "join the kinds anew"
    yield (
        "another serial inside",
        by_hand([(LEFT, left), (RIGHT, named(right, RIGHT, serial=8))]),
        "join the kinds anew",
    )
    yield "another serial outside", by_hand(both, serial=8), "join the kinds anew"
    yield "a kind of several kinds", by_hand([(LEFT, left), (RIGHT, whole)]), "'right': this bundle holds several kinds"
    yield "no bundle inside", by_hand([(LEFT, left), (RIGHT, b"x" * 1024)]), "kind 'right': this is no model bundle"
    yield (
        "a future kind",
        by_hand([(LEFT, left), (RIGHT, named(right, RIGHT, format_version=JOINED_VERSION + 1))]),
        f"'right': bundle format {JOINED_VERSION + 1}",
    )
    for name in ("", "a/b", " left", "x" * 33, "\u202eleft", "a\nb"):
        yield f"the name {name!r}", by_hand([(name, named(left, name)), (RIGHT, right)]), "is no name of a kind"
    yield "something unknown", by_hand(both, run="rm"), "this version does not know it"
    yield "a huge serial", by_hand(both, serial=2**53), "serial"
    yield "no product", by_hand(both, product=""), "product"
    yield "a joined one without kinds", changed(left, format_version=JOINED_VERSION), "kinds"
    yield "a joined one that says that it is of one kind", by_hand(both, format_version=FORMAT_VERSION), "manifest.json"
