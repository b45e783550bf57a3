"""GPIO lines by name, over libgpiod 2: which chip, who holds a line, and every error in plain words.

Also the output lines of a station as one request, which `edge safe` needs and nothing else. Not thread-safe, as gpiod
is not: one thread owns what is made here.
"""

import errno
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import gpiod
from gpiod.line import Direction, Value

from edge.errors import DeviceFault, DeviceUnavailable
from edge.wiring import GpioOutputs

CONSUMER = "kensa"
DEVICES = Path("/dev")
READ_BACK_TRIES = 3
READ_BACK_PAUSE_S = 0.001  # a long cable takes its time


def find_chip(wanted: str) -> str:
    """The path of the chip with this label, or of this path. Raises DeviceUnavailable, naming those that there are."""
    paths = {path.resolve() for path in DEVICES.glob("gpiochip*") if gpiod.is_gpiochip_device(str(path))}
    if wanted.startswith("/"):
        if Path(wanted).resolve() in paths or gpiod.is_gpiochip_device(wanted):
            return wanted
        labels = {}
    else:
        labels = {str(path): _label_of(str(path)) for path in sorted(paths)}
        found = [path for path, label in labels.items() if label == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            raise DeviceUnavailable(f"{' and '.join(found)} are both called '{wanted}': name the chip by its path")
    there = ", ".join(f"'{label}' ({path})" for path, label in labels.items()) or ", ".join(map(str, sorted(paths)))
    raise DeviceUnavailable(f"there is no GPIO chip '{wanted}' here; there is {there or 'none at all'}")


def claim(wanted: str, lines: Mapping[str, gpiod.LineSettings], *, queue: int | None = None) -> gpiod.LineRequest:
    """One request for all these lines of a chip, by their names. queue: how many edges the kernel may keep.

    Raises DeviceUnavailable: no such chip, no such line, or who holds it.
    """
    path = find_chip(wanted)
    with _open_chip(path) as chip:
        for line in lines:
            _check_line(chip, line, path)
        config: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None] = {}
        config.update(lines.items())
        try:
            return chip.request_lines(config, consumer=CONSUMER, event_buffer_size=queue)
        except OSError as error:
            names = " and ".join(lines)
            if error.errno == errno.EBUSY:
                raise DeviceUnavailable(_who_holds(chip, lines, path)) from error
            raise DeviceUnavailable(f"{names} of {path} cannot be had: {os.strerror(error.errno or 0)}") from error


@contextmanager
def in_plain_words(what: str) -> Iterator[None]:
    """Any error of gpiod within this block becomes a DeviceFault about `what`."""
    try:
        yield
    except OSError as error:
        raise DeviceFault(f"{what}: {os.strerror(error.errno or 0)}") from error
    except (gpiod.RequestReleasedError, gpiod.ChipClosedError, ValueError) as error:
        raise DeviceFault(f"{what}: {error}") from error


class OutputLines:
    """All wires of a station in one request: off when made, off when closed, and every change in one stroke."""

    def __init__(self, wiring: GpioOutputs) -> None:
        """Raises DeviceUnavailable if the lines cannot be had, DeviceFault if one of them is on all the same."""
        self._wires = wiring.wires
        settings = {
            wire.line: gpiod.LineSettings(
                direction=Direction.OUTPUT, active_low=wire.active_low, output_value=Value.INACTIVE
            )
            for wire in self._wires.values()
        }
        self._request: gpiod.LineRequest | None = claim(wiring.chip, settings)
        try:
            self.show(frozenset())
        except BaseException:
            self.close()
            raise

    def show(self, on: frozenset[str]) -> None:
        """These wires on, all others off; names without a wire are passed over. Raises DeviceFault.

        What the pins say is read back, so that a wire that is stuck is found before the line believes it.
        """
        values: dict[int | str, Value] = {
            wire.line: Value.ACTIVE if name in on else Value.INACTIVE for name, wire in self._wires.items()
        }
        with in_plain_words("the outputs cannot be switched"):
            self._held.set_values(values)
        wanted = on & self._wires.keys()
        for _ in range(READ_BACK_TRIES):
            stuck = self.read() ^ wanted
            if not stuck:
                return
            time.sleep(READ_BACK_PAUSE_S)
        name = min(stuck)
        is_on = name not in wanted
        raise DeviceFault(
            f"the wire '{name}' ({self._wires[name].line}) is {'on' if is_on else 'off'} and was switched "
            f"{'off' if is_on else 'on'}: look for a short circuit"
        )

    def read(self) -> frozenset[str]:
        """Which wires are on, as the pins say. Raises DeviceFault."""
        with in_plain_words("the outputs cannot be read back"):
            values = self._held.get_values([wire.line for wire in self._wires.values()])
        return frozenset(name for name, value in zip(self._wires, values, strict=True) if value is Value.ACTIVE)

    def close(self) -> None:
        """All off, and the lines free again; may be called twice. Never raises: there is nothing left to be done."""
        request, self._request = self._request, None
        if request is None:
            return
        with suppress(OSError, gpiod.RequestReleasedError):
            request.set_values({wire.line: Value.INACTIVE for wire in self._wires.values()})
        with suppress(OSError):
            request.release()

    @property
    def _held(self) -> gpiod.LineRequest:
        if self._request is None:
            raise DeviceUnavailable("the output lines are closed")
        return self._request


@contextmanager
def _open_chip(path: str) -> Iterator[gpiod.Chip]:
    try:
        chip = gpiod.Chip(path)
    except OSError as error:
        hint = "; put this user into the group 'gpio'" if error.errno in (errno.EACCES, errno.EPERM) else ""
        raise DeviceUnavailable(f"{path} cannot be opened: {os.strerror(error.errno or 0)}{hint}") from error
    try:
        yield chip
    finally:
        chip.close()


def _label_of(path: str) -> str:
    with _open_chip(path) as chip:
        return str(chip.get_info().label)


def _check_line(chip: gpiod.Chip, line: str, path: str) -> None:
    try:
        chip.line_offset_from_id(line)
    except (OSError, ValueError) as error:
        info = chip.get_info()
        raise DeviceUnavailable(
            f"there is no line '{line}' on {path} '{info.label}' with its {info.num_lines} lines; gpioinfo lists them"
        ) from error


def _who_holds(chip: gpiod.Chip, lines: Mapping[str, object], path: str) -> str:
    held = [(line, chip.get_line_info(line)) for line in lines]
    words = [f"{line} by '{info.consumer or 'the kernel'}'" for line, info in held if info.used]
    return f"{path}: taken already: {', '.join(words) or 'by somebody'}; end that program, or choose other lines"
