"""A real sshd on this computer's own address, with a key of its own for the tests and nobody's settings."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_sshd = pytest.mark.skipif(SSHD is None, reason="no sshd here (Debian: openssh-server)")
PRIVILEGE_SEPARATION = Path("/run/sshd")

CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
"""


@contextmanager
def sshd(folder: Path) -> Iterator[tuple[int, str]]:
    """Runs for the block; gives its process and the command that connects: `ssh …`, to be followed by a host."""
    assert SSHD
    folder.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    with subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=subprocess.PIPE) as server:
        try:
            _wait_for(port, server)
            yield (
                server.pid,
                (
                    f"ssh -F none -p {port} -i {folder}/user -l {getpass.getuser()} -o BatchMode=yes "
                    f"-o ConnectTimeout=5 -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={folder}/known"
                ),
            )
        finally:
            server.terminate()


def cut_connections(server: int) -> None:
    """End every connection of a running sshd at once, as when a cable is pulled and the other end notices."""
    for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, server.stderr.read() if server.stderr else ""
        time.sleep(0.05)
    raise AssertionError("sshd did not start")
