"""The configuration of one station: one YAML file, checked as a whole before anything is opened.

Every fault is reported at once, each with its file and line. Relative paths are relative to the file.
"""

import difflib
import os
import re
from itertools import permutations
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from edge.cameras import (
    CAMERAS,
    WATCHED,
    CameraConfig,
    CameraEventTrigger,
    FolderCamera,
    PathText,
    Region,
    VideoCamera,
)
from edge.errors import ConfigError
from edge.kind_names import Product, is_kind_of
from edge.picture_policy import Pictures, Quota
from edge.settings import Strict
from edge.text_forms import IN_WORDS, NAME, PIECES, SHIFTS
from edge.wiring import Beat, Contradiction, GpioOutputs, GpioTrigger, ProgramLines, Pulse, SimulatedOutputs
from edge.yaml_lines import Written, parse

DEMO_BUNDLE, INSTALLED = "demo", "installed"
Name = Annotated[str, Field(pattern=NAME)]


class IntervalTrigger(Strict):
    """A part every so often, without asking anybody."""

    driver: Literal["interval"]
    interval_ms: float = Field(default=500.0, ge=0, le=3_600_000, description="0: as fast as the station is READY")
    parts: int | None = Field(default=None, ge=1, le=10**9, description="the line ends after so many")
    waits_for_ready: bool = Field(default=True, description="false: parts come whether the station is READY or not")


class SoftwareTrigger(Strict):
    """A part when somebody says so: `edge tell trigger`, or whatever speaks to the control socket."""

    driver: Literal["software"]


TriggerConfig = Annotated[
    IntervalTrigger | SoftwareTrigger | GpioTrigger | CameraEventTrigger, Field(discriminator="driver")
]
OutputsConfig = Annotated[SimulatedOutputs | GpioOutputs, Field(discriminator="driver")]


class Records(Strict):
    """What is kept of every part."""

    pictures: Pictures = Pictures()
    most_unwritten_parts: int = Field(
        default=1,
        ge=1,
        le=64,
        description="READY only while fewer parts wait for the disk; a power cut may cost so many",
    )


class Watch(Strict):
    """What takes READY away although no part has failed yet."""

    hottest_c: float = Field(default=84.0, ge=40, le=100, description="not READY from here on; a Pi 4 throttles at 80")
    least_free_mb: float = Field(default=200.0, ge=0, le=10_000_000, description="on the disk of the data folder")


