"""A station with one model of several kinds: any of them, or one by its number; each part is judged by its own kind."""

import io
import json
import sqlite3
import tarfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.__main__ import main
from edge.armed import any_of, inspector_of
from edge.bundle import decode
from edge.commands.collecting import send as collect
from edge.commands.loading import arm_version, load_model, load_rejudge, trust_of
from edge.commands.managing import install, switch
from edge.commands.try_out import try_out
from edge.config import StationConfig, load_config
from edge.corrections import Judgement
from edge.errors import BundleError
from edge.frame import Frame
from edge.heartbeat import read_beat
from edge.kinds import AnyKind
from edge.model_switch import ModelWish
from edge.model_trial import usual_before
from edge.probation import Usual
from edge.record import ModelName
from edge.rejudge import Used
from edge.slots import Slots, Version
from edge.verdict import Reason
from edge.web.app import make_site
from tests.browser import CHROMIUM, Browser
from tests.contracts.conftest import fake_board as fake_board
from tests.gpio_boards import FakeBoard
from tests.joining import JOINT, LEFT, RIGHT, by_hand, joined_of, named
from tests.sealing import changed, needs_root, sealed
from tests.sites import OPERATOR, Client, served, with_accounts
from tests.small_model import MIRRORED, PRODUCT, Small, spoilt
from tests.stationed import model_of, send, snapshot, station_in
from tests.stations import until
from tests.test_collecting import say
from tests.test_model_switch import rows
from tests.test_programs import SHOWN, one_round, products
from tests.test_receive import TRIED, take
from tests.test_set_up import Core, running

pytestmark = needs_root
LEFT_KIND, RIGHT_KIND = f"{JOINT}/{LEFT}", f"{JOINT}/{RIGHT}"
GOOD_LEFT, GOOD_RIGHT, BAD_LEFT, BAD_RIGHT = SHOWN


