"""The operator page: it reads, it is current, it says when it is not, and it speaks both languages."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anyio
import pytest

from edge.counters import shift_began_ns
from edge.drivers.simulated import SimulatedClock
from edge.heartbeat import Heartbeat
from edge.recorder import Recorder
from edge.state import Phase, State
from edge.verdict import Outcome, Reason, fault
from edge.web.counters import SETTING, Counters
from edge.web.language import LANGUAGES, dictionary, language_of
from edge.web.news import News
from edge.web.operator import MOST_VIEWERS, Operator
from edge.web.reader import Reader
from tests.browser import CHROMIUM, Browser
from tests.production import production, write
from tests.sites import OPERATOR, Client, served, site_of, with_accounts
from tests.stations import MODEL, until, verdict
from tests.test_recorder import CELLS, part, record_parts, recording, rows

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


def first_news(folder: Path, *, after: int = 0) -> dict[str, tuple[str, Any]]:
    """Of each kind of event (id, data), from what a viewer gets first."""
    page = Operator(site_of(folder))

    async def read() -> str:
        stream = page._stream(after)
        assert await anext(stream) == "retry: 1000\n\n"
        found = await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return found

    events = {}
    for text in anyio.run(read).strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in text.splitlines())
        events[fields["event"]] = (fields.get("id", ""), json.loads(fields["data"]))
    page._reader.close()
    return events


def test_page_is_complete_and_asks_nobody_else(data: Path) -> None:
    answer = Client(site_of(data)).get("/")
    assert answer.status_code == 200
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)
    for address in re.findall(r"(?:src|href)=\"(/[^\"]+)\"", answer.text):
        status = Client(site_of(data)).get(address).status_code
        assert status == (401 if address == "/set-up" else 200), address
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


def test_stream_tells_parts_in_order_with_the_last_ones_sequence_as_id(data: Path) -> None:
    identity, parts = first_news(data)["parts"]
    assert identity == "3"
    assert [part["sequence"] for part in parts] == [1, 2, 3]
    last = parts[-1]
    assert (last["outcome"], last["label"], last["cell"], last["grid"]) == ("NG", "bent_42", [5, 7], [36, 39])
    assert last["takt_ms"] == pytest.approx(3e-6)
    assert last["time"] == time.strftime("%H:%M:%S", time.localtime(1_800_000_000))


def test_stream_goes_on_where_the_browser_left_it(data: Path) -> None:
    assert [part["sequence"] for part in first_news(data, after=2)["parts"][1]] == [3]
    assert "parts" not in first_news(data, after=3)


def test_a_browser_that_knows_of_another_stations_parts_gets_these_from_the_beginning(data: Path) -> None:
    assert [part["sequence"] for part in first_news(data, after=500)["parts"][1]] == [1, 2, 3]


def test_many_viewers_make_one_look_at_the_records(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look = Reader.news
    monkeypatch.setattr(Reader, "news", lambda reader, *, after: looks.append(after) or look(reader, after=after))
    site = site_of(data)
    news = News(site.reader, Counters(site))

    async def watch() -> None:
        async with anyio.create_task_group() as viewers:
            for _ in range(20):
                viewers.start_soon(news.after, 0)

    anyio.run(watch)
    assert len(looks) == 1


def test_map_of_a_part_comes_as_it_is_stored(data: Path) -> None:
    client = Client(site_of(data))
    answer = client.get("/part/2/map")
    assert (answer.headers["x-map-rows"], answer.headers["x-map-columns"]) == ("36", "39")
    assert answer.content == CELLS.tobytes()
    for address in ("/part/99/map", "/part/9999999999999999999999/map"):
        assert client.get(address).status_code == 404, address


def test_counters_are_those_of_the_shift(tmp_path: Path) -> None:
    folder, now_ns = tmp_path / "data", time.time_ns()
    began_s = shift_began_ns("00:00", now_ns=now_ns) // 10**9
    write(folder, production(until_s=began_s, days=0.1))
    counters = Counters(site_of(folder, more='web: {shifts: "00:00"}'))
    assert counters.now() == {"ok": 0, "ng": 0, "fault": 0, "late": 0, "busy": 0, "since": "00:00"}
    late = replace(part(1000), verdict=fault(Reason.LATE), wall_ns=now_ns)
    write(folder, [late, replace(late, sequence=1001, verdict=verdict("OK"))])
    for _ in range(2):  # nothing is counted twice
        assert counters.now() == {"ok": 1, "ng": 0, "fault": 1, "late": 1, "busy": 0, "since": "00:00"}


def test_operator_sets_the_counters_to_zero_and_the_log_says_who(tmp_path: Path) -> None:
    folder, now_ns = tmp_path / "data", time.time_ns()
    write(folder, [replace(part(number), wall_ns=now_ns) for number in (1, 2)])
    site = with_accounts(site_of(folder, more='web: {shifts: "00:00"}'))
    counters, client = Counters(site), Client(site)
    assert client.post("/counters/reset").status_code == 401
    assert counters.now()["ng"] == 2
    client.sign_in(*OPERATOR)
    answer = client.post("/counters/reset")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert counters.now()["ng"] == 0
    assert site.desk.store().audit_log()[0].who == OPERATOR[0]
    write(folder, [replace(part(3), wall_ns=now_ns)])
    assert counters.now()["ng"] == 1


def test_reset_of_an_earlier_shift_means_nothing(tmp_path: Path) -> None:
    folder, now_ns = tmp_path / "data", time.time_ns()
    write(folder, [replace(part(number), wall_ns=now_ns) for number in (1, 2)])
    site = site_of(folder, more='web: {shifts: "00:00"}')
    site.desk.store().change_setting(SETTING, f"2 {now_ns - 2 * 86_400 * 10**9}", who="otto", wall_ns=now_ns)
    assert Counters(site).now()["ng"] == 2
    site.desk.store().change_setting(SETTING, "no numbers", who="otto", wall_ns=now_ns)
    assert Counters(site).now()["ng"] == 2


def test_reader_follows_a_database_that_was_set_aside(data: Path) -> None:
    reader = Reader(data)
    assert len(reader.news(after=0)) == 3
    for path in data.glob("records.sqlite*"):
        path.unlink()
    assert reader.news(after=0) == []
    with recording(data) as kept:
        record_parts(kept, 10)
    assert [view.sequence for view in reader.news(after=0)] == [10]
    assert reader.counts(since_ns=0).ng == 1
    reader.close()


def test_page_without_any_records_says_so_instead_of_failing(tmp_path: Path) -> None:
    assert Client(site_of(tmp_path / "nothing")).get("/").status_code == 200
    news = first_news(tmp_path / "nothing")
    assert news["station"][1]["is_alive"] is False
    assert "parts" not in news


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
    keys |= {f"phase.{phase}" for phase in Phase}
    keys |= {f"{kind}.{call}" for kind in ("outcome", "sense") for call in (*Outcome, "STALE", "NOT_READY")}
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


IS_SHOWN = "document.getElementById('verdict')?.dataset.outcome === "


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_real_browser_shows_the_verdict_and_where_the_defect_is(data: Path, tmp_path: Path) -> None:
    with (
        served(site_of(data)) as address,
        Browser(tmp_path / "profile", width=390, height=844) as browser,
        beating(data),
    ):
        browser.open(address)
        browser.wait_for(IS_SHOWN + "'NG'")
        browser.wait_for("document.getElementById('stale').hidden")
        browser.wait_for("!document.getElementById('outline').hasAttribute('hidden')")
        assert browser.evaluate("document.getElementById('verdict-word').textContent") == "NG"
        assert browser.evaluate("document.getElementById('verdict-label').textContent") == "bent pin 42"
        assert browser.evaluate("document.querySelectorAll('#strip li').length") == 3
        browser.evaluate("document.getElementById('language').click()")
        browser.wait_for("document.getElementById('verdict-label')?.textContent === 'ピン曲がり 42'")
        assert browser.evaluate("document.cookie") == "language=ja"
        kept = Recorder(data, clock=SimulatedClock())
        kept.put(part(4))
        kept.close()
        browser.wait_for("document.querySelectorAll('#strip li').length === 4")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_within_two_seconds_of_silence_no_verdict_is_shown_any_more(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(site_of(data)) as address, Browser(tmp_path / "profile", width=800, height=480) as browser:
        with beating(data) as heart:
            browser.open(address)
            browser.wait_for(IS_SHOWN + "'NG'")
            silent_from = time.monotonic()
            monkeypatch.setattr(heart, "_write", lambda: None)  # as if killed: without a last word
            browser.wait_for(IS_SHOWN + "'STALE'", seconds=5)
            assert time.monotonic() - silent_from < 2.0
        assert "STALE" in browser.evaluate("document.getElementById('verdict').innerText")
        assert not browser.evaluate("document.getElementById('stale').hidden")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_within_two_seconds_of_the_pages_own_death_no_verdict_is_shown_any_more(data: Path, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile", width=800, height=480) as browser, beating(data):
        with served(site_of(data)) as address:
            browser.open(address)
            browser.wait_for(IS_SHOWN + "'NG'")
        silent_from = time.monotonic()  # the server ends its streams before it is gone
        browser.wait_for(IS_SHOWN + "'STALE'", seconds=5)
        assert time.monotonic() - silent_from < 2.0


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize("phase", [Phase.HALTED, Phase.ERROR, Phase.PREOPERATIONAL])
def test_a_station_that_takes_no_parts_shows_no_verdict_in_large(data: Path, tmp_path: Path, phase: Phase) -> None:
    why = "part 3 cannot be recorded: no space left on device"
    with (
        served(site_of(data)) as address,
        Browser(tmp_path / "profile", width=800, height=480) as browser,
        beating(data, phase, why),
    ):
        browser.open(address)
        browser.wait_for(IS_SHOWN + "'NOT_READY'")
        browser.wait_for("document.querySelectorAll('#strip li').length === 3")
        assert browser.evaluate("document.getElementById('why').textContent") == why
        assert browser.evaluate("document.getElementById('verdict-word').textContent") == "NOT READY"
        assert browser.evaluate("document.getElementById('verdict-reason').textContent") == "last verdict: NG"
