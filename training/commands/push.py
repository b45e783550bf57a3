"""`training push`: a signed model to one station or many."""

import argparse
import json
import os
import shlex
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from training.errors import ExportError
from training.pushing import REMOTE, SSH, STATION, Line, Pushed, Tell, push, read_signed

AT_ONCE = 4
TOLD_EVERY_S = 1.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training push`."""
    parser = subparsers.add_parser("push", help="send a signed model to stations, over ssh")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="of `training sign`")
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="as ssh knows it: station-3, pi@10.0.0.7")
    parser.add_argument("--list", type=Path, metavar="FILE", help="a host a line; what follows a # is for people")
    parser.add_argument("--activate", action="store_true", help="have it judge from the next part on, on probation")
    parser.add_argument("--json", type=Path, metavar="OUT", help="the results as JSON")
    parser.add_argument("--ssh", default=shlex.join(SSH), help="command with options (default: %(default)s)")
    parser.add_argument("--remote", default=REMOTE, help="what starts edge there (default: %(default)s)")
    parser.add_argument("--station", default=STATION, help="its configuration there (default: %(default)s)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Send it, and print a table at the end; 0 only if every station has it."""
    hosts = [*arguments.hosts, *_listed(arguments.list)]
    if not hosts or len(set(hosts)) < len(hosts):
        raise ExportError("name the stations, each once: HOST … or --list FILE")
    if wrong := [host for host in hosts if host.startswith("-")]:
        raise ExportError(f"'{wrong[0]}' is no host")
    raw = read_signed(arguments.bundle)
    line = Line(
        ssh=shlex.split(arguments.ssh),
        remote=arguments.remote,
        station=arguments.station,
        is_activated=arguments.activate,
    )
    tell = _progress(len(raw))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda host: push(raw, host, line, tell=tell), hosts))
    print("\n".join(table(results)))
    if arguments.json is not None:
        try:
            arguments.json.write_text(json.dumps([asdict(found) for found in results], indent=1) + "\n")
        except OSError as error:
            raise ExportError(f"{arguments.json} could not be written: {os.strerror(error.errno or 0)}") from error
    missing = sum(not found.is_done for found in results)
    if missing and len(results) > 1:
        print(f"{missing} of {len(results)} stations have not got it; the same command again sends what is missing")
    return 1 if missing else 0


def table(results: list[Pushed]) -> list[str]:
    """One line a station."""
    width = max(len(found.host) for found in results)
    lines = []
    for found in results:
        took = f"{found.p99_ms:6.0f} ms" if found.p99_ms is not None else " " * 9
        state = "done  " if found.is_done else "FAILED"
        lines.append(f"{found.host:{width}}  {state}  {found.sent / 1e6:6.1f} MB sent  {took}  {found.words}")
    return lines


def _listed(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{path}: no list of stations can be read here") from error
    return [host for host in (line.split("#")[0].strip() for line in lines) if host]


def _progress(size: int) -> Tell:
    """A line a second on the standard error."""
    told_s = 0.0

    def tell(host: str, here: int) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s >= TOLD_EVERY_S or here == size:
            told_s = now_s
            print(f"{host}: {here / 1e6:.1f} of {size / 1e6:.1f} MB", file=sys.stderr, flush=True)

    return tell
