"""`training mnist`: the documents' warm-up, a 2-d embedding of handwritten digits (SMNRT18)."""

import argparse
import time
from pathlib import Path

from training.tool import whole


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training mnist`."""
    parser = subparsers.add_parser("mnist", help="the documents' warm-up: a 2-d embedding of handwritten digits")
    parser.add_argument("data", type=Path, metavar="DIR", help="folder with the four idx files, .gz or not")
    parser.add_argument("--epochs", type=whole, default=10, metavar="N", help="(10, as in the documents)")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--plain", action="store_true", help="exactly as in the documents (see training/README.md)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure")
    parser.add_argument("--html", type=Path, metavar="OUT", help="a page with the scatter, in English and Japanese")
    parser.add_argument("--language", choices=["en", "ja"], default="en", help="which of the two the page shows first")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Train, judge the test digits and print."""
    from training.documents.idx import read_digits
    from training.tool import check_writable, write_json, write_text

    for path in (arguments.json, arguments.html):
        if path is not None:
            check_writable(path)
    taught, tested = (read_digits(arguments.data, part) for part in ("train", "test"))
    print(f"{arguments.data}: {len(taught.labels)} digits to train on, {len(tested.labels)} to test on")

    from training.documents.mnist import learn_digits  # after the files were read: torch takes seconds to load
    from training.documents.mnist_page import digits_page

    began = time.monotonic()
    found = learn_digits(taught, tested, epochs=arguments.epochs, seed=arguments.seed, is_plain=arguments.plain)
    for epoch, (loss, accuracy) in enumerate(zip(found.losses, found.accuracies, strict=True), start=1):
        print(f"epoch {epoch:2}  loss {loss:.4f}  accuracy on the test digits {accuracy:.4f}")
    print(f"right: {found.right}; {time.monotonic() - began:.0f} s")
    if arguments.json is not None:
        write_json(arguments.json, found.plain())
    if arguments.html is not None:
        write_text(arguments.html, digits_page(found, language=arguments.language))
    return 0
