"""Serves the page until a signal comes."""

import socket
import ssl
import sys

import uvicorn

from edge.config import StationConfig
from edge.errors import EdgeError
from edge.web.app import make_app, make_site
from edge.web.desk import Desk
from edge.web.limits import PatientProtocol
from edge.web.people import FIRST, People
from edge.web.site import Site

SHUTDOWN_S = 1
MOST_CONNECTIONS = 100
LARGEST_HEADERS_BYTES = 16 * 2**10


def serve(config: StationConfig) -> None:
    """Serve the page of a station. Raises EdgeError if its address or its certificate cannot be used."""
    host, port = config.web.host, config.web.port
    site = make_site(config)
    settings = server_settings(site)
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise EdgeError(f"the page cannot be served at {host} port {port}: {error}") from error
    tell_first_password(site.desk)
    with listener:
        uvicorn.Server(settings).run(sockets=[listener])


def server_settings(site: Site) -> uvicorn.Config:
    """How the site is served. Raises EdgeError for a certificate that cannot be used."""
    web = site.config.web
    settings = uvicorn.Config(
        make_app(site),
        http=PatientProtocol,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=LARGEST_HEADERS_BYTES,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,  # an address that a browser claims would get round the limits
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        ssl_certfile=web.tls_certificate,
        ssl_keyfile=web.tls_key,
    )
    try:
        settings.load()
    except (OSError, ssl.SSLError) as error:
        raise EdgeError(
            f"{web.tls_certificate}, {web.tls_key}: cannot be used as certificate and key: {error}"
        ) from error
    return settings


def tell_first_password(desk: Desk) -> None:
    """On a station without accounts: make the first engineer and tell the password, this one time."""
    try:
        if not People(desk.store()).all():
            _tell(FIRST, new_password(desk, FIRST))
    except EdgeError as error:
        print(f"edge web: nobody can sign in: {error}", file=sys.stderr, flush=True)  # noqa: T201


def new_password(desk: Desk, name: str) -> str:
    """A random password for an account, which is made if it is not there. Raises EdgeError."""
    return People(desk.store(), who="command line").renew(name)


def _tell(name: str, password: str) -> None:
    words = f"first start: sign in as {name} with the password {password} (it is not shown again, and must be changed)"
    print(words, file=sys.stderr, flush=True)  # noqa: T201
