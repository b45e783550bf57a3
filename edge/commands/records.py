"""`edge records`: export what was recorded, judge it again with another model, check the audit log."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

from edge.commands.loading import bundle_path, load_rejudge
from edge.config import StationConfig, load_config
from edge.database import reading
from edge.errors import EdgeError, RecordError
from edge.export import csv_table, export_pictures, parquet_table, rows_between
from edge.history import numbers_between
from edge.page_store import FILE_NAME as PAGE_FILE
from edge.page_store import PageStore
from edge.record import ModelName
from edge.rejudge import Judged, Rejudge, Summary, Used

SHOWN = 20
TICK_S = 5.0
LAST_PARTS = """
    SELECT min(sequence) FROM (SELECT sequence FROM parts WHERE sequence <= ? ORDER BY sequence DESC LIMIT ?)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge records` takes."""
    parser.add_argument("--config", type=Path, required=True, metavar="STATION.YAML")
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    export = kinds.add_parser("export", help="one row a part as CSV or Parquet, pictures on request")
    _add_range(export)
    export.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    export.add_argument("--format", choices=("csv", "parquet"), default="csv", help="parquet needs pyarrow")
    export.add_argument("--outcome", choices=("OK", "NG", "FAULT"), help="only these")
    export.add_argument("--pictures", action="store_true", help="the stored pictures as well")
    again = kinds.add_parser("rejudge", help="what another model would say of every part")
    _add_range(again)
    again.add_argument("--bundle", required=True, help='path of a model bundle, or "demo" for the one that ships')
    again.add_argument("--json", metavar="OUT", help='summary and every change as JSON; "-" for the standard output')
    collect = kinds.add_parser("collect", help="the station's end of `training collect`: a tar to the standard output")
    _add_range(collect)
    collect.add_argument(
        "--program", type=int, default=0, metavar="N", help="of which kind of parts, where several are"
    )
    collect.add_argument("--kind", default="", metavar="NAME", help="of which kind, of a model of several")
    kinds.add_parser("check-audit", help="whether the log of changes made on the page is whole")


def run(options: argparse.Namespace) -> int:
    """Do it; 1 if it failed."""
    config = load_config(options.config)
    folder = Path(config.data)
    match options.what:
        case "export":
            return _export(folder, options)
        case "collect":
            return _collect(config, options)
        case "rejudge":
            return _rejudge(config, options)
    return _check_audit(folder)


def _add_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", type=_moment, metavar="TIME", help="such as 2026-11-22 or 2026-11-22T06:00, local")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="not including it")
    parser.add_argument("--last", type=int, metavar="N", help="only the last so many parts")


def _moment(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp()) * 10**9
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no time such as 2026-11-22T06:00") from error


def _numbers(folder: Path, options: argparse.Namespace) -> tuple[int, int]:
    """First and last part that was asked for. Raises RecordError if there is none."""
    with reading(folder) as connection:
        first, last = numbers_between(connection, options.since, options.until)
        last = min(last, connection.execute("SELECT coalesce(max(sequence), 0) FROM parts").fetchone()[0])
        if options.last is not None:
            newest = connection.execute(LAST_PARTS, (last, max(options.last, 0))).fetchone()[0]
            first = last + 1 if newest is None else max(first, newest)
    if first > last:
        raise RecordError(f"{folder}: no part was recorded in that time")
    return first, last


def _export(folder: Path, options: argparse.Namespace) -> int:
    first, last = _numbers(folder, options)
    out: Path = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"{out}: cannot be written: {error.strerror}") from error
    path = out / f"parts.{options.format}"
    wanted: list[int] = []
    number = 0
    with (csv_table if options.format == "csv" else parquet_table)(path) as table:
        for rows in rows_between(folder, first=first, last=last):
            chosen = [row for row in rows if _is_wanted(row, options)]
            table.write(chosen)
            number += len(chosen)
            wanted += [int(str(row["sequence"])) for row in chosen] if options.pictures else []
    print(f"{number} parts in {path}")
    if options.pictures:
        print(f"{export_pictures(folder, out, wanted)} pictures in {out / 'working'} and {out / 'whole'}")
    return 0


def _is_wanted(row: object, options: argparse.Namespace) -> bool:
    assert isinstance(row, dict)
    return (
        (options.outcome is None or row["outcome"] == options.outcome)
        and (options.since is None or row["wall_ns"] >= options.since)
        and (options.until is None or row["wall_ns"] < options.until)
    )


def _collect(config: StationConfig, options: argparse.Namespace) -> int:
    from edge.commands.collecting import send

    first, last = _numbers(Path(config.data), options)
    if sys.stdout.isatty():
        raise EdgeError("this writes an archive: send it somewhere, such as > station.tar")
    send(config, first=first, last=last, out=sys.stdout.buffer, program=options.program, kind=options.kind)
    return 0


def _rejudge(config: StationConfig, options: argparse.Namespace) -> int:
    folder = Path(config.data)
    first, last = _numbers(folder, options)
    again, model = load_rejudge(folder, bundle_path(options.bundle), is_own_product=bool(config.programs))
    began_s, summary = time.monotonic(), Summary()
    is_quiet = options.json == "-"
    with opened(options.json) as out:
        changes = counted(again, summary, first, last, tell=not is_quiet)
        if out is None:
            shown = list(islice(changes, SHOWN))
            for _ in changes:
                pass
            _print_changes(shown, summary)
        else:
            write_json(out, changes, summary, model, began_s)
    if not is_quiet:
        _print_summary(summary, model, time.monotonic() - began_s)
    return 0


def counted(again: Rejudge, summary: Summary, first: int, last: int, *, tell: bool) -> Iterator[Judged]:
    """The parts of which the other model says something else; all of them are counted on the way."""
    told_s = time.monotonic()
    for part in again.parts(first=first, last=last):
        summary.count(part)
        if part.is_changed:
            yield part
        if tell and time.monotonic() - told_s > TICK_S:
            told_s = time.monotonic()
            print(f"part {part.sequence} of {last} …", file=sys.stderr, flush=True)


@contextmanager
def opened(out: str | None) -> Iterator[TextIO | None]:
    """A file that gets its name when it is whole, the standard output, or None."""
    if out is None or out == "-":
        yield None if out is None else sys.stdout
        return
    path, unfinished = Path(out), Path(f"{out}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise EdgeError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        if unfinished.parent.is_dir():
            unfinished.unlink(missing_ok=True)


def write_json(out: TextIO, changes: Iterator[Judged], summary: Summary, model: ModelName, began_s: float) -> None:
    """One object; the changes come first, because there may be millions and none is kept in memory."""
    out.write('{"changes": [')
    for number, part in enumerate(changes):
        out.write(("," if number else "") + "\n" + json.dumps(asdict(part), ensure_ascii=False, allow_nan=False))
    found = {
        "changed": summary.changed,
        "used": {used.value: summary.used[used] for used in Used},
        "outcomes": {f"{before} -> {after}": number for (before, after), number in sorted(summary.outcomes.items())},
        "mistakes": asdict(summary.mistakes),
        "model": asdict(model),
        "took_s": round(time.monotonic() - began_s, 3),
    }
    out.write("\n], " + json.dumps(found, ensure_ascii=False, allow_nan=False)[1:] + "\n")


def _print_changes(shown: list[Judged], summary: Summary) -> None:
    for part in shown:
        before = "" if part.margin_before is None else f" {part.margin_before:.2f}"
        after = "" if part.margin_after is None else f" {part.margin_after:.2f}"
        label = f"  {part.label_after}" if part.outcome_after == "NG" and part.label_after else ""
        print(f"{part.sequence:9}  {part.outcome_before}{before} -> {part.outcome_after}{after}{label}  ({part.used})")
    if summary.changed > len(shown):
        print(f"… and {summary.changed - len(shown)} more; --json has them all")


def _print_summary(summary: Summary, model: ModelName, took_s: float) -> None:
    judged = sum(summary.outcomes.values())
    rate = judged / took_s if took_s else 0.0
    print(f"{model.product}, serial {model.serial}: {judged} parts in {took_s:.1f} s, {rate:.0f} a second")
    for used in Used:
        if summary.used[used]:
            print(f"  {summary.used[used]:9} from: {used.value}")
    for (before, after), number in sorted(summary.outcomes.items()):
        print(f"  {number:9} {before} -> {after}")
    print(f"{summary.changed} would change")
    known = summary.mistakes
    if known.bad:
        print(
            f"known as bad:  {known.bad}, of which {known.escapes_before} passed, and {known.escapes_after} would now"
        )
    if known.good:
        print(
            f"known as good: {known.good}, {known.overkills_before} rejected, and {known.overkills_after} would be now"
        )


def _check_audit(folder: Path) -> int:
    if not (folder / PAGE_FILE).is_file():
        raise RecordError(f"{folder}: nobody has changed anything on the page of this station yet")
    with PageStore(folder) as store:
        newest = store.check_audit()
    if newest is None:
        print("the audit log is whole and empty")
    else:
        print(f"the audit log is whole: {newest.number} entries, the newest with the digest {newest.digest}")
    return 0
