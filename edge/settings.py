"""How a picture becomes a map: the parameters that travel in the bundle, the same for training and device."""

from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Channel(StrEnum):
    """What is looked at in every pixel; the colour channels need colour pictures."""

    LIGHTNESS = "lightness"
    RED_GREEN = "red_green"
    YELLOW_BLUE = "yellow_blue"


COLOUR_CHANNELS = frozenset({Channel.RED_GREEN, Channel.YELLOW_BLUE})


class Variable(StrEnum):
    """What is measured of a channel in a cell, against the mean of the good parts; see `edge/variables.py`.

    shift: mean difference. scatter: root mean square difference. difference: the largest and the smallest one.
    detail_difference: the same of fine structure. detail, detail_scatter: fine structure itself, whatever the good
    parts show there. excess: how far above or below everything usual at that place.
    """

    SHIFT = "shift"
    SCATTER = "scatter"
    DIFFERENCE = "difference"
    DETAIL_DIFFERENCE = "detail_difference"
    DETAIL = "detail"
    DETAIL_SCATTER = "detail_scatter"
    EXCESS = "excess"


class Grid(Strict):
    """The map's shape. One cell is `cell_px` squared in the working picture; even, as colours are of half its size."""

    rows: int = Field(default=36, ge=4, le=128)
    columns: int = Field(default=39, ge=4, le=128)
    cell_px: int = Field(default=8, ge=4, le=32, multiple_of=2)

    @property
    def height_px(self) -> int:
        """Rows of the working picture."""
        return self.rows * self.cell_px

    @property
    def width_px(self) -> int:
        """Columns of the working picture."""
        return self.columns * self.cell_px

    @property
    def cells(self) -> int:
        """How many cells the map has."""
        return self.rows * self.columns

    def reduced(self, step_px: int) -> "Grid":
        """The same cells in a picture of which a pixel is so many of the working picture."""
        return self.model_copy(update={"cell_px": self.cell_px // step_px})


CLEAR_FIT = 0.95


class AlignmentMode(StrEnum):
    """How parts may lie."""

    FIXTURE = "fixture"
    ANY_ANGLE = "any_angle"
    NONE = "none"


class AlignmentSettings(Strict):
    """How far a part may lie from where the reference lay.

    fixture: shifted and rotated a little. any_angle: shifted a little, turned by any angle about the picture's middle.
    none: the picture is taken as it lies, for continuous material, which has no place.
    """

    mode: AlignmentMode = AlignmentMode.FIXTURE
    largest_shift: float = Field(default=0.06, gt=0, le=0.2, description="share of the longer side")
    largest_rotation_degrees: float = Field(default=12.0, gt=0, le=30, description="in a fixture")
    picture_px: int = Field(default=160, ge=64, le=640, description="longer side of the picture that is aligned")

    clear_fit: float = Field(
        default=CLEAR_FIT, ge=-1, le=1, description="a part that fits less is looked for as one with a large defect"
    )

    @property
    def rotation_range_degrees(self) -> float:
        """How far parts may be turned either way; 180 is any angle."""
        return 180.0 if self.mode is AlignmentMode.ANY_ANGLE else self.largest_rotation_degrees


class Window(Strict):
    """What the working picture shows of the frame, in its pixels; a part may lie a little outside."""

    left: int = Field(ge=0)
    top: int = Field(ge=0)
    width: int = Field(ge=32, le=16384)
    height: int = Field(ge=32, le=16384)

    @property
    def right(self) -> int:
        """The first column that is not shown."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row that is not shown."""
        return self.top + self.height

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Rows and columns of the frame."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} pixels from ({self.left}, {self.top})"


Choice = TypeVar("Choice")


def _distinct(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    if len(set(choices)) < len(choices):
        raise ValueError("one is there twice")
    return choices


class MapSettings(Strict):
    """Grid, channels and variables of the map, and what it is a map of."""

    grid: Grid = Grid()
    channels: Annotated[tuple[Channel, ...], AfterValidator(_distinct)] = Field(default=tuple(Channel), min_length=1)
    variables: Annotated[tuple[Variable, ...], AfterValidator(_distinct)] = Field(default=tuple(Variable), min_length=1)
    alignment: AlignmentSettings = AlignmentSettings()
    window: Window | None = Field(  # models that were made before there were windows keep their bytes
        default=None,
        exclude_if=lambda window: window is None,
        description="shown of the frame; all of it, and not written, if none",
    )

    def for_grey(self) -> "MapSettings":
        """The same without the channels that need colour."""
        kept = tuple(channel for channel in self.channels if channel not in COLOUR_CHANNELS)
        return self.model_copy(update={"channels": kept})

    def aligned(self, mode: AlignmentMode) -> "MapSettings":
        """The same with another way of aligning."""
        return self.model_copy(update={"alignment": self.alignment.model_copy(update={"mode": mode})})

    @property
    def is_colour(self) -> bool:
        """True if any channel needs colour."""
        return any(channel in COLOUR_CHANNELS for channel in self.channels)
