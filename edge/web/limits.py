"""How large and how slow a request may be, so that nobody can fill the memory or hold a place for ever."""

import asyncio
import time

import anyio
import h11
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from edge.web.guard import Refused

LARGEST_BODY_BYTES = 64 * 2**10
BODY_S = 10.0
HEADERS_S = 10.0
LINGER_S = 1.0


class BodyLimits:
    """Whoever reads a body that is too large or does not come in time is told so by an exception."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and count the body on its way."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        await self._app(scope, _counted(receive, int(said) if said.isdecimal() and len(said) < 10 else 10**10), send)


def _counted(receive: Receive, said_bytes: int) -> Receive:
    ends_at, size, is_whole = time.monotonic() + BODY_S, 0, False

    async def receive_counted() -> Message:
        nonlocal size, is_whole
        if is_whole:  # from here on it only tells that the browser has gone
            return await receive()
        if said_bytes > LARGEST_BODY_BYTES:
            raise Refused(413, "refused.too_large")
        try:
            with anyio.fail_after(max(ends_at - time.monotonic(), 0)):
                message = await receive()
        except TimeoutError as error:
            raise Refused(408, "refused.too_slow") from error
        size += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if size > LARGEST_BODY_BYTES:
            raise Refused(413, "refused.too_large")
        return message

    return receive_counted


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP, on which no connection stays that sends no whole request, or more than its answer waited for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The time for the first request runs."""
        super().connection_made(transport)
        self._expect_request()

    def on_response_complete(self) -> None:
        """The time for the next request runs; whoever still sends a body that nobody wanted is not listened to."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.flow.pause_reading()
            self.loop.call_later(LINGER_S, self.transport.close)  # not at once, or the answer may be lost
        else:
            self._expect_request()

    def _expect_request(self) -> None:
        self.loop.call_later(HEADERS_S, self._close_unless_asked, self.cycle)

    def _close_unless_asked(self, last: RequestResponseCycle | None) -> None:
        if self.cycle is last and not self.transport.is_closing():
            self.transport.close()
