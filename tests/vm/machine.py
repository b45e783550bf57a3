"""One virtual machine: boots the image, runs commands in it, cuts its power.

The kernel is the one in KENSA_SHARED/vm, which has simulated GPIO lines and cameras. It runs under KVM where a probe
boots within a minute, else emulated, 10 to 30 times slower: no time that is measured inside says anything about a Pi.
"""

import itertools
import json
import os
import queue
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.vm.image import ROOT, base_image, cache_folder, copy_disk

QEMU = "qemu-system-x86_64"
KVM = ("-accel", "kvm", "-cpu", "host,-arch-capabilities")
EMULATED = ("-accel", "tcg,thread=multi", "-cpu", "Nehalem")  # newer ones cost an emulator ten times the time
# On a busy host an emulated timer is too late for the kernel's patience, and all of Debian for systemd's.
PATIENT = "no_timer_check systemd.default_timeout_start_sec=900 systemd.default_device_timeout_sec=900"
KERNEL_OPTIONS = f"root=/dev/vda rw console=ttyS0 quiet panic=-1 vivid.n_devs=1 {PATIENT}"
IS_FULL = os.environ.get("KENSA_VM") == "full"
PROBE_S, BOOT_S, COMMAND_S = 60, 600, 300
MOST_BOOTS, STARTED = 3, "login:"  # a console that asks this has started its programs

