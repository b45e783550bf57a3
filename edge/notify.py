"""What the core tells systemd: that it is up, how it is, and that it still makes progress (sd_notify, Type=notify)."""

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger(__name__)

PATIENCE_S = 5.0


class Notifier:
    """Datagrams to the socket that systemd names in the environment; silent where nobody listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """watchdog_s: systemd ends the core after so long without `alive`; None if it does not watch."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        microseconds = environment.get("WATCHDOG_USEC", "")
        is_meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(microseconds) / 1e6 if microseconds.isdecimal() and is_meant and self._address else None
        self._alive_at = 0.0
        self._status = ""

    def ready(self) -> None:
        """Everything is open and the loop has come round."""
        self._send("READY=1", patience_s=PATIENCE_S)

    def alive(self, status: str) -> None:
        """The loop has come round once more. status: for `systemctl status`, sent when it changes."""
        now = time.monotonic()
        if self.watchdog_s is not None and now - self._alive_at >= self.watchdog_s / 5:
            self._alive_at = now if self._send("WATCHDOG=1") else self._alive_at
        if status != self._status and self._send(f"STATUS={' '.join(status.split())[:500]}"):
            self._status = status

    def stopping(self) -> None:
        """The core ends on purpose."""
        self._send("STOPPING=1", patience_s=PATIENCE_S)

    def _send(self, message: str, *, patience_s: float = 0.0) -> bool:
        """True if it was sent, or nobody wants to know. Only what matters once may wait for a busy systemd."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(patience_s)
                channel.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd was not told %r: %s", message, error)
            return False
        return True
