"""What the README promises exists."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from edge.__main__ import COMMANDS as EDGE_COMMANDS
from training.__main__ import COMMANDS as TRAINING_COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    README,
    *(path.read_text(encoding="utf-8") for path in ROOT.glob("*/**/README.md") if ".venv" not in path.parts),
]


LEFTOVERS = [*(f"/{folder}/" for folder in ("work", "root", "home")), 2 * "@"]


def command_after(heading: str) -> str:
    """The first code block below a heading."""
    return re.search(rf"## {heading}\n.*?```\n(.*?)\n```", README, re.DOTALL)[1]  # type: ignore[index]


def test_ci_runs_exactly_the_readmes_test_command() -> None:
    assert command_after("Run the tests") in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def test_every_command_named_in_a_readme_exists() -> None:
    for text in PAGES:
        for program, command in re.findall(r"\b(edge|training) ([a-z]+)\b(?= |`|\n)", "\n".join(_code(text))):
            assert command in (EDGE_COMMANDS if program == "edge" else TRAINING_COMMANDS), f"{program} {command}"


def test_every_file_named_in_a_readme_exists() -> None:
    for name in re.findall(r"`((?:edge|training|models|systemd|tests)/[\w./]*)`", "\n".join(PAGES)):
        assert (ROOT / name).exists(), name


def test_no_private_path_or_leftover_is_in_the_project() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    texts = [
        ROOT / name
        for name in listed
        if "vendor" not in name and Path(name).suffix in {".py", ".md", ".toml", ".yaml", ".html", ".js", ".css"}
    ]
    assert len(texts) > 20
    for path in texts:
        assert not re.search("|".join(LEFTOVERS), path.read_text(encoding="utf-8")), path


@pytest.mark.slow
def test_first_command_of_the_readme_works_in_a_fresh_environment_without_torch(tmp_path: Path) -> None:
    """As a stranger does it, from what git holds; only the last step is the demo that ends by itself."""
    archive = tmp_path / "clone.tar"
    subprocess.run(["git", "archive", "-o", archive, "HEAD"], cwd=ROOT, check=True)
    clone = tmp_path / "clone"
    with tarfile.open(archive) as tar:
        tar.extractall(clone, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(clone)
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    first = command_after("Try it").replace("python3", sys.executable, 1)
    assert first.endswith(".venv/bin/edge demo")
    done = subprocess.run(
        ["bash", "-c", f"{first} --parts 50 --no-web"], cwd=clone, env=clean, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"escapes among clear defects: 0 of [1-9]", done.stdout), done.stdout
    named, bent = re.search(r"named by their address: (\d+) of (\d+)", done.stdout).groups()  # type: ignore[union-attr]
    assert named == bent != "0", done.stdout
    assert not list(clone.glob(".venv/lib/*/site-packages/torch"))


def _code(text: str) -> list[str]:
    return re.findall(r"```\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
