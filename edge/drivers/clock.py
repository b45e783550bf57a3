"""The clock of the machine."""

import time


class SystemClock:
    """CLOCK_MONOTONIC, which triggers and exposures are stamped with, and the wall clock."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment before the start of this machine."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC, as this machine believes."""
        return time.time_ns()