@pytest.fixture(autouse=True)
def _quick_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process in which a model is tried takes seconds."""
    monkeypatch.setattr("edge.commands.managing.try_in_child", lambda *_, **__: TRIED)


@pytest.fixture
def config(tmp_path: Path, small_model: Small, mirrored_model: Small, joined_model: bytes) -> StationConfig:
    """Four parts over and over: good of either kind, defective of either kind. The joined model judges."""
    config = station_of(tmp_path, small_model, mirrored_model)
    install(config, send(tmp_path, sealed(joined_model)))
    switch(config, ModelWish(do="activate", serial=7))
    return config


def station_of(folder: Path, small: Small, mirrored: Small, *, more: str = "", **settings: Any) -> StationConfig:
    """Without a model."""
    station_in(folder, small, **settings)
    for path in (folder / "pictures").iterdir():
        path.unlink()
    frames = (small.frames[0], mirrored.frames[0], spoilt(small.frames[0]), spoilt(mirrored.frames[0]))
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / "pictures" / f"{number}.png"), frame.pixels)
    path = folder / "station.yaml"
    path.write_text(path.read_text() + "records: {pictures: {ok_every: 1}}\n" + more)
    return load_config(path)


def good_ones(judged: dict[str, str]) -> set[str]:
    return {shown for shown, outcome in judged.items() if outcome == "OK"}


def came_in_time(config: StationConfig) -> list[Any]:
    """Sequence, serial and limit of each part that did not come too early."""
    query = (
        "SELECT sequence, serial, distance_limit FROM parts JOIN models ON models.number = model "
        "WHERE reason != ? ORDER BY sequence"
    )
    with closing(sqlite3.connect(Path(config.data) / "records.sqlite")) as database:
        return database.execute(query, (Reason.TRIGGER_WHILE_BUSY.value,)).fetchall()


# Which kind judges.


def test_a_number_restricts_to_one_kind_and_zero_finds_it_by_itself(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        assert core.done("program") == {"is_done": True, "program": 0, "programs": "0, 1, 2"}
        assert good_ones(one_round(core)) == {GOOD_LEFT, GOOD_RIGHT}
        core.done("program", number=1)
        assert good_ones(one_round(core)) == {GOOD_LEFT}
        core.done("program", number=2)
        assert good_ones(one_round(core)) == {GOOD_RIGHT}
        assert "there is no program 3 on this station; there are: 0, 1, 2" in str(core.tell("program", number=3)["why"])
    found = products(config)
    assert found[0:4:2] == [LEFT_KIND, LEFT_KIND]
    assert found[1:4:2] == [RIGHT_KIND, RIGHT_KIND]
    assert found[4:] == [LEFT_KIND] * 4 + [RIGHT_KIND] * 4
    assert {row[4] for row in rows(config)} == {7}


def test_what_was_chosen_holds_over_a_restart(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        core.done("program", number=2)
        until(lambda: (beat := read_beat(Path(config.data))) is not None and beat.program == 2)
    with running(config):
        assert core.done("program")["program"] == 2
        core.part()
    assert products(config) == [RIGHT_KIND]


def test_wires_choose_the_kind_and_a_number_without_one_is_a_fault_of_that_part_alone(
    tmp_path: Path, small_model: Small, mirrored_model: Small, joined_model: bytes, fake_board: FakeBoard
) -> None:
    config = station_of(tmp_path, small_model, mirrored_model, more="program_lines: {lines: GPIO5 GPIO6}\n")
    install(config, send(tmp_path, sealed(joined_model)))
    switch(config, ModelWish(do="activate", serial=7))
    core = Core(config)
    with running(config):
        said = []
        for number in (1, 2, 3, 0):
            fake_board.pull("GPIO5", number & 1)
            fake_board.pull("GPIO6", number >> 1)
            told = core.part()
            said.append(told["reason"] == Reason.NOT_READY.value)
            if number == 3:
                assert "there is no program 3" in told["detail"]
        assert said == [False, False, True, False]
        assert not core.tell("program", number=2)["is_done"]
    assert products(config)[:2] == [LEFT_KIND, RIGHT_KIND]
    assert products(config)[3] in (LEFT_KIND, RIGHT_KIND)


def test_wires_do_not_hang_on_a_kind_that_the_next_model_has_not(
    tmp_path: Path, small_model: Small, mirrored_model: Small, joined_model: bytes, fake_board: FakeBoard
) -> None:
    config = station_of(tmp_path, small_model, mirrored_model, more="program_lines: {lines: GPIO5 GPIO6}\n")
    install(config, send(tmp_path, sealed(joined_model)))
    switch(config, ModelWish(do="activate", serial=7))
    install(config, send(tmp_path, model_of(small_model, 8, product=JOINT)))
    core = Core(config)
    with running(config):
        fake_board.pull("GPIO6", 1)
        core.part()
        switch(config, ModelWish(do="activate", serial=8))
        assert core.part()["reason"] == Reason.NOT_READY.value  # program 2 is no more
        fake_board.pull("GPIO6", 0)
        core.part()
    assert products(config)[-1] == JOINT


# Another model.


def test_all_kinds_are_switched_and_returned_together_between_two_parts(
    config: StationConfig, tmp_path: Path, small_model: Small, mirrored_model: Small
) -> None:
    install(config, send(tmp_path, sealed(joined_of(small_model, mirrored_model, serial=8))))
    core = Core(config)
    with running(config):
        core.part(), core.part()
        switch(config, ModelWish(do="activate", serial=8))
        core.part(), core.part()
        switch(config, ModelWish(do="rollback"))
        core.part(), core.part()
    assert [serial for _, serial, _ in came_in_time(config)] == [7, 7, 8, 8, 7, 7]
    assert set(products(config)) == {LEFT_KIND, RIGHT_KIND}


def test_a_chosen_kind_that_the_next_model_has_not_is_asked_for_and_never_guessed(
    config: StationConfig, tmp_path: Path, small_model: Small
) -> None:
    install(config, send(tmp_path, model_of(small_model, 8, product=JOINT)))
    core = Core(config)
    with running(config):
        core.done("program", number=2)
        switch(config, ModelWish(do="activate", serial=8))
        until(lambda: "there is no program 2 on this station; there are: 0: choose one" in core.done("status")["why"])
    with running(config):
        assert "there is no program 2" in core.done("status")["why"]
        core.done("program", number=0)
        core.part()
        switch(config, ModelWish(do="rollback"))
        core.done("program", number=2)
        core.part()
    assert products(config) == [JOINT, RIGHT_KIND]


def test_without_a_model_that_is_what_is_said(config: StationConfig) -> None:
    slots = Slots(Path(config.data))
    core = Core(config)
    with running(config):
        core.done("program", number=2)
    assert slots.book.current
    slots.path_of(slots.book.current).unlink()
    with running(config):
        assert "there is no valid model" in core.done("status")["why"]


def test_a_number_never_comes_to_mean_another_kind(
    config: StationConfig, tmp_path: Path, small_model: Small, mirrored_model: Small
) -> None:
    before = snapshot(Path(config.data))
    turned = joined_of(mirrored_model, small_model, serial=8)  # `left` is the other kind now, which nobody can see
    install(config, send(tmp_path, sealed(turned)))
    left, right = (named(model.raw, kind, serial=9) for model, kind in ((small_model, LEFT), (mirrored_model, RIGHT)))
    with pytest.raises(
        BundleError, match="program 1 is 'left' on this station and would be 'right': join the kinds in"
    ):
        install(config, send(tmp_path, sealed(by_hand([(RIGHT, right), (LEFT, left)], serial=9))))
    assert set(snapshot(Path(config.data))) - set(before)  # of serial 8
    assert 9 not in Slots(Path(config.data)).serials().values()


def test_also_an_installed_model_does_not_turn_numbers_round(
    config: StationConfig, tmp_path: Path, small_model: Small, mirrored_model: Small
) -> None:
    install(config, send(tmp_path, model_of(small_model, 8, product=JOINT)))
    switch(config, ModelWish(do="activate", serial=8))  # of one kind: after it, any order may come
    left, right = (named(model.raw, kind, serial=9) for model, kind in ((small_model, LEFT), (mirrored_model, RIGHT)))
    install(config, send(tmp_path, sealed(by_hand([(RIGHT, right), (LEFT, left)], serial=9))))
    switch(config, ModelWish(do="activate", serial=7, may_be_older=True))
    before = snapshot(Path(config.data))
    with pytest.raises(BundleError, match="program 1 is 'left' on this station and would be 'right'"):
        switch(config, ModelWish(do="activate", serial=9))
    assert snapshot(Path(config.data)) == before


def rejecting(small: Small, mirrored: Small, serial: int) -> bytes:
    """A joined model whose kind on the right rejects good parts; it passes its own golden pictures."""
    manifest = mirrored.bundle.manifest
    limit = {**manifest.limit.model_dump(mode="json"), "distance": 0.3 * min(part.distance for part in manifest.golden)}
    golden = [{**part.model_dump(mode="json"), "outcome": "NG"} for part in manifest.golden]
    right = named(mirrored.raw, RIGHT, serial=serial, limit=limit, golden=golden)
    return sealed(by_hand([(LEFT, named(small.raw, LEFT, serial=serial)), (RIGHT, right)], serial=serial))


@pytest.mark.parametrize("number", [0, 2])
def test_one_bad_kind_sends_all_back_by_itself(
    tmp_path: Path, small_model: Small, mirrored_model: Small, joined_model: bytes, number: int
) -> None:
    """Counted under the kinds' own names; the model before it judges under the same restriction."""
    config = station_of(tmp_path, small_model, mirrored_model, probation_parts=200)
    slots, core = Slots(Path(config.data)), Core(config)
    take(config, sealed(joined_model))
    take(config, rejecting(small_model, mirrored_model, 8))
    with running(config):
        switch(config, ModelWish(do="activate", serial=7))
        core.done("program", number=number)
        core.part()
        switch(config, ModelWish(do="activate", serial=8))
        for _ in range(160):
            core.part()
            if slots.book.current.serial == 7:  # type: ignore[union-attr]
                break
    assert slots.book.events[-1].what == "returned"
    assert "it alone rejects" in slots.book.events[-1].why


