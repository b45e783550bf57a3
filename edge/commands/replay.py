"""`edge replay`: judge every picture of a folder with a model, as the station would."""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from edge.commands.loading import bundle_path, load_inspector
from edge.errors import EdgeError, PictureError
from edge.inspection import Inspection
from edge.kinds import KindInspection
from edge.pictures import list_pictures, read_picture
from edge.sight import Inspects
from edge.verdict import Outcome, Reason, Verdict, fault

MASKS = "ground_truth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One picture's result, as it is written. label: the picture's folder within the given one, "" for none.

    kind: of a model of several, the one whose verdict it is, "" else.
    """

    file: str
    label: str
    outcome: str
    reason: str
    distance: float | None
    limit: float | None
    nearest_label: str | None
    ms: float | None
    detail: str
    kind: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge replay` takes."""
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--bundle", required=True, help='path of a model bundle, or "demo" for the one that ships')
    parser.add_argument("--json", metavar="OUT", help='one JSON line a picture; "-" for the standard output')


def run(options: argparse.Namespace) -> int:
    """Judge all pictures; 1 if any of them could not be read."""
    _, inspector = load_inspector(bundle_path(options.bundle))
    lines = []
    with _opened(options.json) as out:
        for line in judged(inspector, options.folder):
            lines.append(line)
            if out is not None:
                print(json.dumps(asdict(line), ensure_ascii=False, allow_nan=False), file=out)
            if line.ms is None:
                print(f"edge replay: {line.detail}", file=sys.stderr)
    if options.json != "-":
        _print_summary(lines)
    return 1 if any(line.ms is None for line in lines) else 0


def judged(inspector: Inspects, folder: Path) -> Iterator[Line]:
    """One line a picture, in the order of their names; masks are passed over. Raises PictureError without pictures."""
    pictures = [
        path for path in list_pictures(folder, is_recursive=True) if MASKS not in path.relative_to(folder).parts
    ]
    if not pictures:
        raise PictureError(f"{folder}: only masks in this folder, no pictures")
    for path in pictures:
        found: Inspection | None = None
        try:
            found = inspector.inspect(read_picture(path))
            verdict = found.verdict
        except PictureError as error:
            verdict = fault(Reason.CAPTURE_FAILED, str(error))
        yield _line(path.relative_to(folder), verdict, found)


def _line(path: Path, verdict: Verdict, found: Inspection | None) -> Line:
    return Line(
        file=path.as_posix(),
        label="" if len(path.parts) == 1 else path.parent.as_posix(),
        outcome=verdict.outcome.value,
        reason=verdict.reason.value,
        distance=verdict.distance,
        limit=verdict.limit,
        nearest_label=verdict.nearest_label,
        ms=None if found is None else round(found.times.total_ms, 3),
        detail=verdict.detail,
        kind=found.model.product if isinstance(found, KindInspection) else "",
    )


def _opened(out: str | None) -> "nullcontext[TextIO] | nullcontext[None] | TextIO":
    if out is None:
        return nullcontext(None)
    if out == "-":
        return nullcontext(sys.stdout)
    try:
        return Path(out).open("w", encoding="utf-8")
    except OSError as error:
        raise EdgeError(f"{out}: cannot be written: {error.strerror}") from error


def _print_summary(lines: list[Line]) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        counts[line.label or "(no folder)"][line.outcome] += 1
    width = max(len(label) for label in (*counts, "all"))
    print(f"{'':{width}}  " + "".join(f"{outcome:>7}" for outcome in Outcome))
    rows = {**counts, "all": sum(counts.values(), Counter())} if len(counts) > 1 else counts
    for label, counter in rows.items():
        print(f"{label:{width}}  " + "".join(f"{counter[outcome.value]:>7}" for outcome in Outcome))
    for reason, number in Counter(line.reason for line in lines if line.outcome == Outcome.FAULT).most_common():
        print(f"FAULT: {reason}: {number}")
    for kind, number in sorted(Counter(line.kind for line in lines if line.kind).items()):
        print(f"judged as {kind}: {number}")
    times = sorted(line.ms for line in lines if line.ms is not None)
    if times:
        print(f"{len(times)} pictures, {times[len(times) // 2]:.1f} ms in the middle, {times[-1]:.1f} ms at most")
