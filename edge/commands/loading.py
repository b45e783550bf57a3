"""The models that a station is configured with: where they lie, whom they are trusted from, armed to judge."""

import logging
from pathlib import Path

from edge.armed import Armed, with_limits
from edge.config import DEMO_BUNDLE, INSTALLED, StationConfig
from edge.drivers import open_embedder
from edge.errors import BundleError, ModelError
from edge.joined import Model
from edge.kinds import AnyKind
from edge.model_start import begin
from edge.model_store import arm, arm_kinds, full_name_of, kinds_of, name_of, read_model
from edge.program_slots import slots_of
from edge.receive import installed, read_version, version_of
from edge.record import ModelName
from edge.rejudge import Again, Rejudge
from edge.sight import Inspects
from edge.slots import Version
from edge.trust import Trust, Vouched, read_vouched

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]


def load_model(config: StationConfig, program: int = 0) -> Armed:
    """The model to start with, armed, or why it cannot be. program: whose, on a station with several."""
    try:
        if config.bundle == INSTALLED:
            return begin(slots_of(config, program), lambda version: arm_version(config, version, program=program))
        return _armed(config, station_model(config))
    except (BundleError, ModelError) as error:
        log.error("there is no valid model: %s", error)  # noqa: TRY400 - one plain line
        return Armed(why_not=f"there is no valid model: {error}")


def arm_version(config: StationConfig, version: Version, *, program: int = 0) -> Armed:
    """One of the installed models, looked at as if it had just come, and armed. Raises BundleError or ModelError."""
    return _armed(config, read_version(slots_of(config, program), trust_of(config), version))


def find_version(config: StationConfig, serial: int, *, program: int = 0) -> Version:
    """The installed model of a serial. Raises BundleError if there is none."""
    slots = slots_of(config, program)
    version = slots.of_serial(serial)
    if version is None:
        there = ", ".join(str(kept) for kept in sorted(slots.serials().values())) or "none"
        raise BundleError(f"there is no model with serial {serial} on this station; there are: {there}")
    return version_of(read_vouched(slots.path_of(version), trust_of(config)).model)


def _armed(config: StationConfig, found: Vouched) -> Armed:
    inspectors = arm_kinds(found.model, open_embedder)
    return with_limits(found.model, inspectors, data=Path(config.data))


def load_inspector(path: Path) -> tuple[Model, Inspects]:
    """A bundle's model that has proved itself here; of several kinds, it finds a part's kind first.

    Raises BundleError or ModelError.
    """
    model = read_model(path)
    inspectors = arm_kinds(model, open_embedder)
    return model, AnyKind(kinds_of(model, inspectors)) if model.names else inspectors[0]


def load_rejudge(folder: Path, path: Path, *, is_own_product: bool) -> tuple[Rejudge, ModelName]:
    """A model over a station's records, and its name. Raises BundleError or ModelError if it cannot judge.

    is_own_product: only over parts that models of the same product have judged.
    """
    from edge.drivers.onnx import OnnxEmbedder  # slow to import, and needed by nothing else here

    model = read_model(path)
    embedders = [OnnxEmbedder(bundle.network, cells=bundle.manifest.map.grid.cells) for bundle in model.kinds]
    kinds = [
        Again(folder, inspector=arm(bundle, embedder), embedder=embedder, model=name_of(bundle))
        for bundle, embedder in zip(model.kinds, embedders, strict=True)
    ]
    return Rejudge(folder, kinds, product=model.product if is_own_product else ""), full_name_of(model)


def station_model(config: StationConfig, program: int = 0) -> Vouched:
    """The model that a station is configured with, and who vouches for it. Raises BundleError.

    The one that ships came with the program itself, and is trusted as the program is.
    """
    if config.bundle == DEMO_BUNDLE:
        return Vouched(model=read_model(demo_bundle_path()), signer="")
    if config.bundle == INSTALLED:
        return installed(slots_of(config, program), trust_of(config))
    return read_vouched(Path(config.bundle), trust_of(config))


def trust_of(config: StationConfig) -> Trust:
    """Whose models a station accepts."""
    return Trust(keys=Path(config.models.keys), accepts_unsigned=config.models.unsigned == "accept")


def bundle_path(text: str) -> Path:
    """Where a bundle lies; the word "demo" stands for the one that ships."""
    return demo_bundle_path() if text == DEMO_BUNDLE else Path(text)


def demo_bundle_path() -> Path:
    """The shipped model: inside the package when installed, in models/ in a checkout. Raises BundleError else."""
    places = (PACKAGE / "demo" / "bundle", PACKAGE.parent / "models" / "demo" / "bundle")
    for place in places:
        if place.is_file():
            return place
    raise BundleError(f"the demo model is not there, neither {places[0]} nor {places[1]}")
