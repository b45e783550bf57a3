"""One model, tried in a process of its own: `python -m edge.commands.try_out FILE KEYS BUDGET_MS [--accept-unsigned]`.

Whatever a model does to the process that loads it, it does here and not to the core. Prints one line of JSON.
"""

import argparse
import json
import os
import resource
import sys
from pathlib import Path

from edge.commands.bench_stages import measure, quantile
from edge.drivers import open_embedder
from edge.errors import BundleError, EdgeError
from edge.model_store import arm
from edge.trust import Trust, read_vouched

PARTS = 100
MOST_MEMORY_BYTES = 4 * 2**30  # of addresses, of which a process uses a small part
MOST_CPU_S = 150


def main(arguments: list[str] | None = None) -> int:
    """0 if the model may judge here."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("keys", type=Path)
    parser.add_argument("budget_ms", type=float)
    parser.add_argument("--accept-unsigned", action="store_true")
    options = parser.parse_args(arguments)
    try:
        p99_ms = try_out(options.file, Trust(keys=options.keys, accepts_unsigned=options.accept_unsigned))
        if p99_ms > options.budget_ms:
            raise BundleError(
                f"it takes {p99_ms:.0f} ms a part (p99), and {options.budget_ms:.0f} ms are left of the takt: "
                "choose a smaller network, or a longer deadline"
            )
    except EdgeError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"p99_ms": round(p99_ms, 3)}))
    return 0


def try_out(path: Path, trust: Trust) -> float:
    """Milliseconds of an inspection (p99), after the model has found its golden results again. Raises EdgeError."""
    bundle = read_vouched(path, trust).bundle
    inspector = arm(bundle, open_embedder(bundle))
    whole = measure(inspector, [golden.frame for golden in bundle.golden], PARTS).stages["whole"]
    return quantile(sorted(whole), 0.99)


def _limit_this_process() -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _limit_this_process()
    sys.exit(main())
