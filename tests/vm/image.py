"""A disk image of Debian trixie that boots in the virtual machine; made once and kept outside the checkout.

Debian comes from the machine's own package sources. Needs root (for mmdebstrap and the files' owners), mmdebstrap and
mke2fs. The image holds Debian, the agent, the simulated GPIO lines and the libraries of the tests; nothing of kensa,
which the install script brings.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2"),
    *("python3", "python3-venv", "gpiod", "v4l-utils", "python3-libcamera", "libcamera-ipa"),
)
TEST_PACKAGES = ("pytest>=8.3", "pytest-timeout>=2.3", "hypothesis>=6.115", "httpx>=0.27")
DISK_BYTES = 3 * 2**30
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
GLIBC_TAGS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")

AGENT_UNIT = """\
[Unit]
Description=Takes commands from the host
After=local-fs.target gpio-sim.service
RequiresMountsFor=/mnt/project /mnt/share
[Service]
ExecStart=/usr/bin/python3 /opt/vm/agent.py
Restart=always
OOMScoreAdjust=-900
[Install]
WantedBy=multi-user.target
"""
GPIO_UNIT = """\
[Unit]
Description=Simulated GPIO lines, as a Raspberry Pi 4 names them
DefaultDependencies=no
After=sys-kernel-config.mount
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash /opt/vm/gpio_sim.sh
[Install]
WantedBy=sysinit.target
"""
FSTAB = """\
/dev/vda / ext4 defaults,noatime 0 1
project /mnt/project 9p trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro 0 0
share /mnt/share 9p trans=virtio,version=9p2000.L,msize=524288 0 0
"""


def kensa_needs() -> tuple[str, ...]:
    """What the project itself asks for on a Pi."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return (*project["dependencies"], *project["optional-dependencies"]["pi"])


def cache_folder() -> Path:
    """KENSA_VM_CACHE, or a folder of the user's cache."""
    named = os.environ.get("KENSA_VM_CACHE")
    folder = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kensa-vm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def base_image() -> Path:
    """The image, made if it is not there yet or what it is made of has changed."""
    content = [*PACKAGES, *TEST_PACKAGES, *kensa_needs(), AGENT_UNIT, GPIO_UNIT, FSTAB, str(DISK_BYTES)]
    content += [(HERE / name).read_text() for name in ("agent.py", "gpio_sim.sh")]
    image = cache_folder() / f"trixie-{digest(*content)}.img"
    with exclusive():
        if not image.is_file():
            root = cache_folder() / "root"
            clear(root)
            root.mkdir()
            try:
                archive = debian(architecture="amd64", packages=PACKAGES)
                subprocess.run(["tar", "-C", str(root), "--numeric-owner", "-xf", str(archive)], check=True)
                _furnish(root)
                make_file_system(root, image)
            finally:
                clear(root)
    return image


def debian(*, architecture: str, packages: tuple[str, ...], only_extract: bool = False) -> Path:
    """An archive with Debian trixie and these packages, from the machine's own sources, kept in the cache.

    only_extract: unpack the packages and run none of their scripts, for an architecture that cannot run here.
    """
    archive = cache_folder() / f"trixie-{architecture}-{digest(*packages)}.tar"
    if not archive.is_file():
        part = archive.with_suffix(".part")
        command = ["mmdebstrap", "--quiet", f"--variant={'extract' if only_extract else 'minbase'}"]
        command += [f"--architectures={architecture}", f"--include={','.join(packages)}", "--format=tar"]
        command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
        subprocess.run([*command, "trixie", str(part), _mirror()], check=True)
        part.rename(archive)
    return archive


def wheels(*, architecture: str, requirements: tuple[str, ...], with_needs: bool = True) -> Path:
    """A folder with the wheels for Python 3.13 and all that they need, by pip's own settings, kept in the cache.

    with_needs: False for what needs something that there are no wheels of.
    """
    folder = cache_folder() / f"wheels-{architecture}-{digest(*requirements)}"
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        clear(part)
        command = [sys.executable, "-m", "pip", "download", "-qq", "-d", str(part), "--only-binary=:all:"]
        command += ["--python-version", "3.13", "--implementation", "cp", *(() if with_needs else ("--no-deps",))]
        command += [word for abi in ("cp313", "abi3", "none") for word in ("--abi", abi)]
        command += [word for tag in GLIBC_TAGS for word in ("--platform", f"{tag}_{architecture}")]
        subprocess.run([*command, "--platform", "any", *requirements], check=True)
        part.rename(folder)
    return folder


def unpacked_wheels(folder: Path, target: Path) -> None:
    """Every wheel of a folder, unpacked as pip would install it, into one folder that PYTHONPATH can name."""
    for wheel in sorted(folder.glob("*.whl")):
        shutil.unpack_archive(wheel, target, "zip")


def _furnish(root: Path) -> None:
    """What makes Debian a machine that can be driven from outside."""
    own = root / "opt" / "vm"
    own.mkdir(parents=True)
    for name in ("agent.py", "gpio_sim.sh"):
        shutil.copy(HERE / name, own / name)
    units = root / "etc" / "systemd" / "system"
    (units / "vm-agent.service").write_text(AGENT_UNIT)
    (units / "gpio-sim.service").write_text(GPIO_UNIT)
    for target, unit in (("multi-user", "vm-agent"), ("sysinit", "gpio-sim")):
        wanted = units / f"{target}.target.wants"
        wanted.mkdir(exist_ok=True)
        (wanted / f"{unit}.service").symlink_to(f"../{unit}.service")
    for folder in ("project", "share"):
        (root / "mnt" / folder).mkdir()
    (root / "etc" / "fstab").write_text(FSTAB)
    (root / "etc" / "hostname").write_text("station\n")
    (root / "etc" / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc" / "resolv.conf").unlink(missing_ok=True)
    (root / "etc" / "apt" / "sources.list").unlink(missing_ok=True)  # there is no network inside
    for requirements in (TEST_PACKAGES, kensa_needs()):
        unpacked_wheels(wheels(architecture="x86_64", requirements=requirements), own / "tests")
    compiling = ["python3", "-m", "compileall", "-q", "-j", "2", "/opt/vm/tests"]
    subprocess.run(["chroot", str(root), *compiling], check=False, stdout=subprocess.DEVNULL)


def make_file_system(root: Path, image: Path) -> None:
    """A disk with these files."""
    part = image.with_suffix(".part")
    with part.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(root), str(part)], check=True)
    part.rename(image)


def _mirror() -> str:
    """Where this machine gets Debian from."""
    places = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    lines = [line for place in places if place.is_file() for line in place.read_text().splitlines()]
    for line in lines:
        found = re.match(r"(?:URIs:|deb(?: \[[^]]*\])?) *(\S+/debian)/?(?: |$)", line)
        if found:
            return found[1]
    raise OSError("no Debian mirror in this machine's package sources")


def copy_disk(source: Path, target: Path) -> None:
    """A copy that takes room only for what is in it."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], check=True)


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """A disk's files in a folder, to be changed."""
    root = cache_folder() / "mounted"
    root.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(root)], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", str(root)], check=True)


def digest(*parts: str) -> str:
    """Twelve letters that change with any of the parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def clear(folder: Path) -> None:
    """Remove a folder, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def exclusive() -> Iterator[None]:
    """Only one at a time makes an image."""
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder for one run's disk, on the same file system as the cache."""
    return tempfile.TemporaryDirectory(dir=cache_folder(), prefix="run-", ignore_cleanup_errors=True)
