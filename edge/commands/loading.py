"""The models that a station is configured with: where they lie, whom they are trusted from, armed to judge."""

import logging
from pathlib import Path

from edge.armed import Armed, with_limit
from edge.bundle import Bundle
from edge.config import DEMO_BUNDLE, INSTALLED, StationConfig
from edge.drivers import open_embedder
from edge.errors import BundleError, ModelError
from edge.inspection import Inspector
from edge.model_start import begin
from edge.model_store import arm, read_bundle
from edge.program_slots import slots_of
from edge.receive import installed, read_version, version_of
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
    return version_of(read_vouched(slots.path_of(version), trust_of(config)).bundle)


def _armed(config: StationConfig, found: Vouched) -> Armed:
    inspector = arm(found.bundle, open_embedder(found.bundle))
    return with_limit(found.bundle, inspector, data=Path(config.data))


def load_inspector(path: Path) -> tuple[Bundle, Inspector]:
    """A bundle's model that has proved itself here. Raises BundleError or ModelError."""
    bundle = read_bundle(path)
    return bundle, arm(bundle, open_embedder(bundle))


def station_model(config: StationConfig, program: int = 0) -> Vouched:
    """The model that a station is configured with, and who vouches for it. Raises BundleError.

    The one that ships came with the program itself, and is trusted as the program is.
    """
    if config.bundle == DEMO_BUNDLE:
        return Vouched(bundle=read_bundle(demo_bundle_path()), signer="")
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
