"""What each stage of an inspection takes, part after part, with idle gaps as on a line."""

import gc
import math
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import cycle, islice

from edge.frame import Frame
from edge.inspection import StageTimes
from edge.sight import Inspects

WARM_UP_PARTS = 20
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
BUDGET = 5  # times the p50: what a deadline would leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """first_ms: the whole of the first part after the model was loaded and had tested itself, not in `stages`.

    stages: milliseconds of each stage and of the whole, in the order of the parts; those of the warm-up left out.
    page_faults: how many a part took in the mean: memory that the kernel had to hand out, or to read from the disk.
    """

    first_ms: float
    page_faults: float
    stages: dict[str, list[float]]


def measure(inspector: Inspects, frames: Sequence[Frame], parts: int, *, gap_ms: float = 0.0) -> Measured:
    """Judge frames over and over. gap_ms: idle before each part; then caches are cold and the processor may be slow.

    Stage `read` is a copy of the picture, as a driver takes one out of the camera's buffer; whole is all stages.
    """
    names = [field.name for field in fields(StageTimes)]
    taken: dict[str, list[float]] = {name.removesuffix("_ms"): [] for name in ("read", *names, "whole")}
    faults: list[int] = []
    with rubbish_between_parts():
        for frame in islice(cycle(frames), parts + WARM_UP_PARTS):
            time.sleep(gap_ms / 1000)
            began_ns = time.perf_counter_ns()
            taken_out = Frame(pixels=frame.pixels.copy())
            read_ns = time.perf_counter_ns()
            times = inspector.inspect(taken_out).times
            ended_ns = time.perf_counter_ns()
            taken["read"].append((read_ns - began_ns) / 1e6)
            for name in names:
                taken[name.removesuffix("_ms")].append(getattr(times, name))
            taken["whole"].append((ended_ns - began_ns) / 1e6)
            gc.collect()
            faults.append(_page_faults())
    return Measured(
        first_ms=taken["whole"][0],
        page_faults=(faults[-1] - faults[WARM_UP_PARTS - 1]) / parts,
        stages={stage: values[WARM_UP_PARTS:] for stage, values in taken.items()},
    )


@contextmanager
def rubbish_between_parts() -> Iterator[None]:
    """What was loaded is never looked through again, and nothing is collected within a part: as in `edge/daemon.py`."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _page_faults() -> int:
    """Of this process since its start."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_minflt + used.ru_majflt


def summary(stages: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Quantiles of each stage, in milliseconds."""
    return {
        stage: {name: round(quantile(sorted(values), share), 3) for name, share in SHARES.items()}
        for stage, values in stages.items()
    }


def tail(whole: Sequence[float], *, budget_ms: float) -> dict[str, float]:
    """How far the slowest parts lie from the usual one, and how many would miss a deadline."""
    values = sorted(whole)
    return {
        "p99.9_of_p50": round(quantile(values, SHARES["p99.9"]) / quantile(values, SHARES["p50"]), 3),
        "budget_ms": round(budget_ms, 3),
        "missed": sum(value > budget_ms for value in values),
    }


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that at least this share of them does not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)]
