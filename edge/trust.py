"""Whom a station trusts with its model: public keys in a folder that only root writes, and the files they signed."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from edge.errors import BundleError
from edge.joined import Model, decode_model
from edge.manifest import LARGEST_BUNDLE_BYTES
from edge.seal import SEAL_BYTES, Keys, is_sealed, verify

TRUSTED, REVOKED = ".pub", ".revoked"
LARGEST_KEY_BYTES = 4096
MOST_KEYS = 64
OWNER = 0  # root


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """keys: the folder. accepts_unsigned: for development; what is signed must be signed rightly all the same."""

    keys: Path
    accepts_unsigned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A model and who vouches for it: the name of a key, "" where nobody does and nobody is asked for."""

    model: Model
    signer: str


def read_keys(folder: Path) -> Keys:
    """The keys of a folder: NAME.pub is trusted, NAME.revoked no longer is. No folder: nobody is trusted.

    Raises BundleError if anybody but root could have written there, or a file is no key.
    """
    try:
        _check_owner(folder, is_folder=True)
        paths = sorted(path for path in folder.iterdir() if path.suffix in (TRUSTED, REVOKED))
    except FileNotFoundError:
        return Keys()
    except OSError as error:
        raise BundleError(f"{folder}: cannot be read: {os.strerror(error.errno or 0)}") from error
    if len(paths) > MOST_KEYS:
        raise BundleError(f"{folder}: {len(paths)} keys are more than anybody can know ({MOST_KEYS})")
    found = {path: _read_key(path) for path in paths}
    return Keys(
        trusted={path.stem: key for path, key in found.items() if path.suffix == TRUSTED},
        revoked={path.stem: key for path, key in found.items() if path.suffix == REVOKED},
    )


def read_raw(path: Path) -> bytes:
    """What a file holds, up to one byte more than a model may have. Raises BundleError if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BundleError(f"{path}: this is no file")
            return file.read(SEAL_BYTES + LARGEST_BUNDLE_BYTES + 1)
    except OSError as error:
        why = "it is a link" if path.is_symlink() else os.strerror(error.errno or 0)
        raise BundleError(f"{path}: cannot be read: {why}") from error


def vouched(raw: bytes, trust: Trust) -> Vouched:
    """The model in these bytes, the signature first. Raises BundleError for anything else."""
    if not is_sealed(raw) and trust.accepts_unsigned:
        return Vouched(model=decode_model(raw), signer="")
    signer, manifest = verify(raw, read_keys(trust.keys))
    return Vouched(model=decode_model(raw[SEAL_BYTES:], signed_manifest=manifest), signer=signer)


def read_vouched(path: Path, trust: Trust) -> Vouched:
    """The model in a file, as `vouched`; the sentence names the file."""
    raw = read_raw(path)
    try:
        return vouched(raw, trust)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def _check_owner(path: Path, *, is_folder: bool) -> None:
    """Raises BundleError if anybody but root may write here. Links are not followed."""
    found = path.lstat()
    is_kind = stat.S_ISDIR(found.st_mode) if is_folder else stat.S_ISREG(found.st_mode)
    if not is_kind or found.st_uid != OWNER or found.st_mode & 0o022:
        raise BundleError(
            f"{path}: keys count only if root alone may write here: sudo chown root, sudo chmod go-w, and no links"
        )


def _read_key(path: Path) -> bytes:
    _check_owner(path, is_folder=False)
    try:
        with path.open("rb") as file:
            key = load_pem_public_key(file.read(LARGEST_KEY_BYTES))
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleError(f"{path}: this is no public key of `training keygen`; take it away") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(f"{path}: this is a key of another kind; `training keygen` makes Ed25519 keys")
    return key.public_bytes_raw()
