"""The operator page: it reads, it is current, it says when it is not, and it speaks both languages."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import anyio
import pytest

from edge.drivers.simulated import SimulatedClock
from edge.heartbeat import Heartbeat
from edge.recorder import Recorder
from edge.state import Phase, State
from edge.verdict import Outcome, Reason
from edge.web.language import LANGUAGES, dictionary, language_of
from edge.web.operator import MOST_VIEWERS, Operator
from edge.web.reader import Reader
from tests.browser import CHROMIUM, Browser
from tests.sites import Client, served, site_of
from tests.stations import MODEL, until
from tests.test_recorder import part, record_parts, recording, rows

WEB = Path(__file__).parents[1] / "edge" / "web"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    with recording(folder) as kept:
        record_parts(kept, 1, 2, 3)
    return folder


@contextmanager
def beating(folder: Path, phase: Phase = Phase.READY, why: str = "") -> Iterator[Heartbeat]:
    heartbeat = Heartbeat(folder, station="a1", deadline_ms=500, model=MODEL)
    heartbeat.tick(State(phase=phase, why=why, sequence=3))
    heartbeat.start()
    keeper = threading.Event()

    def tick() -> None:
        while not keeper.wait(0.1):
            heartbeat.tick(State(phase=phase, why=why, sequence=3))

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield heartbeat
    finally:
        keeper.set()
        thread.join()
        heartbeat.close()


def first_events(folder: Path, count: int, *, after: int = 0) -> list[tuple[str, str, object]]:
    """(kind, id, data) of the first events of a stream."""
    page = Operator(site_of(folder))

    async def read() -> list[str]:
        stream = page._stream(after)
        found = [await anext(stream) for _ in range(count + 1)]
        await stream.aclose()  # type: ignore[attr-defined]
        return found[1:]

    events = []
    for text in anyio.run(read):
        fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
        events.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    page._reader.close()
    return events


def test_page_is_complete_and_asks_nobody_else(data: Path) -> None:
    answer = Client(site_of(data)).get("/")
    assert answer.status_code == 200
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)
    for address in re.findall(r"(?:src|href)=\"(/[^\"]+)\"", answer.text):
        assert Client(site_of(data)).get(address).status_code == 200, address
    assert not any("http" in path.read_text() for path in (WEB / "static").glob("*.css"))


def test_page_has_no_inline_script_or_style_that_its_policy_would_refuse(data: Path) -> None:
    answer = Client(site_of(data)).get("/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]

    class Inline(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = {name for name, _ in attrs}
            assert tag != "style"
            assert "style" not in names
            assert not any(name.startswith("on") for name in names)
            assert tag != "script" or "src" in names

    Inline().feed(answer.text)


@pytest.mark.parametrize("address", ["/", "/static/operator.js", "/picture/1", "/picture/99", "/nowhere", "/words/en"])
def test_every_answer_carries_the_security_headers(data: Path, address: str) -> None:
    headers = Client(site_of(data)).get(address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_picture_of_a_part_and_none_for_others(data: Path) -> None:
    client = Client(site_of(data))
    answer = client.get("/picture/2")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")
    for address in ("/picture/99", "/picture/-1", "/picture/..%2f..%2fetc%2fpasswd", "/picture/9999999999999999999999"):
        assert client.get(address).status_code == 404, address


def test_page_changes_nothing(data: Path) -> None:
    before = [tuple(row) for row in rows(data)]
    client = Client(site_of(data))
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.ask(method, "/").status_code == 405
    assert [tuple(row) for row in rows(data)] == before


def test_stream_tells_parts_in_order_with_their_sequence_as_id(data: Path) -> None:
    events = first_events(data, 5)
    parts = [(identity, event) for kind, identity, event in events if kind == "part"]
    assert [identity for identity, _ in parts] == ["1", "2", "3"]
    _, last = parts[-1]
    assert isinstance(last, dict)
    assert (last["outcome"], last["label"], last["cell"], last["grid"]) == ("NG", "bent_42", [5, 7], [36, 39])
    assert last["takt_ms"] == pytest.approx(3e-6)
    assert ("counts", "", {"NG": 3}) in events


def test_stream_goes_on_where_the_browser_left_it(data: Path) -> None:
    events = first_events(data, 2, after=2)
    assert [identity for kind, identity, _ in events if kind == "part"] == ["3"]


def test_counts_grow_without_counting_twice(data: Path) -> None:
    reader = Reader(data)
    assert reader.counts() == reader.counts() == {"NG": 3}
    with recording(data) as kept:
        record_parts(kept, 4)
    assert reader.counts() == {"NG": 4}
    reader.close()


def test_reader_follows_a_database_that_was_set_aside(data: Path) -> None:
    reader = Reader(data)
    assert len(reader.news(after=0)) == 3
    for path in data.glob("records.sqlite*"):
        path.unlink()
    assert reader.news(after=0) == []
    with recording(data) as kept:
        record_parts(kept, 10)
    assert [view.sequence for view in reader.news(after=0)] == [10]
    assert reader.counts() == {"NG": 1}
    reader.close()


def test_page_without_any_records_says_so_instead_of_failing(tmp_path: Path) -> None:
    assert Client(site_of(tmp_path / "nothing")).get("/").status_code == 200
    events = first_events(tmp_path / "nothing", 2)
    (station,) = [event for kind, _, event in events if kind == "station"]
    assert isinstance(station, dict)
    assert station["is_alive"] is False


def test_station_is_alive_only_while_its_heart_beats(data: Path) -> None:
    reader = Reader(data)
    assert not reader.station().is_alive
    with beating(data, Phase.HALTED, "5 faults in a row"):
        until(lambda: reader.station().is_alive)
        view = reader.station()
        assert (view.phase, view.why, view.model_serial) == ("Halted", "5 faults in a row", 3)
    until(lambda: not reader.station().is_alive, seconds=3)
    reader.close()


def test_viewers_are_limited(data: Path) -> None:
    page = Operator(site_of(data))
    page._viewers = MOST_VIEWERS

    async def ask() -> int:
        from starlette.requests import Request

        return (await page.events(Request({"type": "http", "headers": []}))).status_code

    assert anyio.run(ask) == 503


def test_every_outcome_reason_and_phase_has_words_in_every_language() -> None:
    keys = {f"outcome.{outcome}" for outcome in Outcome} | {f"reason.{reason}" for reason in Reason}
    keys |= {f"phase.{phase}" for phase in Phase} | {f"sense.{outcome}" for outcome in Outcome}
    found = dictionary()
    assert keys <= set(found)
    for key, translations in found.items():
        assert set(translations) == set(LANGUAGES), key
        assert all(translations.values()), key


def test_every_word_that_the_page_asks_for_exists() -> None:
    templates = "".join(path.read_text() for path in (WEB / "templates").glob("*.html"))
    scripts = "".join(path.read_text() for path in (WEB / "static").glob("*.js"))
    asked = set(re.findall(r'word\("([a-z_.]+[a-z_])"', scripts)) | set(re.findall(r"words\.([a-z_]+)", templates))
    asked |= set(re.findall(r'words\["([a-zA-Z_.]+[a-zA-Z_])"', templates))
    assert asked <= set(dictionary())


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "ja,en;q=0.8", "ja"),
        (None, "de-DE,ja-JP;q=0.5", "ja"),
        (None, "de", "en"),
        (None, "", "en"),
        ("en", "ja", "en"),
        ("ja", "en", "ja"),
        ("xx", "ja", "ja"),
    ],
)
def test_language_is_the_chosen_one_then_the_browsers(cookie: str | None, accepted: str, language: str) -> None:
    assert language_of(cookie=cookie, accepted=accepted) == language


def test_page_arrives_in_japanese(data: Path) -> None:
    answer = Client(site_of(data)).get("/", headers={"accept-language": "ja"})
    assert '<html lang="ja">' in answer.text
    assert "最近の部品" in answer.text


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_real_browser_shows_the_verdict_and_says_stale_when_the_core_is_silent(data: Path, tmp_path: Path) -> None:
    with served(site_of(data)) as address, Browser(tmp_path / "profile", width=390, height=844) as browser:
        with beating(data):
            browser.open(address)
            browser.wait_for("document.getElementById('verdict')?.dataset.outcome === 'NG'")
            browser.wait_for("document.getElementById('stale').hidden")
            browser.wait_for("!document.getElementById('cell').hidden")
            assert browser.evaluate("document.getElementById('verdict-word').textContent") == "NG"
            assert browser.evaluate("document.getElementById('verdict-label').textContent") == "bent pin 42"
            assert browser.evaluate("document.querySelectorAll('#strip li').length") == 3
            assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
            browser.evaluate("document.getElementById('language').click()")
            browser.wait_for("document.getElementById('verdict-label')?.textContent === 'ピン曲がり 42'")
            assert browser.evaluate("document.cookie") == "language=ja"
            kept = Recorder(data, clock=SimulatedClock())
            kept.put(part(4))
            kept.close()
            browser.wait_for("document.querySelectorAll('#strip li').length === 4")
        browser.wait_for("!document.getElementById('stale').hidden", seconds=5)
        assert browser.evaluate("document.body.classList.contains('is-stale')")
