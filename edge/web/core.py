"""What the page asks of a running core. Whoever changes something is written down before the core is asked."""

import time
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool

from edge.control import AnyName, ask
from edge.errors import DeviceUnavailable
from edge.web.site import Site

TIMEOUT_S = 8.0


class CoreSaysNo(DeviceUnavailable):
    """The core was asked and did not do it; its sentence is for whoever asked."""


async def tell(site: Site, command: AnyName, **arguments: object) -> Mapping[str, object]:
    """The core's answer. Raises CoreSaysNo if it refuses, DeviceUnavailable if there is none."""
    path = site.config.control_path
    answer = await run_in_threadpool(ask, path, command, timeout_s=TIMEOUT_S, arguments=arguments)
    if not answer.pop("is_done", False):
        raise CoreSaysNo(str(answer.get("why", "")))
    return answer


async def tell_and_log(
    site: Site, who: str, *, what: str, command: AnyName, old: str = "", new: str = "", **arguments: object
) -> Mapping[str, object]:
    """The same with a line in the audit log before it, and another one if it was not done."""

    def log(more: str) -> None:
        site.desk.store().log(wall_ns=time.time_ns(), who=who, what=what + more, old=old, new=new)

    await run_in_threadpool(log, "")
    try:
        return await tell(site, command, **arguments)
    except DeviceUnavailable:
        await run_in_threadpool(log, ": not done")
        raise
