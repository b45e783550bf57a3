"""What the records say in codes, said in a viewer's language; and times as the station's clock shows them."""

import re
import time
from collections.abc import Mapping

ADDRESSED = re.compile(r"(.+?)(?:_(\d+))?")


class Phrases:
    """The words of one language for what stands in the records."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words

    def label(self, label: str | None) -> str:
        """A defect's label; its number, if it ends with one, is an address on the part."""
        found = ADDRESSED.fullmatch(label or "")
        if found is None:
            return ""
        kind, address = found.groups()
        return " ".join(filter(None, [self._words.get(f"label.{kind}", kind.replace("_", " ")), address]))

    def reason(self, reason: str) -> str:
        """A verdict's reason, as it stands if it is of a newer version."""
        return self._words.get(f"reason.{reason}", reason)

    def stage(self, name: str) -> str:
        """A stage of the way from trigger to verdict."""
        return self._words.get(f"stage.{name}", name)


def stamp(wall_ns: int) -> str:
    """Date and time of day, in the station's own time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_ns / 1e9))


def iso(wall_ns: int) -> str:
    """The same for programs, with the time zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(wall_ns / 1e9))


def zone() -> str:
    """The station's time zone, such as JST (UTC+09:00)."""
    name, offset = time.strftime("%Z %z").split()
    return name if name == "UTC" else f"{name} (UTC{offset[:3]}:{offset[3:]})"


def percent(share: float) -> str:
    """A share of the limit; near the limit with a decimal, so that 100.4 % is not read as just inside."""
    return f"{100 * share:.{1 if abs(share - 1) < 0.05 else 0}f} %"
