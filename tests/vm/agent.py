"""Runs inside the virtual machine: takes commands from the host over a virtio port and answers with what they printed.

One JSON object a line in both directions. Each command runs in a thread of its own, so that one that hangs holds up
no other. Nothing but the standard library, for it runs before anything is installed.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

PORT = "/dev/virtio-ports/kensa"
LONGEST_OUTPUT = 400_000


def main() -> None:
    """Say hello with the boot's id, then serve until the machine goes down."""
    sending = threading.Lock()
    with Path(PORT).open("r+b", buffering=0) as port:
        _send(port, sending, {"hello": Path("/proc/sys/kernel/random/boot_id").read_text().strip()})
        waiting = b""
        while True:
            read = port.read(65536)
            if not read:
                threading.Event().wait(0.05)  # the host has not connected, or has let go
                continue
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                threading.Thread(target=_serve, args=(port, sending, json.loads(line)), daemon=True).start()


def _serve(port: IO[bytes], sending: threading.Lock, request: dict[str, Any]) -> None:
    try:
        done = subprocess.run(
            ["bash", "-c", request["command"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=request["timeout_s"],
            check=False,
        )
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, output = 124, error.stdout or b""
    text = output.decode(errors="replace")[-LONGEST_OUTPUT:]
    _send(port, sending, {"id": request["id"], "code": code, "output": text})


def _send(port: IO[bytes], sending: threading.Lock, answer: dict[str, Any]) -> None:
    with sending:
        left = memoryview(json.dumps(answer).encode() + b"\n")
        while left:
            left = left[port.write(left) :]


if __name__ == "__main__":
    sys.exit(main())
