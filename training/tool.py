"""What the measuring programs (`python -m training.benchmark` and its neighbours) have in common."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path

from edge.errors import EdgeError
from training.calibrate import Rate


def run_tool(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace], None],
    arguments: Sequence[str] | None,
) -> int:
    """Parse and run. Returns 0 when done, 1 when it failed, with one sentence; argparse exits with 2 for wrong use."""
    options = parser.parse_args(arguments)
    try:
        if options.json is not None:
            check_writable(options.json)
        run(options)
    except EdgeError as error:
        print(f"{parser.prog.removeprefix('python -m ')}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print(f"{parser.prog.removeprefix('python -m ')}: stopped", file=sys.stderr)
        return 1
    return 0


def note(words: str) -> None:
    """A line for whoever waits; the results go to the standard output."""
    print(words, file=sys.stderr, flush=True)


def check_writable(path: Path) -> None:
    """Raise EdgeError now rather than after hours, if a file cannot be written here."""
    if path.is_dir() or not path.absolute().parent.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise EdgeError(f"{path} could not be written: name a file in a folder that is there and may be written to")


def write_json(path: Path, value: object) -> None:
    """Write the file whole or not at all. Raises EdgeError."""
    write_text(path, json.dumps(plain(value), indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write the file whole or not at all. Raises EdgeError."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise EdgeError(f"{path} could not be written: {error.strerror}") from error


def plain(value: object) -> object:
    """Values as JSON has them: rates with their intervals, what is not finite as null."""
    if isinstance(value, Rate):
        share = value.share if value.trials else None
        return {"events": value.events, "trials": value.trials, "share": share, "interval_95": list(value.interval)}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | str | None) else str(value)


def whole(text: str) -> int:
    """An option's whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return value


def share(text: str) -> float:
    """An option's share, between 0 and 1 and neither."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share between 0 and 1")
    return value
