"""GPIO boards to run the contracts on: the fake everywhere, the kernel's gpio-sim where there is one.

KENSA_GPIO_CHIP names its label. The kernel's lines must be named GPIO0 and on, as on a Pi, and this must run as root.
"""

import os
from pathlib import Path

import gpiod
import pytest

from edge.drivers import gpio_lines
from tests.gpio_boards import Board, FakeBoard, FakeChip, KernelBoard

TRIGGER_LINE = "GPIO17"


@pytest.fixture
def fake_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeBoard:
    folder = tmp_path / "dev"
    folder.mkdir()
    board = FakeBoard(folder / "gpiochip0")
    monkeypatch.setattr(FakeChip, "boards", {str(board.path): board})
    monkeypatch.setattr(gpio_lines, "DEVICES", folder)
    monkeypatch.setattr(gpiod, "Chip", FakeChip)
    monkeypatch.setattr(gpiod, "is_gpiochip_device", lambda path: path in FakeChip.boards)
    return board


@pytest.fixture
def kernel_board() -> KernelBoard:
    label = os.environ.get("KENSA_GPIO_CHIP")
    if not label:
        pytest.skip("no simulated kernel chip: KENSA_GPIO_CHIP names the label of one")
    board = KernelBoard(label)
    board.pull(TRIGGER_LINE, 0)  # whatever the test before left
    return board


@pytest.fixture(params=["fake", "kernel"])
def board(request: pytest.FixtureRequest) -> Board:
    found: Board = request.getfixturevalue(f"{request.param}_board")
    return found
