"""What the tests of the page are made of: a site over a data folder, and a client that asks it without a network."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import uvicorn
from starlette.types import ASGIApp

from edge.config import parse_config
from edge.web.app import make_app, make_site
from edge.web.guard import Role
from edge.web.people import People
from edge.web.server import server_settings
from edge.web.site import Site
from tests.stations import until

STATION = """
station: a1
bundle: demo
data: {data}
camera: {{driver: line}}
outputs: {{driver: simulated}}
"""


def site_of(folder: Path, *, more: str = "", trigger: str = "trigger: {driver: interval}") -> Site:
    """The site of a simulated station that keeps its records in this folder. more: further keys, in YAML."""
    text = "\n".join((STATION.format(data=folder), trigger, more))
    return make_site(parse_config(text.encode(), name="station.yaml"))


ENGINEER, OPERATOR = ("eva", "correct horse"), ("otto", "135791")


def with_accounts(site: Site) -> Site:
    """With an engineer and an operator who have chosen their passwords."""

    people = People(site.desk.store(), who="test")
    for role, (name, password) in ((Role.ENGINEER, ENGINEER), (Role.OPERATOR, OPERATOR)):
        people.add(name, role=role, password=password)
        people.set_password(name, password)
    return site


class Client:
    """Asks the application without a network, with cookies like a browser."""

    def __init__(self, site: Site, *, address: str = "10.0.0.1", app: ASGIApp | None = None) -> None:
        """app: for clients that meet at the same one."""
        self.cookies = httpx.Cookies()
        self._transport = httpx.ASGITransport(
            app=app or make_app(site),  # type: ignore[arg-type]
            raise_app_exceptions=False,
            client=(address, 50000),
        )

    def sign_in(self, name: str, password: str) -> httpx.Response:
        """As a person does it."""
        return self.post("/sign-in", name=name, password=password)

    def post(self, address: str, **fields: str) -> httpx.Response:
        """A form of this page."""
        return self.ask("POST", address, data={"csrf": self.token(), **fields})

    def token(self) -> str:
        """What the forms of this client carry."""
        found = re.search(r'name="token" content="([0-9a-f]+)"', self.get("/sign-in").text)
        assert found
        return found[1]

    def get(self, address: str, **options: Any) -> httpx.Response:
        return self.ask("GET", address, **options)

    def ask(self, method: str, address: str, **options: Any) -> httpx.Response:
        async def answer() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://station", cookies=self.cookies
            ) as client:
                found = await client.request(method, address, **options)
                self.cookies = client.cookies
                return found

        return anyio.run(answer)


@contextmanager
def served(site: Site) -> Iterator[str]:
    """The site at a port of its own; gives its address, with a slash at the end."""
    settings = server_settings(site)
    settings.host, settings.port = "127.0.0.1", 0
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        scheme = "https" if settings.is_ssl else "http"
        yield f"{scheme}://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(20)
