"""Keys and signed models for tests, and everything that somebody could send instead of one."""

import hashlib
import io
import json
import os
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from onnx import TensorProto, helper
from onnx.external_data_helper import set_external_data

from edge.archive import BLOCK, pack, unpack
from edge.bundle import ARRAYS, MANIFEST_DIGEST, NETWORK
from edge.manifest import JOINED_VERSION, MANIFEST
from edge.seal import MARK, SEAL_BYTES, seal
from edge.trust import Trust

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="keys count only if root wrote them, and this is not root")
STEP = 4096  # where truncated bundles end


def key_of(name: str) -> Ed25519PrivateKey:
    """The same name gives the same key."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def sealed(archive: bytes, signer: str = "anna") -> bytes:
    """A model with somebody's seal; the manifest is what lies where a manifest begins."""
    size = int(archive[124:135].strip(b"\0 ") or b"0", 8) if len(archive) > BLOCK else 0
    return seal(archive, key_of(signer), manifest=archive[BLOCK : BLOCK + size])


def trust_in(folder: Path, *trusted: str, revoked: tuple[str, ...] = (), **options: bool) -> Trust:
    """A folder of keys, and the trust in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for names, suffix in ((trusted or ("anna", "ben"), ".pub"), (revoked, ".revoked")):
        for name in names:
            public = key_of(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            (folder / f"{name}{suffix}").write_bytes(public)
    return Trust(keys=folder, **options)


def changed(archive: bytes, content: dict[str, bytes] | None = None, **manifest: Any) -> bytes:
    """The archive with other members and other words in its manifest, all digests right: from one who has a key."""
    files = {**unpack(archive), **(content or {})}
    rest = {name: kept for name, kept in files.items() if name not in (MANIFEST, MANIFEST_DIGEST)}
    listed = [
        {"name": name, "size": len(kept), "sha256": hashlib.sha256(kept).hexdigest()} for name, kept in rest.items()
    ]
    text = json.dumps({**json.loads(files[MANIFEST]), "files": listed, **manifest}).encode()
    return pack({MANIFEST: text, MANIFEST_DIGEST: hashlib.sha256(text).hexdigest().encode(), **rest})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What is sent, and words of the sentence that must refuse it."""

    name: str
    raw: bytes = field(repr=False)
    words: str


def attacks(archive: bytes) -> Iterator[Attack]:
    """Everything that is refused by looking at it. archive: a whole model, unsigned."""
    whole = sealed(archive)
    other = changed(archive, product="other")
    yield Attack(name="unsigned", raw=archive, words="is not signed")
    yield Attack(name="wrong key", raw=sealed(archive, "mallory"), words="does not trust; it trusts anna, ben")
    yield Attack(name="revoked key", raw=sealed(archive, "carl"), words="'carl'")
    yield Attack(name="empty", raw=b"", words="is not signed")
    yield Attack(name="only a mark", raw=MARK, words="does not trust")
    yield Attack(name="only a seal", raw=whole[:SEAL_BYTES], words="cut off")
    yield Attack(name="another's seal", raw=sealed(other)[:SEAL_BYTES] + archive, words="does not fit")
    yield Attack(name="manifest swapped", raw=whole[:SEAL_BYTES] + _with_manifest_of(other, archive), words="fit")
    yield from _flipped(whole)
    for end in range(0, len(whole) - 1, STEP):
        yield Attack(name=f"cut off at {end}", raw=whole[:end], words="")
    yield Attack(name="more at the end", raw=whole + bytes(BLOCK), words="not in the form")
    yield from _from_inside(archive)


