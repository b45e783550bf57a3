"""Before known test pieces were judged as they must be, no part is taken; and a test piece is never OK on a wire."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.commands.managing import switch
from edge.config import ShiftCheck, StationConfig, load_config, parse_config
from edge.control import ask
from edge.drivers.simulated import SimulatedClock
from edge.errors import ConfigError, DeviceFault, DeviceUnavailable, RecordError
from edge.heartbeat import read_beat
from edge.interfaces import TriggerEvent
from edge.model_switch import ModelWish
from edge.page_store import PageStore
from edge.record import Record
from edge.shift_check import PASSED, Gate, pieces_of
from edge.state import Phase
from edge.verdict import Outcome, Reason, Verdict, fault
from edge.web.app import make_site
from tests.browser import CHROMIUM, Browser
from tests.sealing import needs_root, sealed
from tests.sites import OPERATOR, Client, served, with_accounts
from tests.small_model import Small, spoilt
from tests.stationed import model_of, station_in
from tests.stations import CLOCK, MODEL, Bench, FakeInspector, Hang, raising, until, verdict
from tests.test_model_switch import rows
from tests.test_receive import take
from tests.test_set_up import Core, running

OTHER = replace(MODEL, serial=4, sha256="cd" * 32)
HOUR_NS = 3600 * 10**9


class Journal:
    def __init__(self) -> None:
        self.entries: list[tuple[str, str]] = []

    def __call__(self, kind: str, detail: str) -> None:
        self.entries.append((kind, detail))


def gate(journal: Journal | None = None, *, passed: dict[str, int] | None = None, **settings: Any) -> Gate:
    found = Gate(ShiftCheck(**settings), clock=CLOCK, journal=journal or Journal(), passed=passed)
    found.use(MODEL)
    return found


def show(found: Gate, *outcomes: str) -> None:
    for outcome in outcomes:
        assert found.judged(verdict(outcome), sequence=1).outcome is Outcome.FAULT


# The gate alone.


def test_pieces_are_read_in_their_order() -> None:
    assert [str(piece) for piece in pieces_of("OK, NG bent_52,NG")] == ["OK", "NG bent_52", "NG"]


@pytest.mark.parametrize(
    ("shown", "is_open"),
    [
        (["OK", "NG"], True),
        (["OK"], False),
        (["NG", "OK"], False),  # the wrong order
        (["NG", "OK", "NG"], True),
        (["OK", "OK"], False),  # the defect is not seen
        (["OK", "OK", "NG"], False),
        (["OK", "FAULT"], False),
        (["FAULT", "NG"], False),
        (["OK", "FAULT", "NG"], False),
    ],
)
def test_only_the_whole_round_in_its_order_opens(shown: list[str], is_open: bool) -> None:
    found = gate()
    show(found, *shown)
    assert (found.check is None) == is_open
    assert (found.why == "") == is_open


def test_what_went_wrong_is_said_and_what_to_do() -> None:
    found = gate()
    show(found, "OK", "OK")
    assert "test piece 2 of 2 (NG) was judged OK at 0.50 of the limit: its defect is not seen" in found.why
    assert "put test piece 1 of 2 (OK) into the fixture, then press" in found.why
    show(found, "NG")
    assert "test piece 1 of 2 (OK) was judged NG (bent_42)" in found.why
    show(found, "FAULT")
    assert "could not be judged (blurred): sharpness 1.0 is below 2.0" in found.why


def test_a_defect_must_be_named_where_the_label_is_wanted() -> None:
    for label, is_open in (("bent_42", True), ("bent_51", False)):
        found = gate(pieces=f"OK, NG {label}")
        show(found, "OK", "NG")
        assert (found.check is None) == is_open
        assert ("it must be named bent_51" in found.why) != is_open


def test_another_model_needs_the_check_again_unless_told_otherwise() -> None:
    found, easy = gate(), gate(after_model=False)
    for one in (found, easy):
        show(one, "OK", "NG")
        one.use(OTHER)
    assert found.check
    assert easy.check is None
    found.use(MODEL)
    assert found.check is None  # it has passed in this shift


def test_a_model_exchanged_in_between_begins_the_round_again() -> None:
    found = gate()
    show(found, "OK")
    found.use(OTHER)
    assert found.check
    assert found.check.piece == 1


def test_each_shift_needs_it_and_a_passed_one_holds_over_a_restart_where_starts_do_not_count() -> None:
    clock, journal = SimulatedClock(), Journal()
    settings = ShiftCheck(after_start=False, shifts="00:00 08:00 16:00")
    found = Gate(settings, clock=clock, journal=journal)
    found.use(MODEL)
    show(found, "OK", "NG")
    passed = {MODEL.sha256: clock.wall_ns()}
    assert found.check is None
    for hours, is_open in ((0, True), (9, False), (-9, False)):
        later = SimulatedClock(wall_ns=clock.wall_ns() + hours * HOUR_NS)
        again = Gate(settings, clock=later, journal=journal, passed=passed)
        again.use(MODEL)
        assert (again.check is None) == is_open, hours
    started = Gate(settings.model_copy(update={"after_start": True}), clock=clock, journal=journal, passed=passed)
    started.use(MODEL)
    assert started.check


def test_a_person_may_want_it_at_any_time() -> None:
    found = gate()
    show(found, "OK", "NG")
    found.shut()
    assert found.check


def test_a_moved_limit_needs_the_check_again_unless_models_do_not() -> None:
    journal = Journal()
    for found, is_open in ((gate(journal), False), (gate(after_model=False), True)):
        show(found, "OK", "NG")
        found.limit_moves()
        assert (found.check is None) == is_open
    assert journal.entries[-1] == ("shift check wanted", "the limit was moved")


def test_the_journal_has_every_piece_and_the_round() -> None:
    journal = Journal()
    show(gate(journal), "NG", "OK", "NG")
    assert [kind for kind, _ in journal.entries] == ["shift check"] * 3 + [PASSED]
    assert "as they must be" in journal.entries[-1][1]
    assert journal.entries[-1][1].startswith(MODEL.sha256)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{pieces: OK}", "pieces"),
        ('{pieces: "OK, OK"}', "at least one OK and one NG"),
        ('{pieces: "NG, NG"}', "at least one OK and one NG"),
        ('{pieces: "OK, BAD"}', "pieces"),
        ("{after_start: false}", "it would never be due"),
        ("{shifts: noon}", "shifts"),
        ("{piece: OK}", "did you mean pieces?"),
    ],
)
def test_a_check_that_cannot_be_meant_is_refused_with_its_line(text: str, words: str) -> None:
    lines = ("station: a", "bundle: demo", "data: d", "camera: {driver: line}", "trigger: {driver: software}",
             "outputs: {driver: simulated}", f"shift_check: {text}")  # fmt: skip
    raw = "\n".join(lines)
    with pytest.raises(ConfigError, match=r"station\.yaml:7") as refused:
        parse_config(raw.encode(), name="station.yaml")
    assert words in str(refused.value)


# One station.


class Shift:
    """A station with a gate, and its pieces."""

    def __init__(self, *outcomes: str, **options: Any) -> None:
        self.journal = Journal()
        self.gate = Gate(ShiftCheck(), clock=CLOCK, journal=self.journal)
        self.bench = Bench(FakeInspector(*outcomes, **options.pop("inspector", {})), gate=self.gate, **options)

    def piece(self) -> Record:
        station = self.bench.station
        station.settle(timeout_ms=100)
        shown = station.show_piece()
        event = station.wait(timeout_ms=0)
        assert isinstance(event, TriggerEvent)
        record = station.take(event)
        assert shown.result(0) == record
        station.settle(timeout_ms=100)
        return record


def test_ready_comes_with_the_last_piece_and_no_piece_is_ok_on_a_wire() -> None:
    shift = Shift("OK", "NG", "OK")
    bench = shift.bench
    assert not bench.station.settle(timeout_ms=10)
    assert (bench.station.state.phase, bench.outputs.wires) == (Phase.PREOPERATIONAL, set())
    assert "put test piece 1 of 2 (OK)" in bench.station.state.why
    first = shift.piece()
    assert bench.outputs.wires == {"FAULT"}
    assert (first.verdict.reason, first.verdict.distance) == (Reason.TEST_PIECE, None)
    assert "was judged OK at 0.50 of the limit" in first.verdict.detail
    assert not bench.station.settle(timeout_ms=10)
    second = shift.piece()
    assert second.verdict.reason is Reason.TEST_PIECE
    assert bench.outputs.wires == {"FAULT", "ready"}
    assert not {"+OK", "+NG"} & set(bench.wires_over_time())
    assert bench.take().verdict.outcome == "OK"
    assert bench.outputs.wires == {"OK"}


def test_parts_of_the_line_are_no_test_pieces() -> None:
    shift = Shift("OK", "NG")
    record = shift.bench.take()
    assert (record.verdict.reason, shift.bench.outputs.wires) == (Reason.NOT_READY, {"FAULT"})
    assert "shift check" in record.verdict.detail
    assert shift.bench.inspector.seen == 0
    assert not shift.journal.entries


def test_an_ng_piece_that_is_judged_ok_keeps_the_gate_shut() -> None:
    shift = Shift("OK", "OK")
    for _ in range(6):
        shift.piece()
    bench = shift.bench
    assert not bench.station.settle(timeout_ms=10)
    assert "its defect is not seen" in bench.station.state.why or "1 of 2" in bench.station.state.why
    assert "+ready" not in bench.wires_over_time()
    assert bench.take().verdict.reason is Reason.NOT_READY


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"camera_faults": {2: DeviceFault("unplugged")}}, Reason.CAPTURE_FAILED),
        ({"inspector": {"at": {2: raising(ValueError("a bug"))}}}, Reason.INTERNAL),
    ],
)
def test_a_piece_that_could_not_be_judged_begins_the_round_again(options: dict[str, Any], reason: Reason) -> None:
    shift = Shift("OK", "NG", **options)
    shift.piece()
    assert shift.piece().verdict.reason is reason
    assert shift.bench.station.state.check.piece == 1  # type: ignore[union-attr]
    assert not shift.bench.station.settle(timeout_ms=10)


def test_a_piece_that_comes_too_late_does_not_count() -> None:
    hang = Hang()
    shift = Shift("OK", "NG", inspector={"at": {2: hang}}, deadline_ms=100.0)
    assert shift.piece().verdict.reason in (Reason.TEST_PIECE, Reason.LATE)  # a busy machine
    assert shift.piece().verdict.reason is Reason.LATE
    hang.let_go()
    until(lambda: not shift.bench.station.settle(timeout_ms=10) and "overdue" not in shift.bench.station.state.why)
    assert shift.bench.station.state.check.piece == 1  # type: ignore[union-attr]


def test_outputs_that_fail_at_a_piece_halt_and_the_gate_stays_shut() -> None:
    shift = Shift("OK", "NG")
    shift.piece()
    shift.bench.outputs.apply = raising(DeviceFault("no wire"))
    shift.bench.station.settle(timeout_ms=10)
    shown = shift.bench.station.show_piece()
    shift.bench.station.take(shift.bench.station.wait(timeout_ms=0))  # type: ignore[arg-type]
    assert shown.done()
    assert shift.bench.station.state.phase is Phase.HALTED
    assert shift.gate.check


def test_a_fault_in_the_gate_itself_never_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shift = Shift("OK", "NG")
    monkeypatch.setattr(Gate, "_go_on", raising(ValueError("a bug")))
    for _ in range(2):
        assert shift.piece().verdict.outcome is Outcome.FAULT
    assert not shift.bench.station.settle(timeout_ms=10)


def test_no_piece_is_taken_where_none_is_wanted_or_something_else_is_wrong() -> None:
    with pytest.raises(DeviceUnavailable, match="no test piece is wanted"):
        Bench().station.show_piece()
    with pytest.raises(DeviceUnavailable, match="no shift check"):
        Bench().station.pieces.want()
    shift = Shift()
    shift.bench.camera.trouble = "no frame for 3 s"
    with pytest.raises(DeviceUnavailable, match="no frame for 3 s"):
        shift.bench.station.show_piece()
    shift.bench.camera.trouble = None
    shift.bench.station.pause(is_paused=True)
    with pytest.raises(DeviceUnavailable, match="paused"):
        shift.bench.station.show_piece()


def test_trouble_that_comes_between_button_and_picture_is_a_fault() -> None:
    shift = Shift("OK", "NG")
    station = shift.bench.station
    station.settle(timeout_ms=10)
    station.show_piece()
    event = station.wait(timeout_ms=0)
    shift.bench.camera.trouble = "unplugged"
    assert station.take(event).verdict.reason is Reason.NOT_READY  # type: ignore[arg-type]
    assert shift.gate.check


def test_test_pieces_never_halt_the_station_as_faults_in_a_row() -> None:
    shift = Shift("OK", faults_until_halt=2)
    for _ in range(8):
        shift.piece()
    assert shift.bench.station.state.phase is not Phase.HALTED


# The whole core.


@pytest.fixture
def config(tmp_path: Path, small_model: Small) -> StationConfig:
    """Pictures in the order in which they come: good, defective, and good ones from then on."""
    station_in(tmp_path, small_model)
    pictures = tmp_path / "pictures"
    for path in pictures.iterdir():
        path.unlink()
    for number, frame in enumerate(small_model.frames[:4]):
        shown = spoilt(frame) if number == 1 else frame
        cv2.imwrite(str(pictures / f"{number:02}.png"), shown.pixels)
    path = tmp_path / "station.yaml"
    path.write_text(path.read_text() + "shift_check: {after_start: false, shifts: '00:00'}\n")
    config = load_config(path)
    take(config, sealed(small_model.raw))
    take(config, model_of(small_model, 8))
    switch(config, ModelWish(do="activate", serial=7))
    return config


def events(config: StationConfig) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(Path(config.data) / "records.sqlite")) as database:
        return database.execute("SELECT kind, detail FROM events WHERE kind LIKE 'shift%' ORDER BY number").fetchall()


@needs_root
def test_a_shift_begins_over_the_socket_and_a_restart_knows_it(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        assert core.done("trigger")["reason"] == "station not ready"
        told = core.done("piece")
        assert told["reason"] == "test piece"
        assert "test piece 2 of 2 (NG)" in told["why"]
    with running(config):  # in between: begun anew
        assert "test piece 1 of 2" in core.done("status")["why"]
        until(lambda: (beat := read_beat(Path(config.data))) is not None and beat.check is not None)
        assert core.done("piece")["why"]
        until(lambda: core.done("piece")["why"] == "")
        assert core.part()["outcome"] == "OK"
        assert not core.tell("piece")["is_done"]
    with running(config):
        assert core.done("status")["why"] == ""
        assert core.part()["outcome"] in ("OK", "NG")
        switch(config, ModelWish(do="activate", serial=8))
        assert "test piece 1 of 2" in core.done("status")["why"]
        switch(config, ModelWish(do="rollback"))
        assert core.done("status")["why"] == ""
        assert "test piece 1 of 2" in core.done("check")["why"]
    assert any(kind == PASSED for kind, _ in events(config))


@needs_root
def test_a_moved_limit_needs_the_pieces_again_and_a_restart_knows_it(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        for _ in range(2):
            core.done("piece")
        assert core.done("status")["why"] == ""
        limit = core.done("limit")["limit"]
        core.done("limit", limit=limit)
        assert core.done("status")["why"] == ""  # it has not moved
        core.done("limit", limit=1.01 * limit)
        assert "test piece 1 of 2" in core.done("status")["why"]
        assert core.done("trigger")["reason"] == "station not ready"
    with running(config):
        assert "test piece 1 of 2" in core.done("status")["why"]
    assert [kind for kind, _ in events(config)][-2:] == [PASSED, "shift check wanted"]


@needs_root
def test_a_limit_that_could_not_be_moved_leaves_the_check_wanted(
    config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RecordError("the disk is full")

    core = Core(config)
    with running(config):
        for _ in range(2):
            core.done("piece")
        limit = core.done("limit")["limit"]
        monkeypatch.setattr("edge.set_up.write_limit", full)
        assert not core.tell("limit", limit=1.01 * limit)["is_done"]
        assert core.done("limit")["limit"] == limit
        assert "test piece 1 of 2" in core.done("status")["why"]


@needs_root
def test_test_pieces_are_kept_and_counted_apart(config: StationConfig) -> None:
    core = Core(config)
    site = with_accounts(make_site(config))
    with running(config) as appliance:
        for _ in range(2):
            core.done("piece")
        core.part()
        until(lambda: appliance.recorder.wait_until_kept(timeout_ms=100))
    found = rows(config)
    assert [row[1] for row in found] == ["FAULT", "FAULT", "OK"]
    assert ["test piece" in row[2] for row in found] == [True, True, False]
    assert site.reader.counts(since_ns=0).total == 1
    assert site.reader.picture(1)


@needs_root
def test_an_operator_does_it_on_the_page_and_the_log_has_it(config: StationConfig) -> None:
    site = with_accounts(make_site(config))
    stranger, operator = Client(site), Client(site, address="10.0.0.2")
    operator.sign_in(*OPERATOR)
    with running(config):
        assert stranger.post("/shift-check", what="piece").status_code == 401
        assert operator.post("/shift-check", what="trigger").status_code == 400
        assert operator.post("/shift-check", what="piece").json()["reason"] == "test piece"
        assert operator.post("/shift-check", what="piece").json()["why"] == ""
        refused = operator.post("/shift-check", what="piece")
        assert (refused.status_code, "no test piece is wanted" in refused.json()["why"]) == (409, True)
        assert "test piece 1 of 2" in operator.post("/shift-check", what="begin").json()["why"]
    with PageStore(Path(config.data)) as store:
        said = [(entry.who, entry.what) for entry in store.audit_log() if entry.what.startswith("shift check")]
    assert said[0] == (OPERATOR[0], "shift check: begin")
    assert said.count((OPERATOR[0], "shift check: piece")) == 3


@needs_root
def test_a_station_without_a_check_says_so(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model)
    take(config, sealed(small_model.raw))
    switch(config, ModelWish(do="activate", serial=7))
    with running(config):
        for command in ("check", "piece"):
            answer = ask(config.control_path, command, timeout_s=20)  # type: ignore[arg-type]
            assert not answer["is_done"]
        assert "no shift check" in str(ask(config.control_path, "check", timeout_s=20)["why"])


@pytest.fixture
def browser(config: StationConfig, tmp_path: Path) -> Iterator[Browser]:
    site = with_accounts(make_site(config))
    with running(config), served(site) as address, Browser(tmp_path / "chromium") as found:
        found.sign_in(address, OPERATOR, to="/")
        found.wait_for("document.getElementById('check') !== null && document.readyState === 'complete'")
        yield found


@needs_root
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_the_page_says_what_to_do_next_in_both_languages(browser: Browser) -> None:
    shown = "document.getElementById('check-what')?.textContent.includes('{}')"
    browser.wait_for(shown.format("known good piece"))
    assert browser.evaluate("document.getElementById('trouble').hidden")
    browser.evaluate("document.getElementById('check-piece').click()")
    browser.wait_for(shown.format("known defective piece"))
    browser.evaluate("document.getElementById('language').click()")
    browser.wait_for(shown.format("不良品のテストピース"))
    assert browser.evaluate("document.getElementById('check-last').textContent").endswith("（期待どおり）")
    browser.wait_for("!document.body.classList.contains('is-waiting')")
    assert browser.accessibility_faults() == []
    browser.evaluate("document.getElementById('check-piece').click()")
    browser.wait_for("document.getElementById('check').hidden")
    assert browser.complaints() == []


def test_fault_of_a_piece_is_no_judgement() -> None:
    found = gate()
    kept = found.judged(fault(Reason.TOO_DARK, "mean brightness 2"), sequence=1)
    assert isinstance(kept, Verdict)
    assert kept.reason is Reason.TOO_DARK
