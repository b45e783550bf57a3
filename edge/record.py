"""What is kept of one part."""

from dataclasses import dataclass

from edge.frame import Pixels
from edge.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """Which model judged. sha256: digest of its archive."""

    product: str
    serial: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One part, from trigger to output. Sequence numbers order parts; wall clocks may be wrong.

    triggered_ns, exposed_ns, judged_ns, output_ns: monotonic; None for what did not happen. wall_ns: of the trigger.
    stages_ms: what each stage took, in order. is_late: the verdict missed the deadline; if it came at all, its numbers
    are here and the outcome is FAULT all the same.
    cell_map: (rows, columns) uint8 or None. picture: the working picture, the frame where there is none, or None.
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
    cell_map: Pixels | None = None
    picture: Pixels | None = None

    def __post_init__(self) -> None:
        if self.sequence < 1:
            raise ValueError(f"sequence {self.sequence} is not a number from 1 on")

    @property
    def takt_ms(self) -> float | None:
        """From trigger to outputs."""
        return None if self.output_ns is None else (self.output_ns - self.triggered_ns) / 1e6
