"""What the measuring programs share: options, one sentence for what failed, files that are whole or not there."""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.errors import EdgeError
from training import tool
from training.calibrate import Rate


@dataclass(frozen=True)
class Thing:
    rate: Rate
    path: Path
    numbers: tuple[float, ...]


def program(*arguments: str, run: Callable[[argparse.Namespace], None]) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.thing")
    parser.add_argument("--json", type=Path)
    return tool.run_tool(parser, run, arguments)


def failing(error: BaseException) -> Callable[[argparse.Namespace], None]:
    def run(_: argparse.Namespace) -> None:
        raise error

    return run


def test_values_become_what_json_has() -> None:
    found = tool.plain(Thing(rate=Rate(events=0, trials=0), path=Path("a/b"), numbers=(1.0, math.inf, math.nan)))
    assert json.loads(json.dumps(found, allow_nan=False)) == {
        "rate": {"events": 0, "trials": 0, "share": None, "interval_95": [0.0, 1.0]},
        "path": "a/b",
        "numbers": [1.0, None, None],
    }


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    tool.write_json(out, [1])
    tool.write_json(out, [1, 2])
    assert json.loads(out.read_text()) == [1, 2]
    assert list(tmp_path.iterdir()) == [out]


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "out.json", tmp_path):
        with pytest.raises(EdgeError, match="could not be written"):
            tool.check_writable(path)
        with pytest.raises(EdgeError, match="could not be written"):
            tool.write_json(path, [1])
    assert not list(tmp_path.parent.glob(".*.unfinished"))


@pytest.mark.parametrize(
    ("error", "words"), [(EdgeError("it is broken"), "it is broken"), (KeyboardInterrupt(), "stopped")]
)
def test_what_fails_is_one_sentence_with_the_programs_name(
    error: BaseException, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program(run=failing(error)) == 1
    assert capsys.readouterr().err == f"training.thing: {words}\n"


def test_what_works_returns_zero_and_wrong_use_two() -> None:
    assert program(run=lambda _: None) == 0
    with pytest.raises(SystemExit) as caught:
        program("--nonsense", run=lambda _: None)
    assert caught.value.code == 2


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x"])
def test_a_whole_number_is_at_least_one(text: str) -> None:
    with pytest.raises((argparse.ArgumentTypeError, ValueError)):
        tool.whole(text)


@pytest.mark.parametrize("text", ["0", "1", "nan", "-0.1"])
def test_a_share_lies_between_zero_and_one(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        tool.share(text)