class Web(Strict):
    """The operator page."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    port: int = Field(default=8080, ge=1, le=65535)
    tls_certificate: PathText | None = Field(default=None, description="PEM, with the chain; then the page is https")
    tls_key: PathText | None = Field(default=None, description="PEM, without a password")
    shifts: str = Field(default="06:00 14:00 22:00", pattern=SHIFTS, description="when shifts begin, local time")

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are needed both, or neither")
        return self


class Models(Strict):
    """Which models this station accepts."""

    keys: PathText = Field(default="/etc/kensa/keys", description="folder of public keys, which root alone may write")
    unsigned: Literal["refuse", "accept"] = Field(default="refuse", description="accept: for development alone")
    product: Product | None = Field(default=None, description="only models of it; without it, of the current one's")
    probation_parts: int = Field(
        default=200, ge=0, le=1_000_000, description="how many parts a new model must judge well to stay; 0: none"
    )


class ShiftCheck(Strict):
    """No part is taken before known test pieces were shown and judged as they must be."""

    pieces: str = Field(
        default="OK, NG", pattern=PIECES, description="in this order; NG may be followed by the label to be found"
    )
    after_start: bool = Field(default=True, description="due at each start of the core")
    shifts: str | None = Field(default=None, pattern=SHIFTS, description="due when a shift begins, local time")
    after_model: bool = Field(default=True, description="due for each model, and moved limit, that has not passed it")

    @model_validator(mode="after")
    def _check_pieces(self) -> Self:
        kinds = {piece.split()[0] for piece in self.pieces.split(",")}
        if kinds != {"OK", "NG"}:
            raise ValueError("pieces needs at least one OK and one NG")
        if not self.after_start and self.shifts is None:
            raise ValueError("it would never be due: write shifts, or after_start: true")
        return self


def _number(key: object) -> object:
    """Keys come as they are written."""
    return int(key) if isinstance(key, str) and re.fullmatch(r"[1-9][0-9]{0,2}", key) else key


Number = Annotated[int, BeforeValidator(_number), Field(ge=1, le=255)]


class StationConfig(Strict):
    """One station."""

    station: Name
    bundle: PathText = Field(
        description=f"'{INSTALLED}' for what `edge model` manages, the path of a model bundle, or '{DEMO_BUNDLE}' for "
        "the one that ships"
    )
    models: Models = Models()
    programs: dict[Number, Product] = Field(
        default={}, max_length=16, description="products of the kinds of parts that are inspected here, by number"
    )
    program_lines: ProgramLines | None = Field(
        default=None, description="GPIO lines that show the number of each part's kind"
    )
    data: PathText = Field(description="folder for records and pictures; made if it is not there")
    deadline_ms: float = Field(default=500.0, ge=5, le=60_000, description="from trigger to outputs; later is FAULT")
    faults_until_halt: int = Field(default=5, ge=1, le=1000, description="in a row; then somebody must reset")
    hang_deadlines: int = Field(default=10, ge=2, le=1000, description="a step that hangs so many deadlines halts")
    camera: CameraConfig
    trigger: TriggerConfig
    outputs: OutputsConfig
    shift_check: ShiftCheck | None = None
    records: Records = Records()
    watch: Watch = Watch()
    control: PathText | None = Field(
        default=None, description="socket for commands; without it, control.sock in the data folder"
    )
    web: Web = Web()

    @model_validator(mode="after")
    def _check_mix(self) -> Self:
        """A part that was only simulated must never move a real line; one line cannot be two wires."""
        trigger, outputs = self.trigger, self.outputs
        if self.camera.is_simulated and not outputs.is_simulated:
            raise Contradiction(
                ("outputs", "driver"), "outputs to a real line with a simulated camera; use simulated outputs"
            )
        if isinstance(trigger, CameraEventTrigger) and not isinstance(self.camera, WATCHED):
            words = f"the camera '{self.camera.driver}' does not run all the time, so nobody can look on"
            raise Contradiction(("trigger", "driver"), words)
        self._check_programs()
        if not isinstance(trigger, GpioTrigger):
            return self
        wires = outputs.wires if isinstance(outputs, GpioOutputs) and outputs.chip == trigger.chip else {}
        taken = next((name for name, wire in wires.items() if wire.line == trigger.line), None)
        if taken:
            raise Contradiction(("trigger", "line"), f"{trigger.line} is already the output '{taken}'")
        if trigger.delay_ms >= self.deadline_ms:
            raise Contradiction(("trigger", "delay_ms"), f"no verdict can leave in {self.deadline_ms:g} ms after that")
        return self

    def _check_programs(self) -> None:
        """Each kind has a model of its own, and the program's lines are nobody else's."""
        if self.programs and self.bundle != INSTALLED:
            raise Contradiction(("programs",), f"they need 'bundle: {INSTALLED}'")
        if len(set(self.programs.values())) < len(self.programs):
            raise Contradiction(("programs",), "one product is there twice")
        for one, other in permutations(self.programs.values(), 2):
            if is_kind_of(one, other):
                raise Contradiction(("programs",), f"'{one}' would be taken for a kind of '{other}'; name it otherwise")
        lines = self.program_lines
        if lines is None:
            return
        if self.programs and max(self.programs) >= 1 << len(lines.names):
            words = f"{len(lines.names)} lines cannot show program {max(self.programs)}"
            raise Contradiction(("program_lines", "lines"), words)
        trigger, outputs = self.trigger, self.outputs
        taken = {trigger.line} if isinstance(trigger, GpioTrigger) and trigger.chip == lines.chip else set()
        if isinstance(outputs, GpioOutputs) and outputs.chip == lines.chip:
            taken |= {wire.line for wire in outputs.wires.values()}
        if len(set(lines.names)) < len(lines.names) or taken & set(lines.names):
            raise Contradiction(("program_lines", "lines"), "each line is needed for itself alone")

    @property
    def control_path(self) -> Path:
        """Where the core listens for commands."""
        return Path(self.control) if self.control else Path(self.data) / "control.sock"


def load_config(path: Path) -> StationConfig:
    """The station in a YAML file, its paths made absolute. Raises ConfigError with every fault that it has."""
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: this is a folder, not a configuration file")
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    config = parse_config(raw, name=str(path))
    return _anchored(config, path.resolve().parent)


def parse_config(raw: bytes, *, name: str) -> StationConfig:
    """The station in a YAML text; paths stay as written. Raises ConfigError with every fault, one a line."""
    written = parse(raw, name=name)
    faults = [(line, f"{key}: written twice") for line, key in written.duplicates]
    config = None
    try:
        config = StationConfig.model_validate(written.data)
    except ValidationError as error:
        faults += [_fault(detail, written) for detail in error.errors(include_url=False)]
    if faults or config is None:
        raise ConfigError("\n".join(f"{name}:{line}: {text}" for line, text in sorted(faults)))
    return config


def _anchored(config: StationConfig, folder: Path) -> StationConfig:
    models = config.models.model_copy(update={"keys": str(folder / config.models.keys)})
    changes: dict[str, object] = {"data": str(folder / config.data), "models": models}
    if config.bundle not in (DEMO_BUNDLE, INSTALLED):
        changes["bundle"] = str(folder / config.bundle)
    if isinstance(config.camera, FolderCamera | VideoCamera):
        changes["camera"] = config.camera.model_copy(update={"path": str(folder / config.camera.path)})
    if config.control is not None:
        changes["control"] = str(folder / config.control)
    if config.web.tls_certificate is not None and config.web.tls_key is not None:
        files = {
            "tls_certificate": str(folder / config.web.tls_certificate),
            "tls_key": str(folder / config.web.tls_key),
        }
        changes["web"] = config.web.model_copy(update=files)
    return config.model_copy(update=changes)


def _fault(detail: ErrorDetails, written: Written) -> tuple[int, str]:
    """Line and words of one fault. The driver's name, which pydantic puts into the path, is no key of the file."""
    steps: list[str | int] = []
    cause = detail.get("ctx", {}).get("error")
    for step in cause.path if isinstance(cause, Contradiction) else detail["loc"]:
        if (*steps, step) in written.lines or step == detail["loc"][-1]:
            steps.append(step)
    known = tuple(steps)
    while known and known not in written.lines:
        known = known[:-1]
    where = ".".join(str(step) for step in steps) or "the file"
    return written.lines.get(known, 1), f"{where}: {_words(detail, steps)}"


