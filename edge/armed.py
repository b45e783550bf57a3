"""A model that may judge, and under which name; or why there is none."""

from dataclasses import dataclass
from pathlib import Path

from edge.bundle import Bundle
from edge.errors import EdgeError
from edge.inspection import Inspector
from edge.kinds import AnyKind
from edge.manifest import Manifest
from edge.model_store import name_of
from edge.moved_limit import check_limit, read_limit
from edge.record import ModelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """An inspector with its model's name. why_not: why it may not judge, or why there is none."""

    inspector: Inspector | AnyKind | None = None
    model: ModelName | None = None
    manifest: Manifest | None = None
    why_not: str = ""


def with_limit(bundle: Bundle, inspector: Inspector, *, data: Path) -> Armed:
    """An inspector that passed its self-test, with the limit that a person may have moved since."""
    why_not = ""
    try:  # after the self-test, which is of the model as it was taught
        moved = read_limit(data, model_sha256=bundle.sha256)
        if moved is not None:
            check_limit(moved, calibrated=bundle.manifest.limit.calibrated)
            inspector.limit = moved
    except EdgeError as error:
        why_not = f"nobody knows which limit is meant: {error}"
    return Armed(inspector=inspector, model=name_of(bundle), manifest=bundle.manifest, why_not=why_not)
