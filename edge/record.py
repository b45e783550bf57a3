"""What is kept of one part."""

from dataclasses import dataclass

from edge.frame import Pixels
from edge.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """Which model judged, and of a model of several kinds which kind, as soon as that is known: PRODUCT/KIND.

    sha256: digest of its archive. map_sha256: digest of all that makes its maps, "" where nobody knows: maps of models
    with the same one can be compared. window: what its working pictures show of a frame, "" for all of it; those with
    the same one show the same. calibrated_limit: the limit before anybody moved it.
    """

    product: str
    serial: int
    sha256: str
    map_sha256: str = ""
    window: str = ""
    calibrated_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imaging:
    """How a part was seen, whatever the part is like: when these drift, it is the light or the camera that moves.

    light_gain: brightness against the reference's, 1 is as taught. sharpness: variance of the Laplacian, grey levels
    squared. shift_x_percent, shift_y_percent: of the picture's longer side, against the reference's place.
    rotation_degrees: likewise. fit: -1 to 1.
    """

    light_gain: float
    sharpness: float
    shift_x_percent: float
    shift_y_percent: float
    rotation_degrees: float
    fit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One part, from trigger to output. Sequence numbers order parts; wall clocks may be wrong.

    triggered_ns, exposed_ns, judged_ns, output_ns: monotonic; None for what did not happen. wall_ns: of the trigger.
    stages_ms: what each stage took, in order. is_late: the verdict missed the deadline; if it came at all, its numbers
    are here and the outcome is FAULT all the same.
    imaging: light, sharpness and place, None where the part was not found. cell_map: (rows, columns) uint8 or None.
    working: the part brought into the reference's place, frame: all that the camera saw, as pixels or None.
    """

    sequence: int
    verdict: Verdict
    triggered_ns: int
    wall_ns: int
    exposed_ns: int | None = None
    judged_ns: int | None = None
    output_ns: int | None = None
    stages_ms: tuple[tuple[str, float], ...] = ()
    source: str = ""
    model: ModelName | None = None
    is_late: bool = False
    imaging: Imaging | None = None
    cell_map: Pixels | None = None
    working: Pixels | None = None
    frame: Pixels | None = None

    def __post_init__(self) -> None:
        if self.sequence < 1:
            raise ValueError(f"sequence {self.sequence} is not a number from 1 on")

    @property
    def takt_ms(self) -> float | None:
        """From trigger to outputs."""
        return None if self.output_ns is None else (self.output_ns - self.triggered_ns) / 1e6
