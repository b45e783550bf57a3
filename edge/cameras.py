"""The cameras as a configuration names them, and the trigger that is a camera's own eye."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from edge.settings import Share, Strict
from edge.text_forms import PATH

LEAST_REGION = 0.1
PathText = Annotated[str, Field(min_length=1, max_length=4096, pattern=PATH)]


class FolderCamera(Strict):
    """Pictures from a folder, one a trigger, in the order of their names. The line ends with the last one."""

    is_simulated: ClassVar[bool] = True
    may_repeat: ClassVar[bool] = True  # the same file twice in a folder is no frozen camera
    driver: Literal["folder"]
    path: PathText
    repeat: bool = Field(default=False, description="begin again after the last picture")


class VideoCamera(Strict):
    """Pictures from a video file, one a trigger."""

    is_simulated: ClassVar[bool] = True
    may_repeat: ClassVar[bool] = True  # compression makes a still scene identical
    driver: Literal["video"]
    path: PathText
    step: int = Field(default=1, ge=1, le=10_000, description="take every n-th picture of the film")


class LineCamera(Strict):
    """The rendered demo line: a connector with 27 pins, some of them bent."""

    is_simulated: ClassVar[bool] = True
    may_repeat: ClassVar[bool] = False
    driver: Literal["line"]
    seed: int = Field(default=54, ge=0, le=2**31 - 1, description="every kind of defect is in the first 50 parts of 54")
    ng_share: Share = Field(default=0.2, description="share of defective parts")


class _Streaming(Strict):
    """What the cameras share that run all the time."""

    is_simulated: ClassVar[bool] = False
    may_repeat: ClassVar[bool] = False
    width_px: int = Field(ge=32, le=8192, description="of the picture; as in the pictures that the model was taught")
    height_px: int = Field(ge=32, le=8192, description="of the picture")
    fps: float = Field(default=30.0, ge=1, le=240, description="frames a second; a faster camera answers sooner")
    is_colour: bool = Field(default=True, description="false: grey pictures, for a model that was taught with grey")


class PassingCamera(Strict):
    """The rendered line seen from above, parts passing and stopping, for the camera event trigger."""

    is_simulated: ClassVar[bool] = True
    may_repeat: ClassVar[bool] = False
    driver: Literal["passing"]
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="the same number gives the same film")
    fps: float = Field(default=25.0, ge=5, le=60, description="frames a second")


class PicameraCamera(_Streaming):
    """A camera of the Pi, through picamera2. Everything that could move by itself is held and looked at."""

    driver: Literal["picamera"]
    camera: int = Field(default=0, ge=0, le=7, description="0 is the first that `rpicam-hello --list-cameras` shows")
    exposure_us: int = Field(ge=1, le=1_000_000, description="time of exposure; shorter than a frame")
    gain: float = Field(ge=1, le=64, description="of the sensor; 1 has the least noise")
    red_gain: float = Field(ge=0.1, le=32, description="white balance")
    blue_gain: float = Field(ge=0.1, le=32, description="white balance")
    focus_dioptres: float | None = Field(
        default=None, ge=0, le=32, description="1 / metres; only for a lens with motor"
    )
    tolerance_percent: float = Field(default=3.0, ge=0.1, le=20, description="of exposure and gains; beyond: FAULT")

    @model_validator(mode="after")
    def _check_exposure(self) -> Self:
        if self.exposure_us >= 1e6 / self.fps:
            raise ValueError(f"an exposure of {self.exposure_us} us does not fit into {self.fps:g} frames a second")
        return self


class V4l2Camera(_Streaming):
    """A USB camera, or any other that the kernel offers as a device. What it can do `v4l2-ctl --all` tells."""

    driver: Literal["v4l2"]
    device: PathText = Field(description="/dev/v4l/by-id/… stays the same whichever socket is used")
    pixel_format: Literal["MJPG", "YUYV", "GREY"] = Field(default="MJPG", description="as the camera sends it")
    exposure_us: int | None = Field(default=None, ge=100, le=1_000_000, description="in steps of 100")
    gain: int | None = Field(default=None, ge=0, le=65535, description="in the camera's own steps")
    white_balance_k: int | None = Field(default=None, ge=1000, le=20_000, description="kelvin")
    focus: int | None = Field(default=None, ge=0, le=65535, description="in the camera's own steps")

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        if self.pixel_format == "GREY" and self.is_colour:
            raise ValueError("pixel_format GREY gives grey pictures: write is_colour: false")
        if self.exposure_us is not None and self.exposure_us >= 1e6 / self.fps:
            raise ValueError(f"an exposure of {self.exposure_us} us does not fit into {self.fps:g} frames a second")
        return self


CAMERAS = (FolderCamera, VideoCamera, LineCamera, PassingCamera, PicameraCamera, V4l2Camera)
WATCHED = (PassingCamera, PicameraCamera, V4l2Camera)
"""Those that run all the time, so that a trigger can look on."""
CameraConfig = Annotated[
    FolderCamera | VideoCamera | LineCamera | PassingCamera | PicameraCamera | V4l2Camera, Field(discriminator="driver")
]


class Region(Strict):
    """A part of the picture, as shares of its width and height. A part at rest lies inside it with room all round."""

    left: Share = Field(default=0.0, description="of the width")
    top: Share = Field(default=0.0, description="of the height")
    right: Share = Field(default=1.0, description="of the width")
    bottom: Share = Field(default=1.0, description="of the height")

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.right - self.left < LEAST_REGION or self.bottom - self.top < LEAST_REGION:
            raise ValueError(f"right and bottom must lie at least {LEAST_REGION:g} beyond left and top")
        return self


class EventSettings(Strict):
    """When a part has arrived, as the camera sees it."""

    region: Region = Field(default=Region(), description="where parts come to rest")
    part_share: float = Field(default=0.15, ge=0.02, le=0.9, description="of the region that the smallest part covers")
    contrast_percent: float = Field(
        default=8.0, ge=1, le=100, description="least difference in brightness between part and empty place"
    )
    rest_ms: float = Field(default=200.0, ge=40, le=10_000, description="a part has come to rest when still so long")


class CameraEventTrigger(EventSettings):
    """A part has entered the region and has come to rest. It counts again when the region was empty in between."""

    driver: Literal["camera_event"]
