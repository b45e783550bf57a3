"""Another model judges the same frames as the one that decides, whenever there is time. The line never waits for it."""

from collections.abc import Callable
from concurrent.futures import Future

from edge.attempt import attempt
from edge.frame import Frame
from edge.priority import go_last
from edge.record import Record
from edge.sight import Inspects
from edge.verdict import Verdict
from edge.worker import Worker


class Shadow:
    """One model beside the station's own."""

    def __init__(self, choose: Callable[[], Inspects | None], *, on_judged: Callable[[Record, Verdict], None]) -> None:
        """choose: who judges the part that is offered, None for nobody.

        on_judged: called in the shadow's own thread with the part's record and the other model's verdict.
        """
        self._choose, self._on_judged = choose, on_judged
        self._worker: Worker[None] = Worker(name="shadow", begin=go_last)
        self._job: Future[None] | None = None
        self.skipped = 0

    def offer(self, record: Record) -> None:
        """Look at this part too, if the last one is done; at once, whatever the answer."""
        inspector = self._choose()
        if record.frame is None or inspector is None:
            return
        if self._job is not None and not self._job.done():
            self.skipped += 1
            return
        frame = Frame(pixels=record.frame, source=record.source)
        self._job = self._worker.submit(lambda: self._judge(inspector, record, frame))

    def close(self) -> None:
        """Take no more parts; does not wait. May be called twice."""
        self._worker.close()

    def _judge(self, inspector: Inspects, record: Record, frame: Frame) -> None:
        attempt(lambda: self._on_judged(record, inspector.inspect(frame).verdict))