def test_a_wrong_part_under_a_restriction_speaks_against_nobody(
    tmp_path: Path, small_model: Small, mirrored_model: Small, joined_model: bytes
) -> None:
    """Both models reject a part of the other kind, though all kinds of the old one together would pass it."""
    config = station_of(tmp_path, small_model, mirrored_model, probation_parts=12)
    slots, core = Slots(Path(config.data)), Core(config)
    take(config, sealed(joined_model))
    take(config, sealed(joined_of(small_model, mirrored_model, serial=8)))
    with running(config):
        switch(config, ModelWish(do="activate", serial=7))
        core.done("program", number=1)
        switch(config, ModelWish(do="activate", serial=8))
        for _ in range(10):
            core.part()
        until(lambda: core.done("model", do="status")["probation"]["compared"] >= 4)
        told = core.done("model", do="status")["probation"]
        assert (told["only_new_ng"], told["only_old_ng"]) == (0, 0)
        for _ in range(3):
            core.part()
        until(lambda: slots.book.probation is None)
    assert slots.book.current.serial == 8  # type: ignore[union-attr]


def test_what_was_usual_before_is_not_counted_from_the_models_own_kinds(config: StationConfig) -> None:
    with running(config) as appliance:
        one_round(Core(config))
        until(lambda: appliance.recorder.wait_until_kept(timeout_ms=100))
    own = Slots(Path(config.data)).book.running()
    data = Path(config.data)
    with closing(sqlite3.connect(data / "records.sqlite")) as database:
        database.execute("UPDATE parts SET outcome = 'FAULT', reason = 'blurred'")
        database.commit()
    assert usual_before(data, own) == Usual()
    assert usual_before(data, own.model_copy(update={"serial": 8, "sha256": "f" * 64})).faults == 1


