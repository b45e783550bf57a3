"""Serves the operator page until a signal comes."""

import socket

import uvicorn

from edge.config import StationConfig
from edge.errors import EdgeError
from edge.web.app import make_app, make_site

SHUTDOWN_S = 1


def serve(config: StationConfig) -> None:
    """Serve the page of a station. Raises EdgeError if its address cannot be used."""
    host, port = config.web.host, config.web.port
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise EdgeError(f"the page cannot be served at {host} port {port}: {error}") from error
    app = make_app(make_site(config))
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    with listener:
        uvicorn.Server(settings).run(sockets=[listener])
