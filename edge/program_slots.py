"""Where the models of each of a station's programs lie, and for which program a model is."""

from pathlib import Path

from edge.config import StationConfig
from edge.errors import BundleError
from edge.slots import Slots

PROGRAMS = "programs"  # folder in the data


def slots_of(config: StationConfig, program: int = 0) -> Slots:
    """The models of a station, or of one of its programs. Raises BundleError for a number that means none."""
    data = Path(config.data)
    if program not in (config.programs or {0: ""}):
        there = ", ".join(f"{number} ({product})" for number, product in sorted(config.programs.items()))
        words = f"there are: {there}" if there else "there is only one kind of parts"
        raise BundleError(f"there is no program {program} on this station; {words}")
    return Slots(data / PROGRAMS / str(program) if program else data)


def program_of(config: StationConfig, product: str) -> int:
    """Which program a model is for; 0 on a station with a single kind. Raises BundleError if there is none."""
    for number, name in config.programs.items():
        if name == product:
            return number
    if config.programs:
        wanted = ", ".join(config.programs.values())
        raise BundleError(f"this is a model for '{product}', and this station inspects: {wanted}")
    return 0
