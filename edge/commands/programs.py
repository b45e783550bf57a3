"""The models of a station that runs: of its one kind of parts, or of each of several."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from edge.armed import Armed
from edge.commands import loading
from edge.config import StationConfig
from edge.control import Answer, SetUpCommand, SetUpCommands
from edge.daemon import Daemon
from edge.errors import BundleError
from edge.model_switch import ModelSwitch, ModelWish
from edge.model_trial import TrialKeeper
from edge.program_slots import slots_of
from edge.programs import Programs, read_number

Keepers = Mapping[int, TrialKeeper]
"""Of probation and shadow, by program."""


def load_programs(config: StationConfig) -> Programs:
    """Every program's model, armed, or why it cannot be; the program that was chosen last."""
    numbers = sorted(config.programs) or [0]
    armed = {number: loading.load_model(config, number) for number in numbers}
    if config.program_lines is not None:
        return Programs(armed, number=numbers[0], is_by_wires=True)
    try:
        programs = Programs(armed, number=read_number(Path(config.data), otherwise=numbers[0]))
        if config.programs:
            programs.check(programs.number)
    except BundleError as error:
        return Programs(armed, number=numbers[0], why_not=str(error))
    return programs


def keepers_of(config: StationConfig, programs: Programs) -> Keepers:
    """What watches new models, for each program; those of a single model of several kinds are restricted as it is."""

    def keeper(number: int) -> TrialKeeper:
        return TrialKeeper(
            slots_of(config, number),
            Path(config.data),
            arm=lambda version: loading.arm_version(config, version, program=number),
            kind=lambda: 0 if config.programs else programs.number,
        )

    return {number: keeper(number) for number in config.programs or {0: ""}}


def model_commands(
    config: StationConfig, keepers: Keepers, daemon: Daemon, programs: Programs, use: Callable[[Armed], None]
) -> SetUpCommands:
    """What changes models while the station runs; a probation that a restart has interrupted goes on."""

    def switch_of(number: int, keeper: TrialKeeper) -> ModelSwitch:
        def use_for(armed: Armed) -> None:
            if programs.replace(number, armed):
                use(programs.current)

        return ModelSwitch(
            daemon,
            slots_of(config, number),
            find=lambda serial: loading.find_version(config, serial, program=number),
            arm=lambda version: loading.arm_version(config, version, program=number),
            use=use_for,
            trials=keeper,
            probation_parts=config.models.probation_parts,
        )

    switches = {number: switch_of(number, keeper) for number, keeper in keepers.items()}
    for number, keeper in keepers.items():
        with suppress(BundleError):  # unreadable slots: the station is not READY and says so
            keeper.begin(switches[number].change)

    def run(wish: ModelWish) -> Answer:
        slots_of(config, wish.program)  # raises for a number that means none
        return switches[wish.program].run(wish)

    return {"model": SetUpCommand(arguments=ModelWish, run=run)}
