"""Before a model is released: what it would change of past production, and what it says beside the line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.armed import Armed
from edge.beside import MOST_LISTED, WRITE_S, shadow_file
from edge.commands.loading import arm_version
from edge.commands.managing import switch
from edge.config import StationConfig
from edge.corrections import Judgement, PartName, correct
from edge.errors import BundleError, EdgeError, ModelError
from edge.model_switch import ModelWish
from edge.page_store import PageStore
from edge.rejudge import Judged, Mistakes, Used
from edge.slots import Probation, Slots, Version
from edge.truth import truths
from edge.web.app import make_site
from edge.web.compare_pages import MOST_SHOWN
from edge.web.site import Site
from tests.browser import CHROMIUM, Browser
from tests.sealing import needs_root
from tests.sites import ENGINEER, Client, served, with_accounts
from tests.small_model import Small
from tests.stationed import model_of, station_in
from tests.stations import until
from tests.test_model_switch import rows
from tests.test_model_trial import rejecting, run_parts
from tests.test_receive import take
from tests.test_set_up import running

SERIALS = (7, 8)


def test_only_the_last_certain_word_on_that_very_part_is_the_truth(tmp_path: Path) -> None:
    assert truths(tmp_path, [(1, 10)]) == {}
    with PageStore(tmp_path) as store:
        for sequence, triggered_ns, what in (
            (1, 10, Judgement.GOOD),
            (2, 20, Judgement.GOOD),
            (2, 20, Judgement.BAD),
            (3, 30, Judgement.UNCERTAIN),
            (4, 40, Judgement.BAD),
            (4, 40, Judgement.WITHDRAWN),
            (5, 999, Judgement.BAD),
        ):
            part = PartName(
                sequence=sequence, triggered_ns=triggered_ns, boot_id="b", model_sha256="ab" * 32, outcome="OK"
            )
            correct(store, part, what, who="eva", wall_ns=1)
    assert truths(tmp_path, [(number, 10 * number) for number in range(1, 7)]) == {1: "good", 2: "bad"}


def judged(before: str, after: str, truth: str) -> Judged:
    return Judged(
        sequence=1, used=Used.MAP, outcome_before=before, margin_before=None, outcome_after=after, margin_after=None,
        label_after=None, truth=truth,
    )  # fmt: skip


def test_mistakes_are_counted_before_and_after() -> None:
    found = Mistakes()
    for before, after, truth in (
        ("OK", "NG", "bad"),
        ("OK", "OK", "bad"),
        ("NG", "OK", "bad"),
        ("NG", "OK", "good"),
        ("FAULT", "NG", "good"),
        ("OK", "", "bad"),
        ("OK", "NG", ""),
    ):
        found.count(judged(before, after, truth))
    assert found == Mistakes(bad=3, good=2, escapes_before=2, escapes_after=2, overkills_before=2, overkills_after=1)


@pytest.fixture
def site(tmp_path: Path, small_model: Small) -> Site:
    config = station_in(tmp_path, small_model, probation_parts=100)
    take(config, model_of(small_model, 7))
    slots = Slots(Path(config.data))
    slots.change(lambda book: book.activated(book.candidate, wall_ns=1))  # type: ignore[arg-type]
    take(config, rejecting(small_model, 8))
    return with_accounts(make_site(config))


@pytest.fixture
def engineer(site: Site) -> Client:
    client = Client(site)
    assert client.sign_in(*ENGINEER).status_code == 303
    return client


def say(site: Site, outcome: str, what: Judgement) -> int:
    """Correct every part with this outcome; how many there were."""
    known = site.desk.store()
    found = [row[0] for row in rows(site.config) if row[1] == outcome]
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(site.data / "records.sqlite")) as database:
        triggered = dict(database.execute("SELECT sequence, triggered_ns FROM parts").fetchall())
    for sequence in found:
        part = PartName(
            sequence=sequence, triggered_ns=triggered[sequence], boot_id="b", model_sha256="", outcome=outcome
        )
        correct(known, part, what, who="eva", wall_ns=1)
    return len(found)


@needs_root
def test_a_bad_model_shows_itself_before_release_and_goes_back_by_itself_after_it(
    site: Site, engineer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.beside.WRITE_S", 0.0)
    slots = Slots(site.data)
    with running(site.config):
        run_parts(site.config, 6)
        assert engineer.post("/set-up/models/shadow", on="yes").status_code == 200
        assert slots.book.is_shadowing
        candidate = slots.book.candidate
        assert candidate
        run_parts(site.config, 8)
        live = shadow_file(slots, candidate)
        until(lambda: live.is_file() and json.loads(live.read_text())["changed"] >= 2)
        assert slots.book.current.serial == 7  # type: ignore[union-attr]
        good, bad = say(site, "OK", Judgement.GOOD), say(site, "NG", Judgement.BAD)
        assert engineer.post("/set-up/models/8/rejudge").status_code == 200
        until(lambda: not engineer.get("/set-up/models/8/state").json()["is_running"], seconds=60)
        state = engineer.get("/set-up/models/8/state").json()
        assert (state["is_there"], state["trouble"]) == (True, "")
        found = engineer.get("/set-up/models/8/rejudged.json").json()
        assert found["mistakes"] == {
            "good": good, "bad": bad, "escapes_before": 0, "escapes_after": 0, "overkills_before": 0,
            "overkills_after": good,
        }  # fmt: skip
        assert found["used"]["map"] >= good + bad
        page = engineer.get("/set-up/models/8").text
        assert "known as good" in page
        assert page.count('href="/part/') >= good
        switch(site.config, ModelWish(do="activate", serial=8))  # all the same
        for _ in range(100):
            run_parts(site.config, 1)
            if slots.book.current.serial == 7:  # type: ignore[union-attr]
                break
    assert "it alone rejects" in slots.book.events[-1].why
    assert {row[1] for row in rows(site.config) if row[4] == 7} >= {"OK", "NG"}
    assert not slots.book.is_shadowing


@needs_root
@pytest.mark.parametrize("error", [BundleError("it is damaged"), ModelError("self-test: other numbers")])
def test_a_candidate_that_cannot_judge_any_more_does_not_keep_the_station_from_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: EdgeError
) -> None:
    with running(site.config):
        switch(site.config, ModelWish(do="shadow"))

    def arm(config: StationConfig, version: Version, **options: int) -> Armed:
        if version.serial == 8:
            raise error
        return arm_version(config, version, **options)

    monkeypatch.setattr("edge.commands.loading.arm_version", arm)
    with running(site.config):
        run_parts(site.config, 2)
    assert f"nothing judges beside: {error}" in caplog.text
    assert rows(site.config)[-1][4] == 7


@needs_root
def test_a_shadow_decides_nothing_and_ends_when_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_LISTED >= MOST_SHOWN
    assert WRITE_S > 1
    slots = Slots(site.data)
    candidate = slots.book.candidate
    assert candidate
    with pytest.raises(BundleError, match="the core does not run"):
        switch(site.config, ModelWish(do="shadow"))
    with running(site.config):
        switch(site.config, ModelWish(do="shadow"))
        run_parts(site.config, 4)
        switch(site.config, ModelWish(do="shadow_off"))
        told = json.loads(shadow_file(slots, candidate).read_text())
        run_parts(site.config, 2)
    assert json.loads(shadow_file(slots, candidate).read_text()) == told
    assert {row[4] for row in rows(site.config)} == {7}


@needs_root
def test_no_shadow_is_promised_while_the_current_model_is_on_probation(site: Site) -> None:
    slots = Slots(site.data)
    on_probation = Probation(parts=50)
    slots.change(lambda book: book.model_copy(update={"probation": on_probation}))
    with running(site.config), pytest.raises(BundleError, match="the current model is on probation"):
        switch(site.config, ModelWish(do="shadow"))
    assert not slots.book.is_shadowing


@needs_root
def test_what_cannot_be_compared_says_why(site: Site, engineer: Client) -> None:
    assert "Not judged yet" in engineer.get("/set-up/models/8").text
    assert engineer.get("/set-up/models/9").status_code == 404
    assert engineer.get("/set-up/models/8/rejudged.json").status_code == 404
    assert engineer.post("/set-up/models/8/rejudge").status_code == 200
    until(lambda: not engineer.get("/set-up/models/8/state").json()["is_running"], seconds=60)
    assert engineer.get("/set-up/models/8/state").json()["trouble"]
    shadow = shadow_file(Slots(site.data), Slots(site.data).book.candidate)  # type: ignore[arg-type]
    shadow.parent.mkdir()
    for text in ("{", "[]", '{"changed": 1}'):
        shadow.write_text(text)
        assert "Not judged yet" in engineer.get("/set-up/models/8").text


@pytest.fixture
def browser(site: Site, tmp_path: Path) -> Iterator[tuple[Browser, str]]:
    with running(site.config), served(site) as address, Browser(tmp_path / "chromium") as found:
        run_parts(site.config, 5)
        found.sign_in(address, ENGINEER, to="/set-up/models/8")
        found.wait_for("document.getElementById('compare') !== null && document.readyState === 'complete'")
        yield found, address


@needs_root
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_engineer_compares_in_the_browser(browser: tuple[Browser, str]) -> None:
    page, _ = browser
    page.evaluate("document.getElementById('rejudge').click()")
    page.wait_for("document.querySelector('a[href^=\"/set-up/models/8/rejudged.json\"]') !== null", seconds=90)
    assert page.evaluate("document.querySelectorAll('a[href^=\"/part/\"] img').length") > 0
    assert page.complaints() == []
    assert page.accessibility_faults() == []
