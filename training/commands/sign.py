"""`training sign`: put a seal on a model, so that stations accept it."""

import argparse
import getpass
import hashlib
import os
from pathlib import Path

from edge.archive import pack, unpack
from edge.bundle import MANIFEST_DIGEST, decode
from edge.errors import BundleError
from edge.manifest import MANIFEST, parse_manifest
from edge.model_store import read_bundle
from edge.seal import fingerprint, seal, without_seal
from edge.trust import read_raw
from edge.whole_files import write_whole
from training.errors import ExportError
from training.keys import is_locked, read_private_key
from training.run_folder import bundle_in

SUFFIX = ".signed"
LARGEST_SERIAL = 2**53


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training sign`."""
    parser = subparsers.add_parser("sign", help="sign a model for the stations")
    parser.add_argument("model", type=Path, metavar="RUN_OR_BUNDLE", help="folder of `training fit`, or a bundle")
    parser.add_argument("--key", type=Path, required=True, metavar="NAME.key", help="of `training keygen`")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"without it, the bundle's name with {SUFFIX}")
    parser.add_argument("--serial", type=int, metavar="N", help="give the model another serial; it must grow")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the signed model, whole or not at all."""
    place = bundle_in(arguments.model)
    read_bundle(place)  # says what is wrong with it, and nobody signs what is no model
    archive = without_seal(read_raw(place))
    if arguments.serial is not None:
        archive = with_serial(archive, arguments.serial)
    bundle = decode(archive)
    password = getpass.getpass(f"password of {arguments.key}: ") if is_locked(arguments.key) else ""
    key = read_private_key(arguments.key, password=password)
    out: Path = arguments.out or place.with_name(place.name + SUFFIX)
    try:
        write_whole(out, seal(archive, key, manifest=unpack(archive)[MANIFEST]))
    except OSError as error:
        raise ExportError(f"{out}: cannot be written: {os.strerror(error.errno or 0)}") from error
    shown, manifest = fingerprint(key.public_key().public_bytes_raw()), bundle.manifest
    print(f"{out}: {manifest.product}, serial {manifest.serial}, {bundle.sha256[:12]}, signed with the key {shown}")
    return 0


def with_serial(archive: bytes, serial: int) -> bytes:
    """The same model under another serial. Raises BundleError for one that cannot be."""
    if not 0 <= serial < LARGEST_SERIAL:
        raise BundleError(f"serial {serial} cannot be; it is a whole number from 0 on")
    files = unpack(archive)
    manifest = parse_manifest(files[MANIFEST]).model_copy(update={"serial": serial})
    text = (manifest.model_dump_json(indent=1) + "\n").encode()
    digest = hashlib.sha256(text).hexdigest().encode()
    return pack({**files, MANIFEST: text, MANIFEST_DIGEST: digest})