def _flipped(whole: bytes) -> Iterator[Attack]:
    """One bit in each part of the seal, and in each member's header, beginning, middle and end."""
    for name, place in (("mark", 1), ("key", 20), ("signature", 60), ("length", SEAL_BYTES - 3)):
        yield Attack(name=f"bit of the seal's {name}", raw=_with_flipped(whole, place), words="")
    at = SEAL_BYTES
    for name, content in unpack(whole[SEAL_BYTES:]).items():
        for inside in {0, BLOCK, BLOCK + len(content) // 2, BLOCK + len(content) - 1}:
            yield Attack(name=f"bit of {name} at {inside}", raw=_with_flipped(whole, at + inside), words="")
        at += BLOCK + -(-len(content) // BLOCK) * BLOCK


def _with_flipped(raw: bytes, place: int) -> bytes:
    found = bytearray(raw)
    found[place] ^= 1 << place % 8
    return bytes(found)


def _with_manifest_of(other: bytes, archive: bytes) -> bytes:
    files, theirs = unpack(archive), unpack(other)
    return pack({**files, MANIFEST: theirs[MANIFEST], MANIFEST_DIGEST: theirs[MANIFEST_DIGEST]})


def _from_inside(archive: bytes) -> Iterator[Attack]:
    """From somebody whose key is trusted: the signature is right and what it vouches for is not."""
    files = unpack(archive)
    golden = json.loads(files[MANIFEST])["golden"]
    inside: list[tuple[str, bytes, str]] = [
        ("a name with a path", changed(archive, {"a/../../../etc/kensa/x": b"x"}), "does not hold the files"),
        ("an absolute name", changed(archive, {"/etc/kensa/keys/x.pub": b"x"}), "is a file's name of small letters"),
        (
            "a golden picture elsewhere",
            changed(archive, golden=[{**golden[0], "picture": "golden/../x.png"}]),
            "is the name of a golden picture, such as golden/0.png; not 'golden/../x.png'",
        ),
        ("one file more", changed(archive, {"more.txt": b"x"}), "does not hold the files"),
        ("a symbolic link", _tar(files, kind=tarfile.SYMTYPE), "no model bundle"),
        ("a hard link", _tar(files, kind=tarfile.LNKTYPE), "no model bundle"),
        ("a device", _tar(files, kind=tarfile.CHRTYPE), "no model bundle"),
        ("a huge member", _tar(files, size=8**11 - 1), "cut off"),
        ("too many members", _with_members(files, 100), "too many"),
        ("a zip bomb", changed(archive, {ARRAYS: _zip_bomb()}), "do not fit together"),
        ("a huge manifest", changed(archive, product="x" * 2**20), ""),
        ("an unknown key in the manifest", changed(archive, run="rm"), "this version does not know it"),
        ("a format of tomorrow", changed(archive, format_version=JOINED_VERSION + 1), "cannot be read, this version"),
        ("a pickle", changed(archive, {ARRAYS: b"\x80\x04N."}), "do not fit together"),
    ]
    for name, raw, words in inside:
        yield Attack(name=name, raw=sealed(raw), words=words)


def _tar(files: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE, size: int | None = None) -> bytes:
    """An archive whose network is something else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            is_chosen = name == NETWORK
            entry.type, entry.size = (kind, 0) if is_chosen and size is None else (tarfile.REGTYPE, len(content))
            entry.linkname = "/etc/passwd" if entry.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            if is_chosen and size is not None:
                entry.size = size
            buffer.write(entry.tobuf(tarfile.USTAR_FORMAT))
            if entry.isreg():
                buffer.write(content + bytes(-len(content) % BLOCK))
        tar.offset = buffer.tell()
    return buffer.getvalue()


def _with_members(files: dict[str, bytes], number: int) -> bytes:
    return pack({**files, **{f"x{index}": b"" for index in range(number)}})


def _zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as stored:
        stored.writestr("picture.npy", bytes(200 * 2**20))
    return buffer.getvalue()


def network_attacks(network: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Networks that must not be run: name, bytes, words of the sentence."""

    def with_change(change: Callable[[onnx.ModelProto], None]) -> bytes:
        model = onnx.load_from_string(network)
        change(model)
        return bytes(model.SerializeToString())

    def elsewhere(model: onnx.ModelProto) -> None:
        weight = max(model.graph.initializer, key=lambda found: len(found.raw_data))
        set_external_data(weight, location="../../../etc/passwd")
        weight.ClearField("raw_data")

    def own_operator(model: onnx.ModelProto) -> None:
        model.graph.node[0].domain = "evil.ops"
        model.opset_import.append(helper.make_opsetid("evil.ops", 1))

    def own_set(model: onnx.ModelProto) -> None:
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))

    def inner_graph(model: onnx.ModelProto) -> None:
        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
        body = helper.make_graph([], "body", [], [value])
        model.graph.node[0].attribute.append(helper.make_attribute("body", body))

    def function(model: onnx.ModelProto) -> None:
        node = helper.make_node("Relu", ["x"], ["y"])
        model.functions.append(helper.make_function("f", "F", ["x"], ["y"], [node], [helper.make_opsetid("", 17)]))

    yield "weights elsewhere", with_change(elsewhere), "its weights lie in another file"
    yield "an operator of its own", with_change(own_operator), "of 'evil.ops'"
    yield "operators of another set", with_change(own_set), "of 'com.microsoft'"
    yield "a graph in a graph", with_change(inner_graph), "holds a graph"
    yield "functions", with_change(function), "functions of its own"


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """Something like `raw` and never the same: one to four random changes of the kinds that files suffer."""
    found = bytearray(raw)
    while bytes(found) == raw:
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            _mutate(found, rng)
    return bytes(found)


def _mutate(found: bytearray, rng: random.Random) -> None:
    size = len(found)
    place = rng.choice((rng.randrange(size + 1), rng.randrange(min(size, SEAL_BYTES + 2 * BLOCK) + 1)))
    span = rng.choice((1, 2, 8, 64, BLOCK, 4 * BLOCK))
    match rng.randrange(7):
        case 0 if place < size:
            found[place] ^= 1 << rng.randrange(8)
        case 1:
            found[place : place + span] = rng.randbytes(span)
        case 2:
            del found[place : place + span]
        case 3:
            found[place:place] = rng.randbytes(span)
        case 4:
            found[place:place] = found[place : place + span]
        case 5:
            at = rng.randrange(size + 1)
            found[place : place + span] = found[at : at + span]
        case _:
            del found[rng.randrange(size + 1) :]
    if not found:
        found[:] = b"\0"
