"""`training compare`: runs in a table, and each against the first on the same test parts."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training compare`."""
    parser = subparsers.add_parser("compare", help="runs side by side, and whether their difference is real")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="two or more folders of `training fit`")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every figure")
    parser.set_defaults(func=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare and print."""
    if len(arguments.runs) < 2:
        arguments.parser.error("name two runs or more")

    from training.study.paired import compare
    from training.study.runs import read_run
    from training.study.tables import comparison_text, runs_table
    from training.tool import check_writable, write_json

    if arguments.json is not None:
        check_writable(arguments.json)
    first, *others = [read_run(path) for path in arguments.runs]
    found = [compare(first, other) for other in others]
    print(runs_table([first, *others]))
    for other, comparison in zip(others, found, strict=True):
        print("\n" + comparison_text(first, other, comparison))
    if arguments.json is not None:
        write_json(arguments.json, {other.name: comparison for other, comparison in zip(others, found, strict=True)})
    return 0
