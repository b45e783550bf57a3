"""Keys that sign models: made, kept by people, read again."""

import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from edge.seal import fingerprint
from training.errors import ExportError

PRIVATE, PUBLIC = ".key", ".pub"


def make_keys(path: Path, *, password: str) -> str:
    """Write PATH.key for whoever signs and PATH.pub for the stations; the public key's fingerprint.

    password: "" leaves the private key open to whoever can read the file. Raises ExportError if one is there already.
    """
    private = Ed25519PrivateKey.generate()
    locked: KeySerializationEncryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    written: list[Path] = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix, content, mode in ((PRIVATE, secret, 0o600), (PUBLIC, public, 0o644)):
            place = path.with_name(path.name + suffix)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            written.append(place)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except OSError as error:
        for place in written:
            with suppress(OSError):
                place.unlink()
        raise ExportError(f"{path}: no keys were made: {os.strerror(error.errno or 0)}") from error
    return fingerprint(private.public_key().public_bytes_raw())


def read_private_key(path: Path, *, password: str) -> Ed25519PrivateKey:
    """A private key that `make_keys` wrote. Raises ExportError if it cannot be read, or opened with the password."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    try:
        key = load_pem_private_key(raw, password.encode() or None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise ExportError(f"{path}: this is no key of `training keygen`, or the password is wrong") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ExportError(f"{path}: this is a key of another kind; make one with `training keygen`")
    return key


def is_locked(path: Path) -> bool:
    """True if a private key asks for a password; False too where it cannot be read, which reading it will say."""
    with suppress(OSError):
        return b"ENCRYPTED" in path.read_bytes()
    return False
