"""Real aarch64 wheels on an emulated Cortex-A72, the processor of a Raspberry Pi 4, without a machine around it.

qemu's user mode runs one Python of Debian trixie (3.13) with the wheels that a Pi gets. It shows which instructions
are used and what numbers come out; it says nothing about time, and system calls are the host's.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.vm.image import ROOT, cache_folder, clear, debian, digest, exclusive, kensa_needs, unpacked_wheels, wheels

PACKAGES = ("python3.13", "libpython3.13-stdlib", "libstdc++6", "libgcc-s1", "libc6", "zlib1g")


def emulator() -> Path:
    """qemu's user mode; skips the test, with the reason, where it is not there."""
    path = Path(os.environ.get("KENSA_SHARED", ROOT.parent / "shared")) / "vm" / "qemu-aarch64"
    if not path.is_file():
        pytest.skip(f"no Cortex-A72: {path} is not there (KENSA_SHARED names the folder)")
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        pytest.skip("no Cortex-A72: its Debian is made with mmdebstrap, as root")
    return path


def root(*more: str) -> Path:
    """A folder with an arm64 Debian as far as Python needs it, and the wheels in /wheels. more: requirements."""
    needs = (*kensa_needs(), *more)
    folder = cache_folder() / f"a72-{digest(*PACKAGES, *needs)}"
    with exclusive():
        if not folder.is_dir():
            part = folder.with_suffix(".part")
            clear(part)
            part.mkdir()
            archive = debian(architecture="arm64", packages=PACKAGES, only_extract=True)
            subprocess.run(["tar", "-C", str(part), "--exclude=./dev/*", "-xf", str(archive)], check=True)
            if not (part / "lib").exists():  # which a script of base-files would have made
                (part / "lib").symlink_to("usr/lib")
            unpacked_wheels(wheels(architecture="aarch64", requirements=needs), part / "wheels")
            part.rename(folder)
    return folder


def run_python(code: str, *, timeout_s: float = 900) -> str:
    """What a Python programme prints on the Cortex-A72. Raises CalledProcessError with its words."""
    python = root() / "usr" / "bin" / "python3.13"
    search = f"{ROOT}:{root() / 'wheels'}"
    command = [str(emulator()), "-cpu", "cortex-a72", "-L", str(root()), "-E", f"PYTHONPATH={search}"]
    command += ["-E", "PYTHONDONTWRITEBYTECODE=1", str(python), "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, f"ended with {done.returncode}:\n{done.stdout}{done.stderr[-3000:]}"
    return done.stdout
