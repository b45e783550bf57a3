"""What a part has touched once stays in memory: code that the kernel dropped is read from the card again, page by page.

What that is worth: `python -m tests.benchmarks.memory_lock`.
"""

import ctypes
import re
import resource
from pathlib import Path

CURRENT, FUTURE, ON_FAULT = 1, 2, 4
"""Of mlockall(2). Without ON_FAULT all libraries and stacks would be read in whole: four times the memory."""
STATUS = Path("/proc/self/status")
MAY_LOCK_ALL = 1 << 14  # CAP_IPC_LOCK


def stay_in_memory() -> bool:
    """Keep this process's pages from their first use on. False if not allowed; then nothing has changed.

    A service needs LimitMEMLOCK=infinity. With any other limit it is not tried: memory would run out there.
    """
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY and not _may_lock_all():
        return False
    try:
        return bool(ctypes.CDLL(None).mlockall(CURRENT | FUTURE | ON_FAULT) == 0)
    except (OSError, AttributeError):  # a system that knows no such thing
        return False


def _may_lock_all() -> bool:
    """True for a process that no limit holds."""
    status = STATUS.read_text(encoding="ascii", errors="replace") if STATUS.is_file() else ""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return found is not None and bool(int(found[1], 16) & MAY_LOCK_ALL)
