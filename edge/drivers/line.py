"""A camera over the rendered demo line, which knows the truth about every part."""

from collections.abc import Mapping

from edge.drivers.connector import Defect, line_part, render
from edge.drivers.simulated import CameraFault, SimulatedCamera
from edge.frame import Pixels
from edge.interfaces import Clock


class LineCamera(SimulatedCamera):
    """One rendered connector a trigger; part n is always the same part. `truth` has what is wrong with each, by source.

    What the picture does NOT imitate is listed in edge.drivers.connector.
    """

    def __init__(
        self,
        *,
        seed: int = 54,
        ng_share: float = 0.2,
        clock: Clock | None = None,
        faults: Mapping[int, CameraFault] | None = None,
    ) -> None:
        super().__init__(clock=clock, faults=faults)
        self._seed, self._ng_share = seed, ng_share
        render(seed=seed, part=0)  # the first picture takes longer
        self._number = 0
        self.truth: dict[str, Defect | None] = {}

    def _next_picture(self) -> tuple[Pixels, str]:
        self._number += 1
        source = f"part {self._number}"
        defect = line_part(seed=self._seed, number=self._number, ng_share=self._ng_share)
        self.truth[source] = defect
        return render(seed=self._seed, part=self._number, defect=defect), source
