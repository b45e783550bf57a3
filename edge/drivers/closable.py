"""What every driver's device shares: it is opened once, may be closed twice, and refuses everything after that."""

from types import TracebackType
from typing import Self

from edge.errors import DeviceUnavailable


class Closable:
    """Context manager; `close()` may be called twice."""

    is_closed = False

    def close(self) -> None:
        """Nothing can be asked of it after that."""
        self.is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self.is_closed:
            raise DeviceUnavailable(f"this {type(self).__name__} is closed")
