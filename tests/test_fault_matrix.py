"""The table of faults names only tests that there are."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROWS = [
    line for line in (TESTS / "vm" / "README.md").read_text().split("## The faults")[1].splitlines() if "::" in line
]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([\w/]+\.py::[^`]+)`", row)})


def test_every_fault_has_a_row() -> None:
    assert len(ROWS) >= 19


@pytest.mark.parametrize("name", NAMED)
def test_named_test_exists(name: str) -> None:
    file, _, function = name.partition("::")
    function, _, case = function.partition("[")
    text = (TESTS / file).read_text()
    assert function in {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    assert f'"{case.removesuffix("]")}"' in text or not case
