"""Attacks on the page: every route without, with wrong and with an operator's rights; bodies, paths, tokens, labels."""

import re
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from shutil import which
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from edge.errors import ConfigError, EdgeError, RecordError
from edge.web import app as app_module
from edge.web import limits
from edge.web.app import make_app, routes_of
from edge.web.guard import READING, Role, User, needs
from edge.web.server import server_settings
from edge.web.site import Site
from tests.browser import CHROMIUM, Browser
from tests.sites import ENGINEER, OPERATOR, Client, served, site_of, with_accounts
from tests.test_recorder import part, record_parts, recording
from tests.test_web_operator import beating

ROOT = Path(__file__).parents[1]
LEAKS = re.compile(
    r"Traceback|File \"|\.py\b|/tmp/|site-packages|sqlite3?\.|"
    + re.escape(f"{Path.home()}/")
    + "|"
    + re.escape(str(ROOT))
)
HOSTILE = [
    *("..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2f", "....//....//etc/passwd", "%252e%252e%252f"),
    *("%00", "a%0d%0ab", "\u202e", "-1", "9" * 40, "1e9", "../records.sqlite", "page.sqlite", "..\\..\\windows"),
    *("'", "<svg>"),
]


def addresses() -> list[tuple[str, str, Role | None]]:
    """(method, path, needed role) of every route, with its parameters in braces."""
    return [
        (method, re.sub(r"\{(\w+)(:\w+)?\}", "{}", route.path), getattr(route.endpoint, "needed_role", None))
        for route in routes_of(site_of(Path("/nowhere")))
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]