def _words(detail: ErrorDetails, steps: list[str | int]) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing" | "union_tag_not_found":
            return "missing" if detail["type"] == "missing" else "needs a driver"
        case "extra_forbidden":
            near = difflib.get_close_matches(str(steps[-1]), _keys_beside(detail["loc"]), n=1)
            return f"unknown key{f', did you mean {near[0]}?' if near else ''}"
        case "union_tag_invalid":
            return f"driver '{context['tag']}' is unknown, there are {context['expected_tags']}"
        case "model_type" | "model_attributes_type":
            return "should be a section of keys and values"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return f"{IN_WORDS[context['pattern']]}; not {detail['input']!r:.60}"
    return f"{detail['msg'].replace('Input should be', 'should be')}, not {detail['input']!r:.60}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys that could have been meant at a place where an unknown one stands."""
    sections: dict[str, tuple[type[Strict], ...]] = {
        "camera": CAMERAS,
        "trigger": (IntervalTrigger, SoftwareTrigger, GpioTrigger, CameraEventTrigger, Region),
        "outputs": (SimulatedOutputs, GpioOutputs, Pulse, Beat),
        "records": (Records, Pictures, Quota),
        "watch": (Watch,),
        "models": (Models,),
        "shift_check": (ShiftCheck,),
        "program_lines": (ProgramLines,),
        "web": (Web,),
    }
    section = str(location[0]) if len(location) > 1 else ""
    return [key for model in sections.get(section, (StationConfig,)) for key in model.model_fields]
