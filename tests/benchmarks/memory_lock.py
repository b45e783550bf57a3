"""What a locked memory is worth: one part after the kernel has dropped all code, and how much memory it takes.

    python -m tests.benchmarks.memory_lock [--parts 5]

Before each part the program asks the kernel to drop every page of a file that it has mapped (MADV_PAGEOUT), as a kernel
does by itself when memory is scarce. Then pages have to be fetched again within the part, from the disk; where another
process still holds the same file the kernel drops nothing, so run it while no other Python runs. On an SD card a page
takes from a half to several milliseconds; here, what the disk of this machine takes. Three processes with the core's
priority: as it was, locked as the core locks it (from the first use on), and locked in whole.
"""

import argparse
import ctypes
import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

from edge.commands.bench_machine import conditions
from edge.commands.bench_stages import quantile, rubbish_between_parts
from edge.commands.loading import demo_bundle_path
from edge.drivers import open_embedder
from edge.memory_lock import CURRENT, FUTURE, ON_FAULT
from edge.model_store import arm, read_bundle
from edge.priority import before_other_programs

WAYS = {"not locked": 0, "locked when used": CURRENT | FUTURE | ON_FAULT, "locked in whole": CURRENT | FUTURE}
PAGE_OUT = 21  # MADV_PAGEOUT
WARM_UP_PARTS = 10
OF_A_FILE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ [1-9]")


def main() -> None:
    """The command line; with --way, one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measured(WAYS[options.way], parts=options.parts)))
        return
    print(f"{options.parts} parts, {conditions()}\n")
    print("| memory | MB | usual part, ms | after its code was dropped: median, most | pages fetched | from the disk |")
    print("|---|---|---|---|---|---|")
    for way in WAYS:
        command = [sys.executable, "-m", "tests.benchmarks.memory_lock", "--way", way, "--parts", str(options.parts)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        usual, dropped = (sorted(found[name]) for name in ("usual_ms", "dropped_ms"))
        fetched, major = (quantile(sorted(found[name]), 0.5) for name in ("fetched", "major"))
        print(
            f"| {way} | {found['rss_mb']:.0f} | {quantile(usual, 0.5):.1f} | {quantile(dropped, 0.5):.1f}, "
            f"{dropped[-1]:.1f} | {fetched:.0f} | {major:.0f} |"
        )


def measured(flags: int, *, parts: int) -> dict[str, object]:
    """Milliseconds of parts as usual and after their code was dropped, and how many pages were read for the latter."""
    bundle = read_bundle(demo_bundle_path())
    inspector = arm(bundle, open_embedder(bundle))
    frame = inspector.golden_frames[0]
    if flags and ctypes.CDLL(None).mlockall(flags) != 0:
        raise SystemExit("this user may not lock memory")
    usual: list[float] = []
    dropped: list[float] = []
    faults: list[tuple[int, int]] = []
    with before_other_programs(), rubbish_between_parts():
        for number in range(WARM_UP_PARTS + 2 * parts):
            is_dropped = number >= WARM_UP_PARTS + parts
            if is_dropped:
                _drop_files()
            before, began_ns = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter_ns()
            inspector.inspect(frame)
            took_ms = (time.perf_counter_ns() - began_ns) / 1e6
            if is_dropped:
                dropped.append(took_ms)
                after = resource.getrusage(resource.RUSAGE_SELF)
                faults.append((after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt))
            elif number >= WARM_UP_PARTS:
                usual.append(took_ms)
    resident = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    rss_mb = int(resident[1]) * 1024 / 1e6 if resident else 0.0
    major, fetched = [most for _, most in faults], [sum(both) for both in faults]
    return {"usual_ms": usual, "dropped_ms": dropped, "major": major, "fetched": fetched, "rss_mb": rss_mb}


def _drop_files() -> None:
    libc = ctypes.CDLL(None)
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        found = OF_A_FILE.match(line)
        if found:
            begin, end = (int(address, 16) for address in found.groups())
            libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), PAGE_OUT)


if __name__ == "__main__":
    main()
