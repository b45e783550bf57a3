"""A model that may judge, and under which name; or why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.bundle import Bundle
from edge.errors import BundleError, EdgeError
from edge.inspection import Inspector
from edge.joined import Model
from edge.kinds import AnyKind, Kind
from edge.manifest import Manifest
from edge.model_store import full_name_of, name_of
from edge.moved_limit import check_limit, read_limit
from edge.record import ModelName

ANY = 0  # the number that restricts to no kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """An inspector with its model's name. why_not: why it may not judge, or why there is none.

    kinds: of a model of several, in the order of their numbers; the inspector then finds a part's kind first.
    """

    inspector: Inspector | AnyKind | None = None
    model: ModelName | None = None
    manifest: Manifest | None = None
    why_not: str = ""
    kinds: tuple["Armed", ...] = ()

    def of(self, number: int) -> "Armed":
        """One kind by its number, or all of them (0). Raises BundleError if there is none of this number."""
        if number == ANY:
            return self
        if not 1 <= number <= len(self.kinds):
            there = ", ".join(map(str, range(len(self.kinds) + 1)))
            raise BundleError(f"there is no program {number} on this station; there are: {there}")
        return self.kinds[number - 1]


def inspector_of(armed: Armed, number: int) -> Inspector | AnyKind | None:
    """What judges parts beside another model that is restricted to a kind by this number; None if nothing does.

    A model of one kind judges whatever number is chosen.
    """
    try:
        return (armed.of(number) if armed.kinds else armed).inspector
    except BundleError:
        return None


def with_limits(model: Model, inspectors: Sequence[Inspector], *, data: Path) -> Armed:
    """A model whose inspectors passed their self-tests, with the limits that a person may have moved since."""
    kinds = tuple(
        _with_limit(bundle, inspector, data=data) for bundle, inspector in zip(model.kinds, inspectors, strict=True)
    )
    if not model.names:
        return kinds[0]
    return any_of(kinds, full_name_of(model))


def any_of(kinds: Sequence[Armed], model: ModelName) -> Armed:
    """All kinds together, or why one of them may not judge. model: the name of what judges before the kind is known."""
    for kind in kinds:
        if kind.why_not or kind.inspector is None or kind.model is None:
            named = f"{kind.model.product}: " if kind.model else ""
            return Armed(model=model, kinds=tuple(kinds), why_not=f"{named}{kind.why_not or 'there is no model'}")
    found = [Kind(model=kind.model, inspect=kind.inspector.inspect) for kind in kinds if kind.model and kind.inspector]
    return Armed(inspector=AnyKind(found), model=model, kinds=tuple(kinds))


def _with_limit(bundle: Bundle, inspector: Inspector, *, data: Path) -> Armed:
    why_not = ""
    try:  # after the self-test, which is of the model as it was taught
        moved = read_limit(data, model_sha256=bundle.sha256)
        if moved is not None:
            check_limit(moved, calibrated=bundle.manifest.limit.calibrated)
            inspector.limit = moved
    except EdgeError as error:
        why_not = f"nobody knows which limit is meant: {error}"
    return Armed(inspector=inspector, model=name_of(bundle), manifest=bundle.manifest, why_not=why_not)
