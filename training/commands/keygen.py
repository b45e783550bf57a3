"""`training keygen`: a pair of keys, one to sign models with, one for the stations."""

import argparse
import getpass
from pathlib import Path

from training.errors import ExportError
from training.keys import PRIVATE, PUBLIC, make_keys


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training keygen`."""
    parser = subparsers.add_parser("keygen", help="make a pair of keys to sign models with")
    parser.add_argument("name", type=Path, metavar="NAME", help="writes NAME.key and NAME.pub; stations show the name")
    parser.add_argument("--no-password", action="store_true", help="whoever can read NAME.key can then sign models")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the keys and say what to do with them."""
    name: Path = arguments.name
    password = "" if arguments.no_password else _asked_twice()
    shown = make_keys(name, password=password)
    print(f"{name}{PRIVATE} signs models: keep it, and never on a station")
    print(f"{name}{PUBLIC}, fingerprint {shown}, is for each station:")
    print(f"    sudo install -D -m 644 -t /etc/kensa/keys {name.name}{PUBLIC}")
    return 0


def _asked_twice() -> str:
    password = getpass.getpass("password for the key: ")
    if not password:
        raise ExportError("a key without a password signs for whoever finds it: if that is meant, say --no-password")
    if getpass.getpass("again: ") != password:
        raise ExportError("the passwords differ; no keys were made")
    return password
