"""One model, tried in a process of its own: `python -m edge.commands.try_out FILE KEYS BUDGET_MS [--accept-unsigned]`.

Whatever a model does to the process that loads it, it does here and not to the core. Prints one line of JSON. With
`--beside FILE…`, the models of a station's other programs, the time of all of them together counts as well.
"""

import argparse
import json
import os
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edge.commands.bench_stages import measure, quantile
from edge.drivers import open_embedder
from edge.errors import BundleError, EdgeError
from edge.frame import Frame
from edge.joined import Model
from edge.kinds import AnyKind, Kind
from edge.model_store import arm_kinds, check_told_apart, kinds_of
from edge.sight import Inspects
from edge.trust import Trust, read_vouched

PARTS = 100
MOST_MEMORY_BYTES = 4 * 2**30  # of addresses, of which a process uses a small part
MOST_CPU_S = 150  # of each kind


def main(arguments: list[str] | None = None) -> int:
    """0 if the model may judge here."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("keys", type=Path)
    parser.add_argument("budget_ms", type=float)
    parser.add_argument("--accept-unsigned", action="store_true")
    parser.add_argument("--beside", type=Path, nargs="+", default=[])
    parser.add_argument("--kinds", type=int, default=1, help="of all these models together, for the time they may take")
    options = parser.parse_args(arguments)
    _limit_this_process(kinds=options.kinds)
    try:
        p99_ms, together_ms = try_out(
            options.file,
            Trust(keys=options.keys, accepts_unsigned=options.accept_unsigned),
            budget_ms=options.budget_ms,
            beside=options.beside,
        )
    except EdgeError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"p99_ms": p99_ms, "together_ms": together_ms}))
    return 0


def try_out(path: Path, trust: Trust, *, budget_ms: float, beside: Sequence[Path] = ()) -> tuple[float, float | None]:
    """Milliseconds of an inspection (p99), after each kind has found its golden results again; and of all together.

    Raises EdgeError if it has not, or if either is more than budget_ms. beside: of these, those that may not judge are
    left out: with one of them missing, the kind of a part is not looked for.
    """
    model, kinds = _armed(path, trust)
    if model.names:
        check_told_apart(model, kinds)
    frames = _golden(model)
    p99_ms = _p99_ms(AnyKind(kinds), frames)
    if p99_ms > budget_ms:
        takes = f"its {len(kinds)} kinds together take" if model.names else "it takes"
        fewer = "smaller networks, fewer kinds" if model.names else "a smaller network"
        raise BundleError(
            f"{takes} {p99_ms:.0f} ms a part (p99), and {budget_ms:.0f} ms are left of the takt: "
            f"choose {fewer}, or a longer deadline"
        )
    others = []
    for other in beside:
        with suppress(EdgeError):
            others.append(_armed(other, trust))
    if not others:
        return p99_ms, None
    every_frame = [*frames, *(frame for found, _ in others for frame in _golden(found))]
    together_ms = _p99_ms(AnyKind([*kinds, *(kind for _, found in others for kind in found)]), every_frame)
    if together_ms > budget_ms:
        raise BundleError(
            f"the models of all {1 + len(others)} programs look at a part whose kind is not known (program 0): "
            f"together they take {together_ms:.0f} ms a part (p99), and {budget_ms:.0f} ms are left of the takt: "
            "choose smaller networks, fewer programs, or a longer deadline"
        )
    return p99_ms, together_ms


def _armed(path: Path, trust: Trust) -> tuple[Model, tuple[Kind, ...]]:
    """A model that has proved itself here, and what judges each of its kinds. Raises EdgeError if it has not."""
    model = read_vouched(path, trust).model
    return model, kinds_of(model, arm_kinds(model, open_embedder))


def _golden(model: Model) -> list[Frame]:
    return [golden.frame for bundle in model.kinds for golden in bundle.golden]


def _p99_ms(inspector: Inspects, frames: Sequence[Frame]) -> float:
    return round(quantile(sorted(measure(inspector, frames, PARTS).stages["whole"]), 0.99), 3)


def _limit_this_process(*, kinds: int) -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (kinds * MOST_CPU_S, kinds * MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
