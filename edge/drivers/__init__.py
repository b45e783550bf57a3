"""The drivers by name. Each is imported when it is asked for, and none stands in for another."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from edge.cameras import CameraEventTrigger, FolderCamera, LineCamera, PassingCamera, VideoCamera
from edge.config import IntervalTrigger, StationConfig
from edge.errors import DeviceUnavailable
from edge.wiring import ProgramLines, SimulatedOutputs

if TYPE_CHECKING:  # `edge safe` must be quick, and needs none of these
    from edge.bundle import Bundle
    from edge.interfaces import Camera, Clock, Embedder, Lines, Outputs, Trigger

CAMERAS = {
    "folder": ("edge.drivers.folder", "FolderCamera"),
    "video": ("edge.drivers.video", "VideoCamera"),
    "line": ("edge.drivers.line", "LineCamera"),
    "passing": ("edge.drivers.passing", "PassingCamera"),
    "picamera": ("edge.drivers.picamera", "PicameraCamera"),
    "v4l2": ("edge.drivers.v4l2", "V4l2Camera"),
}
TRIGGERS = {
    "interval": ("edge.drivers.triggers", "IntervalTrigger"),
    "software": ("edge.drivers.triggers", "SoftwareTrigger"),
    "gpio": ("edge.drivers.gpio_trigger", "GpioTrigger"),
    "camera_event": ("edge.drivers.event_trigger", "CameraEventTrigger"),
}
OUTPUTS = {
    "simulated": ("edge.drivers.simulated", "SimulatedOutputs"),
    "gpio": ("edge.drivers.gpio_outputs", "GpioOutputs"),
}
OUTPUT_LINES = {"gpio": ("edge.drivers.gpio_lines", "OutputLines")}  # the wires alone, to switch them off
PROGRAM_LINES = {"gpio": ("edge.drivers.program_lines", "ProgramLines")}
LOOP_MS = 1000.0  # the core's loop comes round far more often between parts


def driver_class(table: dict[str, tuple[str, str]], name: str) -> Any:
    """The class of a driver. Raises DeviceUnavailable when its libraries are not installed here."""
    module, kind = table[name]
    try:
        return getattr(import_module(module), kind)
    except ImportError as error:
        raise DeviceUnavailable(f"the driver '{name}' cannot be used here: {error}") from error


def open_camera(config: StationConfig, clock: "Clock") -> "Camera":
    """The camera that the configuration names. Raises DeviceError or PictureError if it cannot be opened."""
    wanted = config.camera
    driver = driver_class(CAMERAS, wanted.driver)
    match wanted:
        case FolderCamera():
            camera = driver(Path(wanted.path), is_repeating=wanted.repeat, clock=clock)
        case VideoCamera():
            camera = driver(Path(wanted.path), step=wanted.step, clock=clock)
        case LineCamera():
            camera = driver(seed=wanted.seed, ng_share=wanted.ng_share, clock=clock)
        case PassingCamera():
            camera = driver(seed=wanted.seed, fps=wanted.fps)
        case _:
            camera = driver(wanted)
    return cast("Camera", camera)


def open_outputs(config: StationConfig, clock: "Clock") -> "Outputs":
    """The wires that the configuration names, all off. Raises DeviceError if they cannot be had."""
    wanted = config.outputs
    driver = driver_class(OUTPUTS, wanted.driver)
    if isinstance(wanted, SimulatedOutputs):
        return cast("Outputs", driver(clock=clock))
    return cast("Outputs", driver(wanted, longest_silence_ms=config.deadline_ms + LOOP_MS))


def open_trigger(config: StationConfig, clock: "Clock", *, camera: "Camera", outputs: "Outputs") -> "Trigger":
    """The trigger that the configuration names. Timed ones end with a simulated camera's pictures, and see READY."""
    wanted = config.trigger
    driver = driver_class(TRIGGERS, wanted.driver)
    if isinstance(wanted, CameraEventTrigger):
        trigger = driver(wanted, camera=camera)
        trigger.learn()  # what it cannot learn it says later, as a failure of the trigger
        return cast("Trigger", trigger)
    if not isinstance(wanted, IntervalTrigger):
        return cast("Trigger", driver(clock=clock) if wanted.driver == "software" else driver(wanted))
    waits = wanted.waits_for_ready or wanted.interval_ms == 0  # as fast as the station is READY, and no faster
    ends = [parts for parts in (wanted.parts, getattr(camera, "parts", None)) if parts is not None]
    trigger = driver(
        interval_ms=wanted.interval_ms,
        parts=min(ends, default=None),
        ready=(lambda: getattr(outputs, "is_ready", True)) if waits else None,
        clock=clock,
    )
    return cast("Trigger", trigger)


def open_program_lines(wanted: ProgramLines) -> "Lines":
    """The lines that show a part's program. Raises DeviceError if they cannot be had."""
    return cast("Lines", driver_class(PROGRAM_LINES, "gpio")(wanted))


def open_embedder(bundle: "Bundle") -> "Embedder":
    """The bundle's network, ready to run. Raises ModelError if it cannot be loaded."""
    from edge.drivers.onnx import OnnxEmbedder  # slow to import, and not needed to look at a configuration

    return OnnxEmbedder(bundle.network, cells=bundle.manifest.map.grid.cells)
