"""Several kinds of parts on one station: by program number, or first which kind, then how far from it."""

import io
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.__main__ import main
from edge.armed import Armed
from edge.commands.collecting import send as collect
from edge.commands.managing import install, switch
from edge.config import ConfigError, StationConfig, load_config, parse_config
from edge.drivers.program_lines import ProgramLines
from edge.errors import BundleError, DeviceFault, NotJudged
from edge.frame import Frame
from edge.heartbeat import read_beat
from edge.inspection import Inspection, StageTimes
from edge.kinds import AnyKind, Kind
from edge.model_switch import ModelWish
from edge.page_store import PageStore
from edge.program_slots import slots_of
from edge.programs import FILE_NAME, Programs, ProgramSwitch, read_number, write_number
from edge.record import ModelName
from edge.verdict import Outcome, Reason, Verdict, fault
from edge.web.app import make_site
from edge.wiring import ProgramLines as Wiring
from tests.browser import CHROMIUM, Browser
from tests.contracts.conftest import fake_board as fake_board
from tests.gpio_boards import FakeBoard
from tests.sealing import changed, needs_root, sealed
from tests.sites import ENGINEER, OPERATOR, Client, served, with_accounts
from tests.small_model import MIRRORED, PRODUCT, Small, spoilt
from tests.stationed import send, station_in
from tests.stations import Bench, FakeInspector, until
from tests.test_model_switch import rows
from tests.test_set_up import Core, running

FRAME = Frame(pixels=np.zeros((48, 64), np.uint8))
PROGRAMS = f"programs: {{1: {PRODUCT}, 2: {MIRRORED}}}\n"
SHOWN = (PRODUCT, MIRRORED, f"{PRODUCT}, spoilt", f"{MIRRORED}, spoilt")


def name(product: str) -> ModelName:
    return ModelName(product=product, serial=1, sha256=(product * 64)[:64])


def judged(reason: Reason, distance: float) -> Verdict:
    outcome = {Reason.WITHIN_LIMIT: "OK", Reason.TOO_FAR: "NG", Reason.UNLIKE_ANY_PART: "NG"}[reason]
    return Verdict(outcome=Outcome(outcome), reason=reason, distance=distance, limit=1.0)


GOOD, NEAR, FAR = judged(Reason.WITHIN_LIMIT, 0.5), judged(Reason.TOO_FAR, 2.0), judged(Reason.TOO_FAR, 9.0)
UNLIKE, BLURRED = judged(Reason.UNLIKE_ANY_PART, 0.1), fault(Reason.BLURRED)


def kind(product: str, verdict: Verdict) -> Kind:
    times = StageTimes(map_ms=4.0)
    return Kind(model=name(product), inspect=lambda _: Inspection(verdict=verdict, times=times))


# First which, then how far.


@pytest.mark.parametrize(
    ("verdicts", "chosen"),
    [
        ((GOOD, FAR), 0),
        ((FAR, GOOD), 1),
        ((NEAR, FAR), 0),
        ((FAR, NEAR), 1),
        ((UNLIKE, FAR), 1),  # a distance that cannot be believed is no reason to choose a kind
        ((BLURRED, FAR), 1),
        ((BLURRED, UNLIKE), 1),
        ((BLURRED, BLURRED), 0),
    ],
)
def test_the_kind_is_the_nearest_and_the_verdict_is_its_own(verdicts: tuple[Verdict, Verdict], chosen: int) -> None:
    found = AnyKind([kind("a", verdicts[0]), kind("b", verdicts[1])]).inspect(FRAME)
    assert (found.model.product, found.verdict) == ("ab"[chosen], verdicts[chosen])
    assert found.times.map_ms == 8.0  # both have looked


def test_an_error_of_one_kind_is_an_error_of_the_part() -> None:
    def broken(_: Frame) -> Inspection:
        raise ValueError("a bug")

    bench = Bench(AnyKind([kind("a", GOOD), Kind(model=name("b"), inspect=broken)]))  # type: ignore[arg-type]
    record = bench.take()
    assert (record.verdict.reason, bench.outputs.wires) == (Reason.INTERNAL, {"FAULT"})


def test_the_record_names_the_kind() -> None:
    bench = Bench(AnyKind([kind("a", FAR), kind("b", GOOD)]))  # type: ignore[arg-type]
    record = bench.take()
    assert record.model == name("b")
    assert bench.outputs.wires == {"OK"}


# Which program judges.


def armed(product: str) -> Armed:
    return Armed(inspector=AnyKind([kind(product, GOOD)]), model=name(product))