ALL = addresses()
CHANGING = [entry for entry in ALL if entry[0] not in READING]
GUARDED = [entry for entry in ALL if entry[2]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("security") / "data"
    with recording(folder) as kept:
        record_parts(kept, 1, 2, 3)
    return folder


@pytest.fixture(scope="module")
def site(data: Path) -> Site:
    return with_accounts(site_of(data))


@pytest.fixture
def nobody(site: Site) -> Client:
    return Client(site)


@pytest.fixture
def operator(site: Site) -> Client:
    return signed_in(site, OPERATOR)


@pytest.fixture
def engineer(site: Site) -> Client:
    return signed_in(site, ENGINEER)


def signed_in(site: Site, who: tuple[str, str], *, app: ASGIApp | None = None) -> Client:
    """Without the detour by a password, which is slow and writes into the log."""
    client = Client(site, app=app)
    role = Role.ENGINEER if who is ENGINEER else Role.OPERATOR
    client.cookies.set("kensa", site.guard.sign_in(User(name=who[0], role=role)), domain="station.local")
    return client


def contents(folder: Path) -> dict[str, list[str]]:
    """Everything in both databases."""
    found = {}
    for name in ("records.sqlite", "page.sqlite"):
        with closing(sqlite3.connect(folder / name)) as database:
            found[name] = list(database.iterdump())
    return found


@pytest.fixture
def unchanged(data: Path, site: Site) -> Iterator[None]:
    """Nothing may have been written after the test but what was written before it."""
    before = contents(data)
    yield
    assert contents(data) == before


def test_there_are_routes_to_attack() -> None:
    assert len(CHANGING) >= 6
    assert {Role.ENGINEER} <= {role for *_, role in GUARDED}


# Rights.


@pytest.mark.parametrize(("method", "path", "role"), GUARDED)
def test_nobody_may_do_what_needs_a_role(nobody: Client, data: Path, method: str, path: str, role: Role) -> None:
    token = nobody.token()
    before = contents(data)
    answer = nobody.ask(method, path.replace("{}", "1"), headers={"x-csrf-token": token})
    assert answer.status_code == 401
    assert contents(data) == before


@pytest.mark.parametrize(("method", "path", "role"), [entry for entry in GUARDED if entry[2] is Role.ENGINEER])
def test_operator_may_not_do_an_engineers_work(
    operator: Client, data: Path, method: str, path: str, role: Role
) -> None:
    token = operator.token()
    before = contents(data)
    answer = operator.ask(method, path.replace("{}", "1"), headers={"x-csrf-token": token})
    assert answer.status_code == 403
    assert contents(data) == before


@pytest.mark.parametrize("cookie", ["", "x", "kensa", "a" * 4000, "eva", "0" * 64, "é"])
@pytest.mark.parametrize(("method", "path", "role"), GUARDED)
def test_made_up_session_is_nobodys(nobody: Client, method: str, path: str, role: Role, cookie: str) -> None:
    headers = {"cookie": f"kensa={cookie}".encode(), "x-csrf-token": nobody.token()}
    assert nobody.ask(method, path.replace("{}", "1"), headers=headers).status_code in (401, 403)


# Requests that another site's page makes with a person's own browser.


@pytest.mark.parametrize(("method", "path", "role"), CHANGING)
@pytest.mark.parametrize("token", [None, "", "0" * 64, "wrong"])
@pytest.mark.usefixtures("unchanged")
def test_change_without_the_token_is_refused(site: Site, method: str, path: str, role: Role, token: str | None) -> None:
    client = signed_in(site, ENGINEER)
    headers = {} if token is None else {"x-csrf-token": token}
    answer = client.ask(method, path.replace("{}", "1"), headers=headers)
    assert answer.status_code == 403
    answer = client.ask(method, path.replace("{}", "1"), data={} if token is None else {"csrf": token})
    assert answer.status_code == 403


@pytest.mark.parametrize(("method", "path", "role"), CHANGING)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://station.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://station"},
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_change_from_another_site_is_refused_even_with_the_token(
    site: Site, method: str, path: str, role: Role, headers: dict[str, str]
) -> None:
    client = signed_in(site, ENGINEER)
    answer = client.ask(method, path.replace("{}", "1"), headers={"x-csrf-token": client.token(), **headers})
    assert answer.status_code == 403


def test_token_of_another_session_is_refused(site: Site) -> None:
    first, second = signed_in(site, ENGINEER), signed_in(site, ENGINEER)
    answer = first.ask("POST", "/accounts", headers={"x-csrf-token": second.token()}, data={"name": "x"})
    assert answer.status_code == 403


def test_route_that_changes_something_and_needs_no_role_is_not_served(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def change(_: Request) -> Response:
        return Response()

    monkeypatch.setattr(app_module.operator, "routes", lambda _: [Route("/forgotten", change, methods=["POST"])])
    with pytest.raises(ValueError, match="/forgotten changes something"):
        make_app(site)


@pytest.mark.parametrize(("method", "path", "role"), CHANGING)
@pytest.mark.usefixtures("unchanged")
def test_nothing_is_changed_by_looking(engineer: Client, data: Path, method: str, path: str, role: Role) -> None:
    before = contents(data)
    for reading in ("GET", "HEAD", "OPTIONS"):
        assert engineer.ask(reading, path.replace("{}", "1")).status_code in (200, 404, 405)
    assert contents(data) == before


# Addresses.


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("path", ["/{}", "/static/{}", *sorted({path for _, path, _ in ALL if "{}" in path})])
def test_no_path_leads_out(engineer: Client, path: str, hostile: str) -> None:
    answer = engineer.ask("GET", path.format(hostile))
    assert answer.status_code in (303, 400, 401, 404, 405), answer.text[:200]
    assert "root:" not in answer.text
    assert b"SQLite format" not in answer.content
    assert not LEAKS.search(answer.text)


# Bodies.


def said_to(address: str, raw: bytes, *, more: bytes = b"", every_s: float = 0.05, for_s: float = 5.0) -> bytes:
    """What the server answers to bytes, and to `more` again and again, until it closes the connection."""
    host, port = re.findall(r"//([\d.]+):(\d+)/", address)[0]
    answer, ends_at = b"", time.monotonic() + for_s
    with socket.create_connection((host, int(port)), timeout=for_s) as client:
        client.sendall(raw)
        client.settimeout(every_s)
        while time.monotonic() < ends_at:
            try:
                if more:
                    client.sendall(more)
                found = client.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return answer
            if not found:
                return answer
            answer += found
    raise AssertionError("the server keeps the connection")


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/../../etc/passwd", "//etc/passwd"])
def test_no_path_as_written_on_the_wire_leads_out(site: Site, path: str) -> None:
    with served(site) as address:
        request = f"GET {path} HTTP/1.1\r\nHost: station\r\nConnection: close\r\n\r\n"
        answer = said_to(address, request.encode())
        assert b" 404 " in answer.splitlines()[0]
        assert not LEAKS.search(answer.decode())


POST = (
    b"POST /sign-in HTTP/1.1\r\nHost: station\r\nCookie: kensa=x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_S", 0.5)
    monkeypatch.setattr(limits, "HEADERS_S", 0.5)
    monkeypatch.setattr(limits, "LINGER_S", 0.2)


@pytest.mark.usefixtures("quick")
def test_oversized_body_is_refused_unread(site: Site) -> None:
    with served(site) as address:
        answer = said_to(address, POST + b"Content-Length: 1000000000\r\n\r\n", more=b"x" * 65536)
        assert b" 413 " in answer.splitlines()[0]


@pytest.mark.usefixtures("quick")
def test_oversized_body_in_pieces_is_refused_as_soon_as_it_is(site: Site) -> None:
    with served(site) as address:
        piece = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        answer = said_to(address, POST + b"Transfer-Encoding: chunked\r\n\r\n", more=piece)
        assert b" 413 " in answer.splitlines()[0]


@pytest.mark.usefixtures("quick")
def test_slow_body_is_given_up(site: Site) -> None:
    with served(site) as address:
        answer = said_to(address, POST + b"Content-Length: 1000\r\n\r\n", more=b"x", every_s=0.1)
        assert b" 408 " in answer.splitlines()[0]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("start", [b"", b"GET / HT", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01"])
def test_silent_or_slow_client_is_let_go(site: Site, start: bytes) -> None:
    with served(site) as address:
        said_to(address, start, every_s=0.1)


@pytest.mark.usefixtures("quick")
def test_second_slow_request_on_a_connection_is_let_go_too(site: Site) -> None:
    with served(site) as address:
        answer = said_to(address, b"GET /words/en HTTP/1.1\r\nHost: station\r\n\r\nGET /wor", every_s=0.1)
        assert b" 200 " in answer.splitlines()[0]


@pytest.mark.usefixtures("quick")
def test_headers_without_end_are_refused(site: Site) -> None:
    with served(site) as address:
        answer = said_to(address, b"GET / HTTP/1.1\r\nHost: station\r\n", more=b"X-Long: " + b"x" * 8000 + b"\r\n")
        assert answer == b"" or b" 400 " in answer.splitlines()[0]


def test_page_answers_others_while_many_slow_clients_hold_on(site: Site) -> None:
    with served(site) as address:
        host, port = re.findall(r"//([\d.]+):(\d+)/", address)[0]
        slow = [socket.create_connection((host, int(port))) for _ in range(50)]
        for client in slow:
            client.sendall(POST + b"Content-Length: 60000\r\n\r\nname=")
        assert httpx.get(address, timeout=5).status_code == 200
        for client in slow:
            client.close()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[" * 30_000),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/x-www-form-urlencoded", b"a=1&" * 10_000),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
        ("text/plain", b"\x00" * 1000),
        ("application/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    ],
)
@pytest.mark.parametrize(("method", "path", "role"), CHANGING)
def test_garbage_is_refused_in_one_sentence(
    engineer: Client, method: str, path: str, role: Role, kind: str, body: bytes
) -> None:
    headers = {"content-type": kind, "x-csrf-token": engineer.token()}
    answer = engineer.ask(method, path.replace("{}", "1"), content=body, headers=headers)
    assert answer.status_code < 500 or answer.status_code == 503
    assert not LEAKS.search(answer.text)


# What the answers say.


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_error_of_our_own_leaks_nothing(site: Site, monkeypatch: pytest.MonkeyPatch, accept: str) -> None:
    async def broken(request: Request) -> Response:
        raise {"bug": RuntimeError, "disk": RecordError}[request.query_params["kind"]]("/var/lib/kensa is secret")

    monkeypatch.setattr(app_module.operator, "routes", lambda _: [Route("/broken", needs(Role.VIEWER, broken))])
    client = Client(site)
    for kind, status in (("bug", 500), ("disk", 503)):
        answer = client.get(f"/broken?kind={kind}", headers={"accept": accept})
        assert answer.status_code == status
        assert "secret" not in answer.text
        assert not LEAKS.search(answer.text)
        assert answer.headers["x-frame-options"] == "DENY"


def test_server_does_not_name_itself(site: Site) -> None:
    with served(site) as address:
        assert "server" not in httpx.get(address).headers


# Everything at once.

TEXT = st.text(max_size=40)
ENDLESS = ("/events",)  # its own tests are in test_web_operator.py
FIELDS = st.dictionaries(
    st.sampled_from(["name", "password", "role", "next", "old", "new", "again", "limit", "number", "what", "wire"])
    | TEXT,
    TEXT | st.integers().map(str) | st.floats().map(str),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(
    entry=st.sampled_from([entry for entry in ALL if entry[1] not in ENDLESS]),
    who=st.sampled_from([None, OPERATOR, ENGINEER]),
    part=st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=20).map(quote) | st.integers().map(str),
    query=FIELDS,
    fields=FIELDS,
    headers=st.dictionaries(
        st.sampled_from(["accept", "accept-language", "content-type", "origin", "range", "host", "if-none-match"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
        max_size=3,
    ),
)
def test_no_request_breaks_the_page(
    crowd: tuple[Site, ASGIApp],
    entry: tuple[str, str, Role | None],
    who: tuple[str, str] | None,
    part: str,
    query: dict[str, str],
    fields: dict[str, str],
    headers: dict[str, str],
) -> None:
    (site, app), (method, path, _) = crowd, entry
    client = signed_in(site, who, app=app) if who else Client(site, app=app)
    token = client.token()
    body = {} if method == "GET" else {"data": {"csrf": token, **fields}}
    answer = client.ask(
        method, path.replace("{}", part), params=query, headers={**headers, "x-csrf-token": token}, **body
    )
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    assert not LEAKS.search(answer.text)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.fixture(scope="module")
def crowd(site: Site) -> tuple[Site, ASGIApp]:
    """One application for every request, so that one may leave something behind that breaks another."""
    return site, make_app(site)


# What comes from the parts themselves.

SCRIPT = "<img src=x onerror=document.title='taken'>"


def test_html_in_labels_and_sources_is_text(tmp_path: Path) -> None:
    """Labels are a model's, sources are file names: both may be anybody's."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    folder = tmp_path / "data"
    with recording(folder) as kept:
        kept.put(replace(part(1), source=SCRIPT, verdict=replace(part(1).verdict, nearest_label=SCRIPT, detail=SCRIPT)))
    with beating(folder), served(site_of(folder)) as address, Browser(tmp_path / "profile") as browser:
        for page in ("", "history", "part/1", "trends"):
            browser.open(address + page)
            browser.wait_for(f"location.pathname === '/{page}' && document.readyState === 'complete'")
            if not page:
                browser.wait_for("document.getElementById('verdict')?.dataset.outcome === 'NG'")
            if page != "trends":
                browser.wait_for("document.body.innerText.includes('<img src=x')")
            assert browser.evaluate("document.querySelectorAll('[onerror]').length") == 0, page
            assert browser.evaluate("document.title") != "taken", page


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not which("openssl"):
        pytest.skip("there is no openssl here")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=station", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return folder


def test_page_speaks_tls_and_keeps_its_cookie_to_it(tmp_path: Path, certificate: Path) -> None:
    files = f"web: {{tls_certificate: {certificate}/cert.pem, tls_key: {certificate}/key.pem}}"
    context = ssl.create_default_context(cafile=certificate / "cert.pem")
    with served(site_of(tmp_path, more=files)) as address:
        assert address.startswith("https:")
        answer = httpx.get(address, verify=context)
        assert answer.status_code == 200
        assert "secure" in answer.headers["set-cookie"].lower()
        with pytest.raises(httpx.HTTPError):
            httpx.get(address.replace("https", "http"))


def test_certificate_that_cannot_be_used_is_said_before_anything_is_served(tmp_path: Path, certificate: Path) -> None:
    for files in (f"tls_certificate: {tmp_path}/gone, tls_key: {tmp_path}/gone",
                  f"tls_certificate: {certificate}/key.pem, tls_key: {certificate}/cert.pem"):  # fmt: skip
        with pytest.raises(EdgeError, match="cannot be used as certificate and key"):
            server_settings(site_of(tmp_path, more=f"web: {{{files}}}"))


def test_check_says_whether_the_page_is_protected(tmp_path: Path, certificate: Path) -> None:
    from edge.commands.check import _page

    files = f"tls_certificate: {certificate}/cert.pem, tls_key: {certificate}/key.pem"
    assert _page(site_of(tmp_path, more=f"web: {{{files}}}").config).startswith("https")
    assert "in the clear" in _page(site_of(tmp_path, more="web: {host: 0.0.0.0}").config)
    assert "in the clear" not in _page(site_of(tmp_path).config)
    with pytest.raises(ConfigError, match="no certificate with its key"):
        _page(site_of(tmp_path, more=f"web: {{{files.replace('key.pem', 'gone.pem')}}}").config)


def test_certificate_without_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needed both, or neither"):
        site_of(tmp_path, more="web: {tls_certificate: cert.pem}")
