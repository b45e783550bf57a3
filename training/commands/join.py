"""`training join`: the models of several kinds of good parts become one, that is signed and pushed as a whole."""

import argparse
import os
from pathlib import Path

from edge.drivers import open_embedder
from edge.errors import BundleError
from edge.joined import decode_model
from edge.model_store import arm_kinds, check_told_apart, kinds_of, read_bundle
from edge.seal import without_seal
from edge.trust import read_raw
from edge.whole_files import write_whole
from training.errors import ExportError
from training.joining import joined
from training.run_folder import BUNDLE, bundle_in


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training join`."""
    parser = subparsers.add_parser("join", help="make one model of the models of several kinds of parts")
    parser.add_argument(
        "kinds",
        nargs="+",
        metavar="NAME=RUN_OR_BUNDLE",
        help="a kind's name, and the folder of `training fit` or a bundle; the first is program number 1",
    )
    parser.add_argument("--product", required=True, metavar="P", help="of all of them together")
    parser.add_argument("--serial", type=int, metavar="N", help="without it, the highest one of the kinds")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE_OR_FOLDER", help="must not be there yet")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the joined model, whole or not at all, after every kind has found its golden results again."""
    out: Path = arguments.out / BUNDLE if arguments.out.is_dir() else arguments.out
    if out.exists():
        raise ExportError(f"{out} is already there: choose another name or remove it")
    kinds = [_kind(text) for text in arguments.kinds]
    serial = max(read_bundle(place).manifest.serial for _, place in kinds)
    archive = joined(
        [(name, without_seal(read_raw(place))) for name, place in kinds],
        product=arguments.product,
        serial=serial if arguments.serial is None else arguments.serial,
    )
    model = decode_model(archive)
    check_told_apart(model, kinds_of(model, arm_kinds(model, open_embedder)))
    try:
        write_whole(out, archive)
    except OSError as error:
        raise ExportError(f"{out}: cannot be written: {os.strerror(error.errno or 0)}") from error
    print(f"{out}: {model.product}, serial {model.serial}, {model.sha256[:12]}")
    for number, (name, bundle) in enumerate(zip(model.names, model.kinds, strict=True), start=1):
        print(f"  program {number}: {name}, {bundle.manifest.training.good_parts} good parts, {bundle.sha256[:12]}")
    return 0


def _kind(text: str) -> tuple[str, Path]:
    name, mark, place = text.partition("=")
    if not (name and mark and place):
        raise BundleError(f"'{text}' is no kind: write NAME=RUN_OR_BUNDLE, such as left=runs/left")
    return name, bundle_in(Path(place))
