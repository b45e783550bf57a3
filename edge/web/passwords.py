"""Passwords: kept only as scrypt digests (RFC 7914), and asked for more and more slowly after wrong ones."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

COST, BLOCK, PARALLEL = 2**14, 8, 1  # 16 MiB and about 50 ms here; a Pi 4 needs four times as long
MEMORY_BYTES = 64 * 2**20
SALT_BYTES, DIGEST_BYTES = 16, 32
LONGEST = 128
UNMISTAKABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # no l and 1, no o and 0, no i
MOST_REMEMBERED = 1000


def hashed(password: str) -> str:
    """scrypt$N$r$p$salt$digest, salt and digest as hex."""
    salt = secrets.token_bytes(SALT_BYTES)
    return _kept(salt, _digest(password, salt, cost=COST, block=BLOCK, parallel=PARALLEL))


def of_nobody() -> str:
    """As `hashed` gives it, of a password that nobody knows; takes no time to make, and as long to compare."""
    return _kept(secrets.token_bytes(SALT_BYTES), secrets.token_bytes(DIGEST_BYTES))


def is_right(password: str, kept: str) -> bool:
    """True if this is the password that was kept; takes as long for a wrong one. False for a digest that is damaged."""
    try:
        kind, cost, block, parallel, salt, digest = kept.split("$")
        found = _digest(password, bytes.fromhex(salt), cost=int(cost), block=int(block), parallel=int(parallel))
        return kind == "scrypt" and hmac.compare_digest(found, bytes.fromhex(digest))
    except ValueError:
        return False


def random_password() -> str:
    """Twelve letters and digits that nobody mistakes, in groups of four: 59 bits."""
    letters = [secrets.choice(UNMISTAKABLE) for _ in range(12)]
    return "-".join("".join(letters[start : start + 4]) for start in (0, 4, 8))


@dataclass(slots=True, kw_only=True)
class _Tries:
    number: int = 0
    last_s: float = 0.0


class Attempts:
    """Counts wrong passwords by some key: after `free` of them each further one waits twice as long as the last."""

    def __init__(self, *, free: int, longest_wait_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._free, self._longest_wait_s, self._now = free, longest_wait_s, now
        self._tries: dict[str, _Tries] = {}

    def wait_s(self, key: str) -> float:
        """How long nobody may try with this key; 0 if now."""
        tries = self._tries.get(key)
        if tries is None or tries.number < self._free:
            return 0.0
        pause_s = min(2.0 ** min(tries.number - self._free, 30), self._longest_wait_s)
        return max(tries.last_s + pause_s - self._now(), 0.0)

    def begin(self, key: str) -> None:
        """An attempt counts as wrong until `right`, so that many at the same time gain nothing."""
        tries = self._tries.setdefault(key, _Tries())
        tries.number, tries.last_s = tries.number + 1, self._now()
        while len(self._tries) > MOST_REMEMBERED:
            self._tries.pop(min(self._tries, key=lambda key: self._tries[key].last_s))

    def right(self, key: str) -> None:
        """The password was right."""
        self._tries.pop(key, None)


def _kept(salt: bytes, digest: bytes) -> str:
    return f"scrypt${COST}${BLOCK}${PARALLEL}${salt.hex()}${digest.hex()}"


def _digest(password: str, salt: bytes, *, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=MEMORY_BYTES, dklen=DIGEST_BYTES
    )
