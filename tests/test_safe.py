"""`edge safe` switches every wire off, whatever state it is in, and says who holds a line that it cannot have."""

from pathlib import Path

import pytest

from edge.__main__ import main
from edge.cameras import LineCamera
from tests.contracts.conftest import fake_board as fake_board
from tests.gpio_boards import FakeBoard

STATION = """\
station: a1
bundle: demo
data: data
camera: {driver: line}
trigger: {driver: gpio, line: GPIO17}
outputs: {driver: gpio, ok: {line: GPIO22}, ng: {line: GPIO23, active_low: true}, busy: {line: GPIO25}}
"""


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(LineCamera, "is_simulated", False)  # there is no real camera here
    path = tmp_path / "station.yaml"
    path.write_text(STATION)
    return path


def test_every_wire_goes_off_and_the_lines_are_free_again(
    fake_board: FakeBoard, station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_board.levels |= {"GPIO22": 1, "GPIO23": 0, "GPIO25": 1}  # as a core that died may leave them
    for _ in range(2):
        assert main(["safe", "--config", str(station)]) == 0
        assert capsys.readouterr().out == "off: ok (GPIO22), ng (GPIO23), busy (GPIO25)\n"
        assert fake_board.writes[-1].keys() == {"GPIO22", "GPIO23", "GPIO25"}
        assert (fake_board.level("GPIO22"), fake_board.level("GPIO25")) == (0, 0)
        assert fake_board.holders == {}


def test_line_that_a_living_core_holds_is_told(
    fake_board: FakeBoard, station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_board.holders["GPIO22"] = "kensa"
    assert main(["safe", "--config", str(station)]) == 1
    assert "GPIO22 by 'kensa'" in capsys.readouterr().err


def test_wire_that_stays_on_is_told(fake_board: FakeBoard, station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake_board.stuck["GPIO22"] = 1
    assert main(["safe", "--config", str(station)]) == 1
    assert "the wire 'ok' (GPIO22) is on" in capsys.readouterr().err


def test_simulated_outputs_need_nothing(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station.write_text(STATION[: STATION.index("outputs")] + "outputs: {driver: simulated}\n")
    assert main(["safe", "--config", str(station)]) == 0
    assert "simulated" in capsys.readouterr().out


def test_broken_configuration_is_one_sentence(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station.write_text(STATION.replace("GPIO25", "GPIO22"))
    assert main(["safe", "--config", str(station)]) == 1
    assert "6: outputs.busy.line: GPIO22 is already the wire 'ok'" in capsys.readouterr().err