def test_a_program_whose_model_is_missing_is_not_judged_by_another() -> None:
    programs = Programs({1: armed("a"), 2: Armed(why_not="gone")}, number=1)
    assert programs.numbers == [0, 1, 2]
    assert programs.current.why_not == ""
    assert programs.choose(2).why_not == "gone"
    assert programs.choose(0).why_not == "program 2: gone"
    with pytest.raises(BundleError, match=r"there is no program 3 on this station; there are: 0, 1, 2"):
        programs.choose(3)
    assert programs.number == 0
    assert programs.replace(2, armed("b"))
    assert programs.current.why_not == ""


def test_a_station_with_one_kind_has_one_program() -> None:
    programs = Programs({0: armed("a")}, number=0)
    assert (programs.numbers, programs.current.model) == ([0], name("a"))


def test_what_was_chosen_is_kept_and_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert read_number(tmp_path, otherwise=4) == 4
    write_number(tmp_path, 2)
    assert read_number(tmp_path, otherwise=4) == 2
    for text in ("", "{", "[]", '{"program": "2"}', "{}"):
        (tmp_path / FILE_NAME).write_text(text)
        with pytest.raises(BundleError, match="choose the program again"):
            read_number(tmp_path, otherwise=4)
    with pytest.raises(BundleError, match="cannot be written"):
        write_number(tmp_path / "none" / "folder", 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("programs: {0: a}", "should be a valid integer, not '0'"),
        ("programs: {256: a}", "less than or equal to 255"),
        ("programs: {1: a, 2: a}", "one product is there twice"),
        ("programs: {1: a/b, 2: a}", "'a/b' would be taken for a kind of 'a'"),
        ("programs: {x: a}", "valid integer"),
        ("programs: {1: a, 4: b}\nprogram_lines: {lines: GPIO5 GPIO6}", "2 lines cannot show program 4"),
        ("programs: {1: a}\nprogram_lines: {lines: GPIO5 GPIO5}", "for itself alone"),
        ("programs: {1: a}\nprogram_lines: {line: GPIO5}", "did you mean lines?"),
    ],
)
def test_programs_that_cannot_be_meant_are_refused(text: str, words: str) -> None:
    lines = ("station: a", "bundle: installed", "data: d", "camera: {driver: line}", "trigger: {driver: software}",
             "outputs: {driver: simulated}", text)  # fmt: skip
    with pytest.raises(ConfigError, match=r"station\.yaml:[78]") as refused:
        parse_config("\n".join(lines).encode(), name="station.yaml")
    assert words in str(refused.value)


def test_programs_need_models_that_are_managed() -> None:
    text = "station: a\nbundle: demo\ndata: d\ncamera: {driver: line}\ntrigger: {driver: software}\n"
    with pytest.raises(ConfigError, match="they need 'bundle: installed'"):
        parse_config(f"{text}outputs: {{driver: simulated}}\nprograms: {{1: a}}".encode(), name="station.yaml")


# On wires.


def test_lines_are_a_binary_number(fake_board: FakeBoard) -> None:
    with ProgramLines(Wiring(lines="GPIO5 GPIO6 GPIO13")) as lines:
        for number in (0, 1, 2, 5, 7):
            for place, line in enumerate(("GPIO5", "GPIO6", "GPIO13")):
                fake_board.pull(line, number >> place & 1)
            assert lines.read() == number
        fake_board.faults["get_values"] = OSError(5, "Input/output error")
        with pytest.raises(DeviceFault, match="the lines of the program do not answer"):
            lines.read()
    lines.close()


class Wired:
    """A station whose wires choose: program 1 says OK, program 2 NG, program 3 has no model."""

    def __init__(self) -> None:
        self.shown: int | Exception = 1
        self.bench = Bench(FakeInspector("OK"), choose=self._choose)
        kinds = {1: ("a", GOOD), 2: ("b", NEAR)}
        found = {n: Armed(inspector=AnyKind([kind(*what)]), model=name(what[0])) for n, what in kinds.items()}
        self.programs = Programs({**found, 3: Armed(why_not="gone")}, number=1)
        self._switch = ProgramSwitch(None, self.programs, use=self._use, data=Path(), read_lines=self._read)  # type: ignore[arg-type]
        self._use(self.programs.current)

    def _choose(self) -> None:
        self._switch.at_trigger()

    def _use(self, found: Armed) -> None:
        self.bench.station.use(found.inspector, model=found.model, unarmed_because=found.why_not)

    def _read(self) -> int:
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown


def test_each_part_is_judged_by_the_program_that_the_wires_show_at_its_trigger() -> None:
    wired = Wired()
    for number, outcome, product in ((1, "OK", "a"), (2, "NG", "b"), (2, "NG", "b"), (1, "OK", "a")):
        wired.shown = number
        record = wired.bench.take()
        assert (record.verdict.outcome, record.model.product) == (outcome, product)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("shown", "reason", "words"),
    [
        (3, Reason.NOT_READY, "program 3: gone"),
        (7, Reason.NOT_READY, "there is no program 7"),
        (DeviceFault("the lines do not answer"), Reason.INTERNAL, "the lines do not answer"),
    ],
)
def test_wires_that_show_nothing_usable_are_a_fault_of_that_part_alone(
    shown: int | Exception, reason: Reason, words: str
) -> None:
    wired = Wired()
    wired.bench.take()
    wired.shown = shown
    record = wired.bench.take()
    assert (record.verdict.reason, wired.bench.outputs.wires) == (reason, {"FAULT"})
    assert words in record.verdict.detail
    wired.shown = 2
    assert wired.bench.take().model == name("b")


def test_at_trigger_a_number_without_a_program_is_said_so() -> None:
    wired = Wired()
    wired.shown = 9
    with pytest.raises(NotJudged):
        wired._choose()


# The whole station.


@pytest.fixture
def mirrored(mirrored_model: Small) -> Small:
    """The model of the other kind."""
    return mirrored_model


@pytest.fixture
def config(tmp_path: Path, small_model: Small, mirrored: Small) -> StationConfig:
    """Four parts over and over: good of either kind, defective of either kind. Program 1 is chosen."""
    return station_with(tmp_path, small_model, mirrored)


def station_with(folder: Path, small: Small, mirrored: Small, *, more: str = "") -> StationConfig:
    station_in(folder, small)
    for path in (folder / "pictures").iterdir():
        path.unlink()
    frames = (small.frames[0], mirrored.frames[0], spoilt(small.frames[0]), spoilt(mirrored.frames[0]))
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / "pictures" / f"{number}.png"), frame.pixels)
    path = folder / "station.yaml"
    path.write_text(path.read_text() + PROGRAMS + more)
    config = load_config(path)
    for number, model in ((1, small), (2, mirrored)):
        install(config, send(folder, sealed(model.raw)))
        switch(config, ModelWish(do="activate", serial=7, program=number))
    return config


def one_round(core: Core) -> dict[str, str]:
    """What is said of each of the four."""
    return {shown: core.part()["outcome"] for shown in SHOWN}


def products(config: StationConfig) -> list[str]:
    """Of each part that did not come too early, the product of the model that its record names."""
    with closing(sqlite3.connect(Path(config.data) / "records.sqlite")) as database:
        query = "SELECT product FROM parts JOIN models ON models.number = model WHERE reason != ? ORDER BY sequence"
        return [row[0] for row in database.execute(query, (Reason.TRIGGER_WHILE_BUSY.value,))]


