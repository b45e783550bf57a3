"""How many instructions a part takes on a Cortex-A72, by stage, and what that would be on a Raspberry Pi 4.

    python -m tests.vm.instructions [--parts 20] [--frame 2592x1944 | --peers] [--json OUT]

How they are counted: `qemu-system-aarch64 -cpu cortex-a72 -icount shift=0` lets the virtual machine's clock go on by
one nanosecond with each instruction, and by nothing else. So every stopwatch of the program that runs in it, here
those of `edge bench`, reads instructions instead of time: one "millisecond" is a million of them. The clock that
programs see ticks every 16. The kernel's own instructions (page faults, its timer) are in it, as on a device. The
machine is Debian trixie's kernel for arm64 with its Python 3.13 and the wheels that a Pi gets, all in memory.

The projection is instructions / (1.5 GHz × instructions a cycle). A Cortex-A72 issues up to three a cycle; how many it
does is not known without one: a range is given, for code that waits for memory and for code that does not. It is no
measurement of a Pi: caches, memory, heat, other programs and the camera's driver are not in it.

`--peers` counts what the peers of `tests/benchmarks/peer_models.py` take for the same frames. A processor with AVX-512
does four times as much in one instruction as a Cortex-A72, which helps large networks most: ratios differ from those of
a server. EfficientAD-S is left out: it takes the emulator an hour.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from edge.commands.bench_stages import quantile
from tests.vm.cortex_a72 import root
from tests.vm.image import ROOT, cache_folder, debian
from tests.vm.initramfs import write

EMULATOR = "qemu-system-aarch64"
KERNEL = "linux-image-cloud-arm64"  # everything that is needed here is built in, none of it a module
PI4_GHZ = 1.5
INSTRUCTIONS_A_CYCLE = (0.7, 1.5)
MEMORY_MB = 3072
TIMEOUT_S = 3600
ANSWER = "FOUND "

INIT = b"""#!/usr/bin/python3.13
import ctypes, os, runpy, sys, traceback
c = ctypes.CDLL(None)
for kind, place in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp")):
    os.makedirs(place, exist_ok=True)
    c.mount(kind.encode(), place.encode(), kind.encode(), 0, None)
os.environ.update(ORT_DISABLE_TELEMETRY="1", OPENBLAS_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1", OMP_NUM_THREADS="1")
sys.path[:0] = ["/project", "/wheels"]
try:
    runpy.run_path("/work.py", run_name="__main__")
except BaseException:
    traceback.print_exc(file=sys.stdout)
sys.stdout.flush()
os.sync()
c.reboot(0x4321FEDC)
"""
WORK = """
import json
from edge.commands.bench_stages import measure
from edge.commands.loading import demo_bundle_path
from edge.drivers import open_embedder
from edge.inspection import Inspector
from edge.model_store import read_bundle
from tests.benchmarks.grown import with_frame
bundle = with_frame(read_bundle(demo_bundle_path()), {width}, {height})
inspector = Inspector(bundle, open_embedder(bundle))
found = measure(inspector, [golden.frame for golden in bundle.golden], {parts})
print({answer!r} + json.dumps(found.stages))
"""

WORK_OF_PEERS = """
import json, time
from edge.commands.loading import demo_bundle_path
from edge.drivers import open_embedder
from edge.model_store import arm, read_bundle
from tests.benchmarks.peer_models import Floor, MobileNet, Ours, PaDiM, PatchCore
bundle = read_bundle(demo_bundle_path())
found = {{}}
for judge in (Ours(arm(bundle, open_embedder(bundle))), Floor(bundle), PaDiM(), PatchCore(), MobileNet()):
    found[judge.name] = []
    for part in range(1 + {parts}):  # the first finds nothing ready
        began_ns = time.perf_counter_ns()
        judge.judge(bundle.golden[part % len(bundle.golden)].frame)
        found[judge.name].append((time.perf_counter_ns() - began_ns) / 1e6)
    del found[judge.name][0]
print({answer!r} + json.dumps(found))
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=20)
    parser.add_argument("--json", type=Path, metavar="OUT")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--frame", default="640x480", metavar="WIDTHxHEIGHT", help="the demo model grown to it")
    what.add_argument("--peers", action="store_true", help="the floor and the peers instead of the stages")
    options = parser.parse_args()
    if options.peers:
        counted = count(WORK_OF_PEERS.format(parts=options.parts, answer=ANSWER), "onnx>=1.17")
        print(against_the_first(counted))
    else:
        width, height = (int(side) for side in options.frame.split("x"))
        counted = count(WORK.format(parts=options.parts, answer=ANSWER, width=width, height=height))
        print(as_markdown(counted, parts=options.parts, frame=options.frame))
    if options.json:
        options.json.write_text(json.dumps(counted, indent=1) + "\n", encoding="utf-8")