only_full = pytest.mark.skipif(not IS_FULL, reason="only in the full form, KENSA_VM=full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command's exit code, and what it printed on both channels."""

    code: int
    output: str


def kernel() -> Path:
    """The stand-in kernel; skips the test, with the reason, where there is none or it cannot be booted."""
    path = Path(os.environ.get("KENSA_SHARED", ROOT.parent / "shared")) / "vm" / "bzImage"
    if not path.is_file():
        pytest.skip(f"no kernel for the virtual machine: {path} is not there (KENSA_SHARED names the folder)")
    for program in (QEMU, "mmdebstrap", "mke2fs"):
        if shutil.which(program) is None:
            pytest.skip(f"no virtual machine: {program} is not installed")
    if os.geteuid() != 0:
        pytest.skip("no virtual machine: making its disk needs root")
    return path


def accelerator() -> tuple[str, ...]:
    """KVM if this kernel boots with it within a minute; the answer is kept in the cache until the host boots anew."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = cache_folder() / "kvm.json"
    if known.is_file() and (found := json.loads(known.read_text())).get("boot") == boot:
        return KVM if found["works"] else EMULATED
    works = Path("/dev/kvm").exists() and _probe()
    known.write_text(json.dumps({"boot": boot, "works": works}))
    return KVM if works else EMULATED


def _probe() -> bool:
    """A kernel without a disk panics and ends by itself: that it comes so far is the proof."""
    command = [QEMU, *KVM, "-m", "256", "-nographic", "-no-reboot", "-kernel", str(kernel())]
    try:
        done = subprocess.run(
            [*command, "-append", "console=ttyS0 panic=-1"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return b"Kernel panic" in done.stdout


class Machine:
    """A machine with a disk of its own in `folder`; what it prints goes to `folder/console.log`.

    Inside, /mnt/project is this checkout, read only, and /mnt/share is `folder/share`.
    """

    def __init__(self, folder: Path, *, image: Path | None = None) -> None:
        """image: a disk to begin with; Debian without kensa if none is named."""
        self.folder, self.share, self.disk = folder, folder / "share", folder / "disk.img"
        self.share.mkdir(parents=True, exist_ok=True)
        self._kernel = kernel()
        copy_disk(image or base_image(), self.disk)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._answers: dict[int, queue.Queue[Finished]] = {}
        self._numbers = itertools.count()
        self._hello = threading.Event()

    def start(self) -> Self:
        """Boot until the agent answers. Raises TimeoutError with the console's end.

        An emulated kernel now and then stands still before it has started anything; then it is switched on again.
        """
        for attempt in range(1, MOST_BOOTS + 1):
            began_at = len(self.console())
            if self._boots():
                return self
            self.cut_power()
            said = self.console()[began_at:]
            if STARTED in said or attempt == MOST_BOOTS:
                break
            print(f"the kernel stood still, boot {attempt}: {said[-200:]!r}")
        raise TimeoutError(f"the machine did not boot:\n{said[-2000:]}")

    def _boots(self) -> bool:
        path = self.folder / "agent.sock"
        path.unlink(missing_ok=True)
        self._hello.clear()
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                ["nice", "-n", "10", *self._command(path)],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        self._connect(path)
        threading.Thread(target=self._listen, args=(self._socket,), daemon=True).start()
        ends_s = time.monotonic() + BOOT_S
        while not self._hello.wait(1.0):
            if time.monotonic() > ends_s or self._process.poll() is not None:
                return False
        return True

    def run(self, command: str, *, timeout_s: float = COMMAND_S, check: bool = True) -> str:
        """What a shell command printed. Raises AssertionError when it failed and `check` is set."""
        done = self.finish(command, timeout_s=timeout_s)
        assert done.code == 0 or not check, f"{command!r} ended with {done.code}:\n{done.output[-6000:]}"
        return done.output

    def finish(self, command: str, *, timeout_s: float = COMMAND_S) -> Finished:
        """A shell command's exit code and output; 124 when it took too long."""
        number = next(self._numbers)
        self._answers[number] = queue.Queue()
        request = json.dumps({"id": number, "command": command, "timeout_s": timeout_s})
        assert self._socket is not None, "the machine is not running"
        self._socket.sendall(request.encode() + b"\n")
        try:
            return self._answers[number].get(timeout=timeout_s + 60)
        except queue.Empty:
            raise TimeoutError(f"no answer to {command!r}:\n{self.console()[-2000:]}") from None

    def until(self, condition: str, *, timeout_s: float = COMMAND_S, every_s: float = 1.0) -> str:
        """Wait until a shell command succeeds; what it then printed."""
        ends_s = time.monotonic() + timeout_s
        while True:
            done = self.finish(condition)
            if done.code == 0:
                return done.output
            assert time.monotonic() < ends_s, f"{condition!r} did not come true in {timeout_s} s: {done.output[-3000:]}"
            time.sleep(every_s)

    def cut_power(self) -> None:
        """As if the plug were pulled: nothing is written any more, not even by the host. The disk stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def shut_down(self) -> None:
        """End in order."""
        self.finish("systemctl poweroff --no-block")
        if self._process is not None:
            self._process.wait(timeout=BOOT_S)
        self.cut_power()

    def console(self) -> str:
        """What the machine printed on its console since it was made."""
        log = self.folder / "console.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def close(self) -> None:
        """Power off at once; harmless when it is off."""
        self.cut_power()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _command(self, agent: Path) -> list[str]:
        shares = [("project", ROOT, ",readonly=on"), ("share", self.share, "")]
        return [
            *(QEMU, *accelerator(), "-m", "1536", "-smp", "2", "-nographic", "-no-reboot", "-net", "none"),
            *("-kernel", str(self._kernel), "-append", KERNEL_OPTIONS),
            *("-drive", f"file={self.disk},if=virtio,format=raw,cache=directsync"),
            *("-device", "virtio-serial", "-chardev", f"socket,id=agent,path={agent},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=kensa"),
            *(
                word
                for tag, path, more in shares
                for word in ("-virtfs", f"local,path={path},mount_tag={tag},security_model=none,multidevs=remap{more}")
            ),
        ]

    def _connect(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        _attempt(lambda: self._socket.connect(str(path)) if self._socket else None, seconds=20)

    def _listen(self, connection: socket.socket) -> None:
        waiting = b""
        while True:
            try:
                read = connection.recv(65536)
            except OSError:
                return
            if not read:
                return
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                answer = json.loads(line)
                if "hello" in answer:
                    self._hello.set()
                else:
                    self._answers[answer["id"]].put(Finished(code=answer["code"], output=answer["output"]))


def _attempt(step: Callable[[], object], *, seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        try:
            step()
        except OSError:
            time.sleep(0.1)
        else:
            return
    step()