@needs_root
def test_a_program_restricts_to_one_kind_and_zero_finds_it_by_itself(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        assert core.done("program")["program"] == 1
        first = one_round(core)
        assert first[PRODUCT] == "OK"
        assert "OK" not in {outcome for shown, outcome in first.items() if shown != PRODUCT}
        assert core.done("program", number=2)["program"] == 2
        second = one_round(core)
        assert second[MIRRORED] == "OK"
        assert "OK" not in {outcome for shown, outcome in second.items() if shown != MIRRORED}
        core.done("program", number=0)
        both = one_round(core)
        assert (both[PRODUCT], both[MIRRORED]) == ("OK", "OK")
        assert "OK" not in {outcome for shown, outcome in both.items() if "spoilt" in shown}
    found = products(config)
    assert found[:8] == [PRODUCT] * 4 + [MIRRORED] * 4
    assert found[8:] == [PRODUCT, MIRRORED] * 2


@needs_root
def test_what_was_chosen_holds_over_a_restart_and_what_is_damaged_is_no_guess(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        core.done("program", number=2)
        assert not core.tell("program", number=9)["is_done"]
        until(lambda: (beat := read_beat(Path(config.data))) is not None and beat.program == 2)
    with running(config):
        assert core.done("program")["program"] == 2
        core.part()
    (Path(config.data) / FILE_NAME).write_text("{")
    with running(config):
        assert "choose the program again" in core.done("status")["why"]
        core.done("program", number=1)
        assert core.part()["outcome"] in ("OK", "NG")
    assert products(config) == [MIRRORED, PRODUCT]


@needs_root
def test_models_find_their_program_by_product_and_are_switched_singly(
    config: StationConfig, mirrored: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["model", "--config", str(tmp_path / "station.yaml")]
    new = send(tmp_path, sealed(changed(mirrored.raw, serial=8)), "new")
    core = Core(config)
    with running(config):
        assert main([*command, "install", str(new)]) == 0
        assert main([*command, "--program", "2", "activate", "8"]) == 0
        assert main([*command, "activate", "8"]) == 1
        assert main([*command, "--program", "1", "activate", "8"]) == 1
        core.part()
        core.done("program", number=2)
        core.part()
        assert main([*command, "--program", "2", "rollback"]) == 0
        core.part()
    assert [row[4] for row in rows(config)] == [7, 8, 7]
    told = capsys.readouterr()
    assert f"there is no program 0 on this station; there are: 1 ({PRODUCT}), 2 ({MIRRORED})" in told.err
    assert "there is no model with serial 8 on this station; there are: 7" in told.err
    assert main([*command, "install", str(send(tmp_path, sealed(changed(mirrored.raw, product="pills"))))]) == 1
    assert f"a model for 'pills', and this station inspects: {PRODUCT}, {MIRRORED}" in capsys.readouterr().err
    assert slots_of(config, 1).book.current.serial == 7  # type: ignore[union-attr]
    with PageStore(Path(config.data)) as store:
        assert "model activate of program 2" in [entry.what for entry in store.audit_log()]


@needs_root
def test_a_program_without_a_model_keeps_the_others_going(config: StationConfig) -> None:
    slots = slots_of(config, 2)
    assert slots.book.current
    slots.path_of(slots.book.current).unlink()
    core = Core(config)
    with running(config):
        assert core.part()["outcome"] == "OK"
        core.done("program", number=2)
        assert "cannot be read" in core.done("status")["why"]
        core.done("program", number=0)
        assert "program 2: there is no valid model" in core.done("status")["why"]
        core.done("program", number=1)
        assert core.part()["outcome"] in ("OK", "NG")


@needs_root
def test_programs_change_while_parts_come_and_each_record_names_its_own(
    tmp_path: Path, small_model: Small, mirrored: Small
) -> None:
    config = station_with(tmp_path, small_model, mirrored)
    path = tmp_path / "station.yaml"
    path.write_text(path.read_text().replace("{driver: software}", "{driver: interval, interval_ms: 100}"))
    config = load_config(path)
    core, asked = Core(config), 0
    with running(config) as appliance:
        for number in (2, 1, 0, 2, 1):
            count = appliance.station.state.sequence
            until(lambda count=count: appliance.station.state.sequence >= count + 3, seconds=60)  # type: ignore[misc]
            core.done("program", number=number)
            asked += 1
        until(lambda: appliance.station.state.sequence >= 20, seconds=60)
    found = rows(config)
    assert [row[0] for row in found] == list(range(1, len(found) + 1))
    named = products(config)
    assert set(named) <= {PRODUCT, MIRRORED}
    assert {PRODUCT, MIRRORED} == set(named)
    print(f"{len(found)} parts, {asked} changes of the program")


@needs_root
def test_each_program_needs_its_own_shift_check(tmp_path: Path, small_model: Small, mirrored: Small) -> None:
    config = station_with(tmp_path, small_model, mirrored, more="shift_check: {pieces: 'OK, NG'}\n")
    core = Core(config)
    with running(config):
        for _ in range(2):  # good of kind 1; of kind 2, which is none of kind 1
            core.done("piece")
        assert core.done("status")["why"] == ""
        core.done("program", number=2)
        assert "test piece 1 of 2 (OK)" in core.done("status")["why"]
        core.done("program", number=1)
        assert core.done("status")["why"] == ""


@needs_root
def test_wires_of_a_whole_station_choose(
    tmp_path: Path, small_model: Small, mirrored: Small, fake_board: FakeBoard
) -> None:
    config = station_with(tmp_path, small_model, mirrored, more="program_lines: {lines: GPIO5 GPIO6}\n")
    core = Core(config)
    numbers: list[int] = []
    with running(config):
        assert not core.tell("program", number=2)["is_done"]
        for number in (1, 2, 0, 3):
            fake_board.pull("GPIO5", number & 1)
            fake_board.pull("GPIO6", number >> 1)
            numbers.append(number)
            told = core.part()
            assert (told["reason"] == Reason.NOT_READY.value) == (number == 3)
    assert products(config)[:2] == [PRODUCT, MIRRORED]


@needs_root
def test_an_operator_chooses_on_the_page_and_the_log_has_it(config: StationConfig) -> None:
    site = with_accounts(make_site(config))
    stranger, operator = Client(site), Client(site, address="10.0.0.2")
    operator.sign_in(*OPERATOR)
    with running(config):
        assert stranger.post("/program", number="2").status_code == 401
        assert operator.post("/program", number="2").json()["program"] == 2
        assert operator.post("/program", number="77").status_code == 409
        for text in ("", "x", "-1", "²", "1e3"):
            assert operator.post("/program", number=text).status_code == 400
        assert f"2: {MIRRORED}" in operator.get("/").text
    with PageStore(Path(config.data)) as store:
        said = [(entry.who, entry.what, entry.new) for entry in store.audit_log()]
    assert (OPERATOR[0], "program", "2") in said


@needs_root
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_an_operator_chooses_in_the_browser(config: StationConfig, tmp_path: Path) -> None:
    site = with_accounts(make_site(config))
    core = Core(config)
    with running(config), served(site) as address, Browser(tmp_path / "chromium") as page:
        core.part()
        page.sign_in(address, OPERATOR, to="/")
        page.wait_for("document.getElementById('model-name')?.textContent.includes('small')")
        assert page.evaluate("document.getElementById('program').value") == "1"
        page.choose("program", "2")
        until(lambda: core.done("program")["program"] == 2)
        page.wait_for("document.getElementById('model-name').textContent.includes('mirrored')")
        page.wait_for("!document.body.classList.contains('is-waiting')")
        assert page.evaluate("document.getElementById('program').value") == "2"
        assert page.accessibility_faults() == []
        assert page.complaints() == []


@needs_root
def test_a_loop_that_does_not_come_round_changes_no_program(
    config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.programs.PATIENCE_S", 0.2)
    held = threading.Event()
    core = Core(config)
    with running(config) as appliance:
        busy = threading.Thread(target=lambda: appliance.daemon.ask(lambda: held.wait(20) and None, timeout_s=30))
        busy.start()
        time.sleep(0.2)
        assert "has not come round" in str(core.tell("program", number=2)["why"])
        held.set()
        busy.join()
        assert core.done("program")["program"] == 1
    assert json.loads((Path(config.data) / FILE_NAME).read_text()) == {"program": 1}


@pytest.fixture(autouse=True)
def _quick_trial(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The process in which a model is tried takes seconds, and is tested elsewhere."""
    from tests.test_receive import TRIED

    monkeypatch.setattr("edge.commands.managing.try_in_child", lambda *_, **__: TRIED)
    yield


@needs_root
def test_the_models_page_and_past_production_are_of_one_program(
    config: StationConfig, mirrored: Small, tmp_path: Path
) -> None:
    install(config, send(tmp_path, sealed(changed(mirrored.raw, serial=8)), "new"))
    site = with_accounts(make_site(config))
    engineer = Client(site)
    engineer.sign_in(*ENGINEER)
    core = Core(config)
    with running(config):
        one_round(core)
        core.done("program", number=2)
        one_round(core)
        assert 'data-serial="8"' not in engineer.get("/set-up/models").text
        assert 'data-serial="8"' in engineer.get("/set-up/models?program=2").text
        assert engineer.get("/set-up/models?program=3").status_code == 404
        assert engineer.get("/set-up/models/8").status_code == 404
        assert engineer.post("/set-up/models/8/rejudge?program=2").status_code == 200
        until(lambda: not engineer.get("/set-up/models/8/state?program=2").json()["is_running"], seconds=120)
        found = engineer.get("/set-up/models/8/rejudged.json?program=2").json()
        assert sum(found["outcomes"].values()) == products(config).count(MIRRORED)
        assert engineer.post("/set-up/models/activate?program=2", serial="8").json()["serial"] == 8
        core.part()
    assert slots_of(config, 1).book.current.serial == 7  # type: ignore[union-attr]
    assert rows(config)[-1][4] == 8


@needs_root
def test_corrections_are_collected_of_one_program(config: StationConfig) -> None:
    with running(config):
        one_round(Core(config))
    out = io.BytesIO()
    with pytest.raises(BundleError, match="there is no program 0"):
        collect(config, first=1, last=100, out=out)
    assert collect(config, first=1, last=100, out=out, program=2) == 0
