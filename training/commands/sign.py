"""`training sign`: put a seal on a model, so that stations accept it."""

import argparse
import getpass
import os
from pathlib import Path

from edge.archive import unpack
from edge.joined import decode_model
from edge.manifest import MANIFEST
from edge.model_store import read_model
from edge.seal import fingerprint, seal, without_seal
from edge.trust import read_raw
from edge.whole_files import write_whole
from training.errors import ExportError
from training.joining import with_serial
from training.keys import is_locked, read_private_key
from training.run_folder import bundle_in

SUFFIX = ".signed"


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
    read_model(place)  # says what is wrong with it, and nobody signs what is no model
    archive = without_seal(read_raw(place))
    if arguments.serial is not None:
        archive = with_serial(archive, arguments.serial)
    model = decode_model(archive)
    password = getpass.getpass(f"password of {arguments.key}: ") if is_locked(arguments.key) else ""
    key = read_private_key(arguments.key, password=password)
    out: Path = arguments.out or place.with_name(place.name + SUFFIX)
    try:
        write_whole(out, seal(archive, key, manifest=unpack(archive)[MANIFEST]))
    except OSError as error:
        raise ExportError(f"{out}: cannot be written: {os.strerror(error.errno or 0)}") from error
    shown = fingerprint(key.public_key().public_bytes_raw())
    print(f"{out}: {model.product}, serial {model.serial}, {model.sha256[:12]}, signed with the key {shown}")
    return 0
