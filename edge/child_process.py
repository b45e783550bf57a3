"""A module of this package run in a process of its own, wherever the package lies."""

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent


def python(module: str, *arguments: str) -> list[str]:
    """The command for a module; it needs `environment`."""
    return [sys.executable, "-m", module, *arguments]


def environment() -> dict[str, str]:
    """This process's own, in which Python finds this very package."""
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run_to_end(command: list[str], *, timeout_s: float) -> "subprocess.CompletedProcess[str]":
    """Its result. Raises subprocess.TimeoutExpired when it was ended, OSError if it could not be started."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=environment())


def trouble_of(done: "subprocess.CompletedProcess[str]") -> str:
    """Its last sentence if it failed as our programs do, how it died otherwise; "" for one that is done."""
    lines = done.stderr.strip().splitlines()
    if not done.returncode:
        return ""
    return lines[-1] if done.returncode == 1 and lines else f"its process died ({done.returncode})"