def test_only_its_own_kinds_count_as_a_model() -> None:
    version = Version(product="p", serial=3, sha256="a" * 64)
    for product, serial, sha256, is_own in (
        ("p", 3, "a" * 64, True),
        ("p/left", 3, "b" * 64, True),
        ("p/left", 4, "b" * 64, False),
        ("p", 3, "b" * 64, False),
        ("pp/left", 3, "b" * 64, False),
    ):
        assert version.made(ModelName(product=product, serial=serial, sha256=sha256)) == is_own


def test_a_shadow_is_restricted_as_the_station_is(config: StationConfig) -> None:
    armed = arm_version(config, Slots(Path(config.data)).book.running())
    assert inspector_of(armed, 0) is armed.inspector
    assert [inspector_of(armed, number) for number in (1, 2)] == [kind.inspector for kind in armed.kinds]
    assert inspector_of(armed, 3) is None
    assert inspector_of(armed.kinds[0], 3) is armed.kinds[0].inspector  # a model of one kind


# Limits, comparisons, corrections.


def test_each_kind_has_a_limit_of_its_own(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        assert "choose one of the kinds first" in str(core.tell("limit")["why"])
        core.done("program", number=2)
        before = core.done("limit")
        core.done("limit", limit=0.5 * before["calibrated"])
        core.done("program", number=1)
        assert core.done("limit")["limit"] == core.done("limit")["calibrated"]
        core.done("program", number=0)
        one_round(core)
    with running(config):
        core.done("program", number=2)
        assert core.done("limit")["limit"] == 0.5 * before["calibrated"]
    limits = dict(zip(products(config), (limit for _, _, limit in came_in_time(config)), strict=True))
    assert limits[RIGHT_KIND] == 0.5 * before["calibrated"]
    assert limits[LEFT_KIND] != limits[RIGHT_KIND]


def test_a_limit_that_nobody_knows_keeps_all_kinds_from_judging(config: StationConfig) -> None:
    (Path(config.data) / "limits.json").write_text("{")
    assert load_model(config).why_not.startswith(f"{LEFT_KIND}: nobody knows which limit is meant")
    assert any_of(load_model(config).kinds, ModelName(product="p", serial=0, sha256="")).inspector is None


def test_past_production_is_judged_by_the_kind_that_judged_it(
    config: StationConfig, tmp_path: Path, small_model: Small, mirrored_model: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    core = Core(config)
    install(config, send(tmp_path, model_of(small_model, 8, product=JOINT)))
    with running(config):
        one_round(core)
        switch(config, ModelWish(do="activate", serial=8))
        one_round(core)
    same = send(tmp_path, sealed(joined_of(small_model, mirrored_model, serial=9)), "same")
    again, name = load_rejudge(Path(config.data), same, is_own_product=False)
    assert name.product == JOINT
    in_time = {sequence for sequence, _, _ in came_in_time(config)}
    found = [part for part in again.parts(first=1, last=10**6) if part.sequence in in_time]
    assert [part.used for part in found] == [Used.MAP] * 4 + [Used.NO_KIND] * 4
    assert not any(part.is_changed for part in found)
    for before, after in ((part.margin_before, part.margin_after) for part in found[:4]):
        assert after == pytest.approx(before)
    strict = send(tmp_path, rejecting(small_model, mirrored_model, 10), "strict")
    command = ["records", "--config", str(tmp_path / "station.yaml"), "rejudge", "--bundle", str(strict), "--json", "-"]
    capsys.readouterr()
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["changed"] == 1  # the good part on the right
    assert told["used"][Used.NO_KIND.value] == len(rows(config)) - 4


def test_corrections_are_collected_of_one_kind(config: StationConfig) -> None:
    with running(config) as appliance:
        one_round(Core(config))
        until(lambda: appliance.recorder.wait_until_kept(timeout_ms=100))
    say(config, {sequence: Judgement.GOOD for sequence, _, _ in came_in_time(config)})
    out = io.BytesIO()
    with pytest.raises(BundleError, match="a data set teaches one kind: say which with --kind; there is: left, right"):
        collect(config, first=1, last=100, out=out)
    with pytest.raises(BundleError, match="there is no kind 'up' in this station's model"):
        collect(config, first=1, last=100, out=out, kind="up")
    assert out.getvalue() == b""
    assert collect(config, first=1, last=100, out=out, kind=RIGHT) == 2
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        model = tar.extractfile("model")
        assert model is not None
        assert decode(model.read()).manifest.product == RIGHT_KIND


def test_a_model_of_one_kind_does_not_learn_what_was_said_of_other_kinds(
    config: StationConfig, tmp_path: Path, small_model: Small
) -> None:
    install(config, send(tmp_path, model_of(small_model, 8, product=JOINT)))
    core = Core(config)
    with running(config) as appliance:
        one_round(core)
        switch(config, ModelWish(do="activate", serial=8))
        one_round(core)
        until(lambda: appliance.recorder.wait_until_kept(timeout_ms=100))
    say(config, {sequence: Judgement.GOOD for sequence, _, _ in came_in_time(config)})
    assert collect(config, first=1, last=100, out=io.BytesIO()) == 4
    with pytest.raises(BundleError, match="there is no kind 'left' in this station's model"):
        collect(config, first=1, last=100, out=io.BytesIO(), kind=LEFT)


# Installation.


EACH_MS = 60.0


@pytest.fixture
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind takes EACH_MS."""

    def p99_ms(inspector: AnyKind, _: Sequence[Frame]) -> float:
        return EACH_MS * len(inspector._kinds)

    monkeypatch.setattr("edge.commands.try_out._p99_ms", p99_ms)


@pytest.mark.usefixtures("_slow")
def test_kinds_that_are_quick_enough_alone_are_refused_together(
    config: StationConfig, tmp_path: Path, small_model: Small, joined_model: bytes
) -> None:
    trust = trust_of(config)
    both = send(tmp_path, sealed(joined_model), "both")
    other = send(tmp_path, sealed(changed(small_model.raw, product="other")), "other")
    assert try_out(both, trust, budget_ms=2.5 * EACH_MS) == (2 * EACH_MS, None)
    assert try_out(other, trust, budget_ms=3.5 * EACH_MS, beside=[both]) == (EACH_MS, 3 * EACH_MS)
    words = r"its 2 kinds together take 120 ms a part \(p99\), and 90 ms are left of the takt: choose .* fewer kinds"
    with pytest.raises(BundleError, match=words):
        try_out(both, trust, budget_ms=1.5 * EACH_MS)
    with pytest.raises(BundleError, match="the models of all 2 programs"):
        try_out(other, trust, budget_ms=2.5 * EACH_MS, beside=[both])


def test_the_process_of_its_own_tries_all_kinds(
    tmp_path: Path, small_model: Small, mirrored_model: Small, joined_model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # of `_quick_trial`
    config = station_of(tmp_path, small_model, mirrored_model)
    found = install(config, send(tmp_path, sealed(joined_model)))
    assert found.tried.p99_ms > 0
    lax = {
        **small_model.bundle.manifest.limit.model_dump(mode="json"),
        "distance": 1e6,
        "calibrated": 1e6,
        "map_mean": 255.0,
    }
    golden = [{**part.model_dump(mode="json"), "outcome": "OK"} for part in mirrored_model.bundle.manifest.golden]
    blind = named(mirrored_model.raw, RIGHT, serial=8, limit=lax, golden=golden)
    raw = by_hand([(LEFT, named(small_model.raw, LEFT, serial=8)), (RIGHT, blind)], serial=8)
    before = snapshot(Path(config.data))
    with pytest.raises(BundleError, match="the kinds cannot be told apart"):
        install(config, send(tmp_path, sealed(raw)))
    wrong = named(mirrored_model.raw, RIGHT, serial=8, limit={**lax, "distance": 1e-3})
    raw = by_hand([(LEFT, named(small_model.raw, LEFT, serial=8)), (RIGHT, wrong)], serial=8)
    with pytest.raises(BundleError, match=r"kind 'right': self-test: golden/0\.png is NG here, OK was taught"):
        install(config, send(tmp_path, sealed(raw)))
    assert snapshot(Path(config.data)) == before


@pytest.mark.parametrize(
    ("serial", "product", "words"),
    [
        (6, JOINT, "serial 6 is not above 7"),
        (9, "other", f"this is a model for 'other', and this station inspects '{JOINT}'"),
    ],
)
def test_a_joined_model_is_held_to_product_and_serial_as_any(
    config: StationConfig,
    tmp_path: Path,
    small_model: Small,
    mirrored_model: Small,
    serial: int,
    product: str,
    words: str,
) -> None:
    raw = joined_of(small_model, mirrored_model, serial=serial, product=product)
    with pytest.raises(BundleError, match=words):
        install(config, send(tmp_path, sealed(raw)))


def test_check_names_the_kinds(config: StationConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--config", str(tmp_path / "station.yaml")])
    assert "kinds: left, right, signed by anna, 6 golden pictures found again" in capsys.readouterr().out


# Among several programs.


def test_among_programs_a_joined_model_is_searched_among_its_kinds(
    tmp_path: Path, small_model: Small, mirrored_model: Small, joined_model: bytes
) -> None:
    """Program 1 has both kinds, program 2 the one on the left alone."""
    config = station_of(tmp_path, small_model, mirrored_model, more=f"programs: {{1: {JOINT}, 2: {PRODUCT}}}\n")
    for number, raw in ((1, joined_model), (2, small_model.raw)):
        install(config, send(tmp_path, sealed(raw)))
        switch(config, ModelWish(do="activate", serial=7, program=number))
    core = Core(config)
    with running(config):
        assert core.done("program") == {"is_done": True, "program": 1, "programs": "0, 1, 2"}
        assert good_ones(one_round(core)) == {GOOD_LEFT, GOOD_RIGHT}
        core.done("program", number=2)
        assert good_ones(one_round(core)) == {GOOD_LEFT}
        core.done("program", number=0)
        assert good_ones(one_round(core)) == {GOOD_LEFT, GOOD_RIGHT}
    found = products(config)
    assert set(found[:4]) == {LEFT_KIND, RIGHT_KIND}
    assert found[4:8] == [PRODUCT] * 4
    assert set(found[8:]) <= {LEFT_KIND, RIGHT_KIND, PRODUCT}
    assert MIRRORED not in found


# The page.


def test_the_page_knows_the_kinds(config: StationConfig) -> None:
    site = with_accounts(make_site(config))
    operator = Client(site)
    operator.sign_in(*OPERATOR)
    with running(config):
        until(lambda: (beat := read_beat(Path(config.data))) is not None and beat.kinds == (LEFT, RIGHT))
        assert operator.post("/program", number="2").json()["program"] == 2
        assert operator.post("/program", number="3").status_code == 409
    view = site.reader.station()
    assert (view.kinds, view.program) == ((LEFT, RIGHT), 2)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_an_operator_chooses_a_kind_in_the_browser(config: StationConfig, tmp_path: Path, small_model: Small) -> None:
    site = with_accounts(make_site(config))
    install(config, send(tmp_path, model_of(small_model, 8, product=JOINT)))
    core = Core(config)
    with running(config), served(site) as address, Browser(tmp_path / "chromium") as page:
        core.part()
        page.sign_in(address, OPERATOR, to="/")
        page.wait_for("document.getElementById('program')?.options.length === 3")
        assert page.evaluate("document.getElementById('program').options[2].textContent") == "2: right"
        page.choose("program", "2")
        until(lambda: core.done("program")["program"] == 2)
        page.wait_for("document.getElementById('model-name').textContent.includes('/right')")
        assert page.accessibility_faults() == []
        core.done("program", number=0)
        switch(config, ModelWish(do="activate", serial=8))
        page.wait_for("document.getElementById('programs').hidden")
        assert page.complaints() == []
