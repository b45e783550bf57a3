"""`training collect`: what people corrected on a station becomes the next data set."""

import argparse
import shlex
import subprocess
import tempfile
from pathlib import Path

from training.collecting import Collected, unpack_into, version_of
from training.errors import DataSetError
from training.pushing import REMOTE, SSH, STATION

DEFAULT_LAST = 50_000


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of `training collect`."""
    parser = subparsers.add_parser("collect", help="bring a station's corrections, and make a data set with them")
    parser.add_argument("host", metavar="HOST", help="as ssh knows it")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of data set versions")
    parser.add_argument(
        "--onto", type=Path, required=True, metavar="DATA", help="the data set that the model was taught"
    )
    parser.add_argument("--last", type=int, default=DEFAULT_LAST, metavar="N", help="parts (default: %(default)s)")
    parser.add_argument(
        "--program", type=int, default=0, metavar="N", help="of which kind, where several are inspected"
    )
    parser.add_argument("--kind", default="", metavar="NAME", help="of which kind, of a model of several")
    parser.add_argument("--ssh", default=shlex.join(SSH), help="command with options (default: %(default)s)")
    parser.add_argument("--remote", default=REMOTE, help="what starts edge there (default: %(default)s)")
    parser.add_argument("--station", default=STATION, help="its configuration there (default: %(default)s)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Collect, and say what the new version holds."""
    if arguments.host.startswith("-"):
        raise DataSetError(f"'{arguments.host}' is no host")
    with tempfile.TemporaryDirectory() as workshop:
        collected = _collect(arguments, Path(workshop))
        version = version_of(collected, Path(workshop), onto=arguments.onto, out=arguments.out)
    parts = collected.corrected
    print(f"{collected.station}: {len(parts)} corrected parts of {collected.first} to {collected.last}")
    for label, number in sorted(version.added.items()):
        print(f"  {number:5} added to {label}")
    if version.unusable:
        shown = ", ".join(map(str, version.unusable[:10])) + (" …" if len(version.unusable) > 10 else "")
        print(f"  {len(version.unusable):5} without a usable whole picture: {shown}")
    print(f"{version.folder}{'' if version.is_new else ' (it was there already)'}")
    if arguments.kind:
        print(f"  a part that no kind found good counts as the nearest: are all of these really '{arguments.kind}'?")
    print(f"next: training fit {version.folder} --out RUN, then training corrected RUN {version.folder}")
    return 0


def _collect(arguments: argparse.Namespace, folder: Path) -> Collected:
    rest = ["records", "--config", arguments.station, "collect", "--last", str(arguments.last)]
    rest += ["--program", str(arguments.program)] if arguments.program else []
    rest += ["--kind", arguments.kind] if arguments.kind else []
    command = [*shlex.split(arguments.ssh), arguments.host, f"{arguments.remote} {shlex.join(rest)}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        try:
            collected = unpack_into(process.stdout, folder)  # type: ignore[arg-type]
        except DataSetError:
            process.kill()
            words = process.stderr.read().decode(errors="replace").strip().splitlines()
            if words:
                raise DataSetError(f"{arguments.host}: {words[-1].removeprefix('edge records: ')}") from None
            raise
        process.stdout.read()
    return collected