def count(work: str, *needs: str) -> dict[str, list[float]]:
    """Run a program on the counted machine. work: prints ANSWER and JSON; what it calls milliseconds are millions.
    needs: requirements beside our own."""
    if shutil.which(EMULATOR) is None:
        raise SystemExit(f"{EMULATOR} is not there: apt-get install qemu-system-arm")
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="count-") as folder:
        memory = Path(folder) / "root.cpio"
        with memory.open("wb") as file:
            project = {f"project/{name}": ROOT / name for name in ("edge", "models", "tests")}
            write(file, {"": root(*needs), **project}, {"init": INIT, "work.py": work.encode()})
        command = [EMULATOR, "-M", "virt", "-cpu", "cortex-a72", "-smp", "1", "-m", str(MEMORY_MB)]
        command += ["-icount", "shift=0,sleep=off", "-nographic", "-no-reboot", "-nic", "none"]
        command += ["-kernel", str(_kernel(Path(folder))), "-initrd", str(memory)]
        command += ["-append", "console=ttyAMA0 quiet loglevel=3 panic=-1"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S)
    line = next((line for line in done.stdout.splitlines() if line.startswith(ANSWER)), None)
    if line is None:
        raise SystemExit(f"the counted machine gave no answer; the last it said:\n{done.stdout[-2000:]}{done.stderr}")
    found: dict[str, list[float]] = json.loads(line.removeprefix(ANSWER))
    return found


def as_markdown(counted: dict[str, list[float]], *, parts: int, frame: str) -> str:
    """The table: millions of instructions, median and most, and the projection."""
    slow, fast = INSTRUCTIONS_A_CYCLE
    told = (
        f"{parts} parts of the demo model, {frame}, colour; Pi 4: {PI4_GHZ} GHz, {slow} to {fast} instructions a cycle"
    )
    lines = [
        told,
        "",
        "| stage | million instructions, median | most | Pi 4, median, ms |",
        "|---|---|---|---|",
    ]
    for stage, values in counted.items():
        middle = quantile(sorted(values), 0.5)
        low, high = (middle / per_cycle / PI4_GHZ for per_cycle in (fast, slow))
        lines.append(f"| {stage} | {middle:.2f} | {max(values):.2f} | {low:.1f} to {high:.1f} |")
    return "\n".join(lines)


def against_the_first(counted: dict[str, list[float]]) -> str:
    """The table of judges: millions of instructions a part, medians, and how many times those of the first."""
    medians = {name: quantile(sorted(values), 0.5) for name, values in counted.items()}
    own = next(iter(medians.values()))
    lines = ["| judge | million instructions | against the first |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {middle:.1f} | {middle / own:.2f} |" for name, middle in medians.items())])


def _kernel(folder: Path) -> Path:
    archive = debian(architecture="arm64", packages=(KERNEL,), only_extract=True)
    subprocess.run(["tar", "-C", str(folder), "-xf", str(archive), "./boot"], check=True)
    return next((folder / "boot").glob("vmlinuz-*"))


if __name__ == "__main__":
    main()
