"""The seal of a model: who signed it, over the exact bytes of its manifest. Bytes in, values out; nothing is parsed.

A signed model is 128 bytes of seal before the archive (`archive.py`): a mark, the digest of the public key, an Ed25519
signature, and how long the manifest is. In an archive the manifest begins at a place that is always the same, so the
signature is checked before any of the archive is looked at; the manifest then vouches for everything else by digests.
The archive is the same with and without a seal, and so is the digest that names the model.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge.archive import BLOCK
from edge.errors import BundleError
from edge.manifest import LARGEST_MANIFEST_BYTES

MARK = b"\x89kensa model 1\r\n"  # not text: a transfer that changes the ends of lines damages it, and is noticed
DOMAIN = b"kensa-model-v1\0"
"""Signed before the manifest, so that nothing else that was ever signed with the key passes for a model."""
ID_BYTES, SIGNATURE_BYTES, LENGTH_BYTES = 32, 64, 16
SEAL_BYTES = len(MARK) + ID_BYTES + SIGNATURE_BYTES + LENGTH_BYTES
SHOWN_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Whom a station trusts. trusted: raw public keys (32 bytes) by name. revoked: those that it trusted once."""

    trusted: Mapping[str, bytes] = field(default_factory=dict)
    revoked: Mapping[str, bytes] = field(default_factory=dict)


def key_id(public: bytes) -> bytes:
    """SHA-256 of a raw public key."""
    return hashlib.sha256(public).digest()


def fingerprint(public: bytes) -> str:
    """The beginning of a key's id, for people to compare."""
    return key_id(public).hex()[:SHOWN_DIGITS]


def is_sealed(raw: bytes) -> bool:
    """True if somebody put a seal on this, whatever it is worth."""
    return raw.startswith(MARK)


def seal(archive: bytes, private: Ed25519PrivateKey, *, manifest: bytes) -> bytes:
    """An archive with a seal before it. manifest: as it lies in the archive."""
    signature = private.sign(DOMAIN + manifest)
    public = private.public_key().public_bytes_raw()
    return MARK + key_id(public) + signature + len(manifest).to_bytes(LENGTH_BYTES, "big") + archive


def without_seal(raw: bytes) -> bytes:
    """The archive alone, of whoever does not ask who made it."""
    return raw[SEAL_BYTES:] if is_sealed(raw) else raw


def verify(raw: bytes, keys: Keys) -> tuple[str, bytes]:
    """The name of the key that signed, and the manifest's bytes. Raises BundleError for anybody whom nobody trusts."""
    if not is_sealed(raw):
        raise BundleError("the model is not signed: sign it with `training sign` where the key is kept")
    found, signature, length = _parts(raw)
    name, public = _signer(found, keys)
    begin = SEAL_BYTES + BLOCK
    manifest = raw[begin : begin + length]
    if not 0 < length <= LARGEST_MANIFEST_BYTES or len(manifest) < length:
        raise BundleError("the model is cut off or its seal is damaged: push it again")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, DOMAIN + manifest)
    except InvalidSignature as error:
        raise BundleError(
            f"the signature of '{name}' does not fit: the model was changed after it was signed, or damaged on its way"
        ) from error
    return name, manifest


def _parts(raw: bytes) -> tuple[bytes, bytes, int]:
    at_id, at_signature = len(MARK), len(MARK) + ID_BYTES
    at_length = at_signature + SIGNATURE_BYTES
    length = int.from_bytes(raw[at_length:SEAL_BYTES], "big")
    return raw[at_id:at_signature], raw[at_signature:at_length], length


def _signer(found: bytes, keys: Keys) -> tuple[str, bytes]:
    shown = found.hex()[:SHOWN_DIGITS]
    for name, public in keys.revoked.items():
        if key_id(public) == found:
            raise BundleError(f"the model is signed with the key '{name}' ({shown}), which was revoked")
    for name, public in keys.trusted.items():
        if key_id(public) == found:
            return name, public
    trusted = ", ".join(sorted(keys.trusted)) or "nobody"
    raise BundleError(f"the model is signed with a key ({shown}) that this station does not trust; it trusts {trusted}")
