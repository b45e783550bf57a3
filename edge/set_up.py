"""What the page's set-up asks of a running core: move the limit, try a wire, look through the camera, be taught.

Each is done between two parts. Wires and camera are lent out only while a person has paused the station.
"""

import base64
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

from pydantic import Field

from edge.armed import Armed
from edge.attempt import attempt
from edge.control import Answer, SetUpCommand, SetUpCommands
from edge.daemon import Daemon
from edge.errors import DeviceUnavailable, EdgeError
from edge.frame import Frame
from edge.inspection import Inspector
from edge.live import view_of
from edge.manifest import Manifest
from edge.moved_limit import check_limit, write_limit
from edge.record import ModelName
from edge.settings import Strict
from edge.station import Station
from edge.teaching import Teacher, keep_frame, kept_pictures

log = logging.getLogger(__name__)

WIRE_TEST_S = 0.7
LOOK_MS = 1000.0
PATIENCE_S = 6.0


class Switches(Protocol):
    """Outputs of which single wires can be switched."""

    def switch(self, wire: str, *, is_on: bool) -> bool:
        """One wire by name; whether it is on now."""
        ...


class MoveLimit(Strict):
    """limit: None asks where it is. is_calibrated: back to where the model was calibrated."""

    limit: float | None = Field(default=None, gt=0)
    is_calibrated: bool = False


class TryWire(Strict):
    """wire: by its name in the configuration."""

    wire: str = Field(max_length=16)


class Look(Strict):
    """is_kept: write the whole frame into the training folder as well."""

    is_kept: bool = False


class Teach(Strict):
    """parts: how many to collect; 0 ends."""

    parts: int = Field(ge=0, le=1000)


class Bench:
    """The set-up of one station, and the model that judges there."""

    def __init__(
        self,
        daemon: Daemon,
        station: Station,
        *,
        outputs: Switches,
        wires: Mapping[str, str],
        data: Path,
        armed: Armed,
    ) -> None:
        self._daemon, self._station, self._outputs, self._wires = daemon, station, outputs, wires
        self._data, self._armed = data, armed
        self._teacher: Teacher | None = None

    def commands(self) -> SetUpCommands:
        """By name, for the control socket."""
        return {
            "limit": SetUpCommand(arguments=MoveLimit, run=self.limit),
            "wire": SetUpCommand(arguments=TryWire, run=self.wire),
            "look": SetUpCommand(arguments=Look, run=self.look),
            "teach": SetUpCommand(arguments=Teach, run=self.teach),
        }

    @property
    def is_teaching(self) -> bool:
        """True while parts are only collected."""
        return self._teacher is not None

    def use(self, armed: Armed) -> None:
        """Another model, from the next part on; to be called between two parts. Teaching goes on meanwhile."""
        self._armed = armed
        if self._teacher is None:
            self._arm()

    def _arm(self) -> None:
        armed = self._armed
        inspector = None if armed.why_not else armed.inspector
        self._station.use(inspector, model=armed.model, unarmed_because=armed.why_not)

    def limit(self, wish: MoveLimit) -> Answer:
        """Where the limit is, after moving it if that was asked for: on the disk first, then for the next part."""
        manifest, inspector, model = self._armed.manifest, self._armed.inspector, self._armed.model
        if manifest is None or model is None or not isinstance(inspector, Inspector):
            raise DeviceUnavailable(
                "there is no valid model, or each of several kinds has its own limit: choose one of the kinds first "
                "(`edge tell program NUMBER`)"
            )
        calibrated = manifest.limit.calibrated
        if wish.limit is not None or wish.is_calibrated:
            limit = calibrated if wish.limit is None else wish.limit
            check_limit(limit, calibrated=calibrated)
            old = inspector.limit
            if limit != old:  # known before the limit is, whenever the power goes
                self._between_parts(self._station.pieces.limit_moves)
            self._keep_limit(limit, manifest, model)
            try:
                self._between_parts(lambda: self._use_limit(inspector, limit))
            except EdgeError:  # whoever asked is told that nothing has changed: nor may it after a restart
                self._keep_limit(old, manifest, model)
                raise
            log.warning("limit moved from=%s to=%s model=%s", old, limit, model.sha256[:12])
        golden = [{"outcome": part.outcome.value, "distance": part.distance} for part in manifest.golden]
        return {"limit": inspector.limit, "calibrated": calibrated, "golden": golden, "model": model.sha256}

    def _keep_limit(self, limit: float, manifest: Manifest, model: ModelName) -> None:
        kept = None if limit == manifest.limit.distance else limit
        write_limit(self._data, kept, model_sha256=model.sha256)

    def _use_limit(self, inspector: Inspector, limit: float) -> None:
        if limit != inspector.limit:
            self._station.pieces.limit_moves()  # a piece may have been shown meanwhile
        inspector.limit = limit
        if self._armed.why_not:  # nobody knew which limit was meant
            self.use(replace(self._armed, why_not=""))

    def wire(self, wish: TryWire) -> Answer:
        """One wire on for a moment, and off again; what its pin said each time."""
        if wish.wire not in self._wires:
            raise DeviceUnavailable(f"there is no wire '{wish.wire}' here, there are: {', '.join(self._wires)}")
        seen: list[bool] = []

        def switch() -> None:
            self._check_paused()
            try:
                seen.append(self._outputs.switch(wish.wire, is_on=True))
                time.sleep(WIRE_TEST_S)
            finally:
                seen.append(self._outputs.switch(wish.wire, is_on=False))

        self._between_parts(switch)
        return {"wire": wish.wire, "line": self._wires[wish.wire], "was_on": seen[0], "is_off": not seen[1]}

    def look(self, wish: Look) -> Answer:
        """What the camera sees now."""
        frames: list[Frame] = []

        def capture() -> None:
            self._check_paused()
            frames.append(self._station.look(timeout_ms=LOOK_MS))

        self._between_parts(capture)
        view = view_of(frames[0])
        name = keep_frame(self._data, frames[0]) if wish.is_kept else ""
        told = {key: value for key, value in asdict(view).items() if key != "jpeg"}
        return {**told, "jpeg": base64.b64encode(view.jpeg).decode(), "kept": name, **self._collected()}

    def teach(self, wish: Teach) -> Answer:
        """Collect the next parts' pictures, or end that."""
        if self._teacher is not None:
            self._teacher.end()
            self._end_teaching(self._teacher)
        if wish.parts:
            self._teacher = teacher = Teacher(self._data, parts=wish.parts, on_end=lambda: self._end_teaching(teacher))
            model = self._armed.model
            self._between_parts(lambda: self._station.use(teacher, model=model))
        return self._collected()

    def _end_teaching(self, teacher: Teacher) -> None:
        """Back to the model, unless somebody has begun anew meanwhile."""
        if self._teacher is teacher:
            self._teacher = None
            attempt(lambda: self._between_parts(self._arm))

    def _collected(self) -> dict[str, object]:
        teacher = self._teacher
        return {"pictures": len(kept_pictures(self._data)), "is_teaching": teacher is not None,
                "trouble": teacher.trouble if teacher else ""}  # fmt: skip

    def _check_paused(self) -> None:
        if not self._station.is_paused:
            raise DeviceUnavailable("pause the station first")

    def _between_parts(self, step: Callable[[], None]) -> None:
        """Raises what the step raised, as an EdgeError; the line's loop never sees it."""
        errors: list[Exception | None] = []
        self._daemon.ask(lambda: errors.append(attempt(step)), timeout_s=PATIENCE_S)
        if (error := errors[0]) is not None:
            raise error if isinstance(error, EdgeError) else DeviceUnavailable(f"it failed: {error}")
