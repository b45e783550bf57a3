"""A new model must prove itself; one that does badly makes way for the one before, by itself."""

from pathlib import Path

import pytest

from edge.armed import Armed
from edge.commands.loading import arm_version, load_model
from edge.commands.managing import switch
from edge.config import StationConfig
from edge.errors import BundleError
from edge.model_start import MOST_STARTS, begin, ended_in_order
from edge.model_switch import ModelWish
from edge.probation import Tally, Usual
from edge.slots import Book, Slots, Version
from edge.verdict import Reason, fault
from tests.production import production, write
from tests.sealing import needs_root
from tests.small_model import Small
from tests.stationed import model_of, station_in
from tests.stations import until, verdict
from tests.test_model_switch import rows
from tests.test_receive import take
from tests.test_set_up import Core, running

OK, NG = verdict("OK"), verdict("NG")
LATE = fault(Reason.LATE)


def tally(*, parts: int = 0, late: int = 0, faults: int = 0, only_new: int = 0, only_old: int = 0) -> Tally:
    found = Tally()
    for number in range(parts):
        found.count(LATE if number < late else fault(Reason.BLURRED) if number < late + faults else OK)
    for _ in range(only_new):
        found.compare(NG, OK)
    for _ in range(only_old):
        found.compare(OK, NG)
    return found


@pytest.mark.parametrize(
    ("counts", "usual", "words"),
    [
        ({"parts": 200}, Usual(), ""),
        ({"parts": 200, "faults": 2}, Usual(), ""),
        ({"parts": 200, "faults": 10}, Usual(), "10 of 200 parts were FAULT, before it 0.0 %"),
        ({"parts": 200, "faults": 10}, Usual(faults=0.05), ""),
        ({"parts": 3, "faults": 3}, Usual(), "3 of 3 parts were FAULT"),
        ({"parts": 50, "late": 6}, Usual(), "6 of 50 parts came too late"),
        ({"only_new": 9}, Usual(), ""),
        ({"only_new": 10}, Usual(), "it alone rejects 10, and the model before it alone 0"),
        ({"only_new": 12, "only_old": 8}, Usual(), ""),
        ({"only_old": 9}, Usual(), ""),
        ({"only_old": 30}, Usual(), "it passes 30 that the model before it rejects, and rejects 0"),
    ],
)
def test_only_what_chance_does_not_explain_speaks_against_a_model(
    counts: dict[str, int], usual: Usual, words: str
) -> None:
    found = tally(**counts).failure(usual)
    assert found.startswith(words) or words in found
    assert bool(found) == bool(words)


def test_a_model_that_is_meant_to_pass_more_may_do_so() -> None:
    assert tally(only_old=30).failure(Usual(), may_pass_more=True) == ""
    assert "it alone rejects 30" in tally(only_new=30).failure(Usual(), may_pass_more=True)


def test_faults_of_line_and_camera_are_not_the_models() -> None:
    found = Tally()
    for reason in (Reason.TRIGGER_WHILE_BUSY, Reason.CAPTURE_FAILED, Reason.FRAME_FROZEN, Reason.EXPOSURE_DRIFTED):
        assert not found.count(fault(reason))
    assert found == Tally()


def test_parts_that_either_could_not_judge_are_not_compared() -> None:
    found = Tally()
    found.compare(LATE, NG)
    found.compare(NG, LATE)
    assert found.compared == 0


# On a running station.


def rejecting(small: Small, serial: int) -> bytes:
    """A model that rejects good parts: what comes of wrong labels. It passes its own golden pictures."""
    manifest = small.bundle.manifest
    limit = {**manifest.limit.model_dump(mode="json"), "distance": 0.3 * min(part.distance for part in manifest.golden)}
    golden = [{**part.model_dump(mode="json"), "outcome": "NG"} for part in manifest.golden]
    return model_of(small, serial, limit=limit, golden=golden)


def run_parts(config: StationConfig, least: int) -> None:
    core = Core(config)
    for _ in range(least):
        core.part()


@needs_root
def test_a_model_that_rejects_good_parts_goes_back_by_itself(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model, probation_parts=100)
    slots = Slots(Path(config.data))
    take(config, model_of(small_model, 7))
    take(config, rejecting(small_model, 8))
    with running(config):
        assert not Core(config).tell("model", do="status")["probation"]
        switch(config, ModelWish(do="activate", serial=7))
        assert slots.book.probation is None  # the first has nothing to go back to
        run_parts(config, 3)
        switch(config, ModelWish(do="activate", serial=8))
        for _ in range(100):
            run_parts(config, 1)
            if slots.book.current.serial == 7:  # type: ignore[union-attr]
                break
        until(lambda: Core(config).tell("model", do="status")["probation"] is None)
        run_parts(config, 2)
    book = slots.book
    assert (book.current.serial, book.previous.serial, book.probation) == (7, 8, None)  # type: ignore[union-attr]
    assert book.events[-1].what == "returned"
    assert "it alone rejects" in book.events[-1].why
    judged = [(row[4], row[1]) for row in rows(config)]
    assert judged[-1][0] == judged[0][0] == 7
    assert "OK" not in {outcome for serial, outcome in judged if serial == 8}
    assert 10 <= sum(serial == 8 for serial, _ in judged) < 60


def passing(small: Small, serial: int) -> bytes:
    """A model that lets defects through: what comes of defective parts among the good ones."""
    manifest = small.bundle.manifest
    limit = {**manifest.limit.model_dump(mode="json"), "distance": 10 * max(part.distance for part in manifest.golden)}
    golden = [{**part.model_dump(mode="json"), "outcome": "OK"} for part in manifest.golden]
    return model_of(small, serial, limit=limit, golden=golden)


@needs_root
@pytest.mark.parametrize("is_meant", [False, True])
def test_a_model_that_passes_what_was_rejected_goes_back_unless_that_is_meant(
    tmp_path: Path, small_model: Small, is_meant: bool
) -> None:
    config = station_in(tmp_path, small_model, probation_parts=60)
    slots = Slots(Path(config.data))
    take(config, model_of(small_model, 7))
    take(config, passing(small_model, 8))
    with running(config):
        switch(config, ModelWish(do="activate", serial=7))
        switch(config, ModelWish(do="activate", serial=8, may_pass_more=is_meant))
        for _ in range(60):
            run_parts(config, 1)
            if slots.book.current.serial == 7:  # type: ignore[union-attr]
                break
        until(lambda: slots.book.probation is None)
    book = slots.book
    assert book.current.serial == (8 if is_meant else 7)  # type: ignore[union-attr]
    assert ("that the model before it rejects" in book.events[-1].why) != is_meant


@needs_root
def test_a_model_that_does_as_well_stays(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model, probation_parts=12)
    slots = Slots(Path(config.data))
    for serial in (7, 8):
        take(config, model_of(small_model, serial))
    with running(config):
        switch(config, ModelWish(do="activate", serial=7))
        switch(config, ModelWish(do="activate", serial=8))
        run_parts(config, 5)
        assert Core(config).tell("model", do="status")["probation"]["wanted"] == 12
        assert slots.book.probation is not None
        run_parts(config, 8)
        until(lambda: slots.book.probation is None)
    assert slots.book.current.serial == 8  # type: ignore[union-attr]
    assert slots.book.events[-1].what == "has proved itself"


@needs_root
def test_what_was_usual_before_counts(tmp_path: Path, small_model: Small) -> None:
    from edge.model_trial import usual_before

    own, other = (Version(product="test", serial=serial, sha256=sha * 32) for serial, sha in ((1, "ab"), (2, "ff")))
    assert usual_before(tmp_path / "none", own) == Usual()
    number = write(tmp_path / "data", production(until_s=1_780_000_000, days=1))
    usual = usual_before(tmp_path / "data", other)
    assert number > 100
    assert 0 < usual.faults < 0.02  # of which this production has one in two hundred
    assert usual_before(tmp_path / "data", own) == Usual()  # all of it by the model itself


# A model that keeps the core from starting.


class Starts:
    """Starts of a core with model 8 on probation after model 7."""

    def __init__(self, folder: Path) -> None:
        self.slots = Slots(folder)
        self.armed: list[int] = []
        one, two = (Version(product="p", serial=serial, sha256=f"{serial:064x}") for serial in (7, 8))
        book = Book().activated(one, wall_ns=1).activated(two, wall_ns=2, probation_parts=50)
        self.slots.change(lambda _: book)

    def arm(self, version: Version) -> Armed:
        self.armed.append(version.serial)
        return Armed(why_not=str(version.serial))


def test_after_three_starts_without_an_end_the_model_before_comes_back(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    for _ in range(MOST_STARTS + 2):
        begin(starts.slots, starts.arm)
    assert starts.armed == [8] * MOST_STARTS + [7, 7]
    assert "never ended in order" in starts.slots.book.events[-1].why


def test_starts_that_end_in_order_do_not_count(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    for _ in range(3 * MOST_STARTS):
        begin(starts.slots, starts.arm)
        ended_in_order(starts.slots)
    assert set(starts.armed) == {8}
    assert starts.slots.book.probation is not None


def test_a_model_on_probation_that_cannot_be_used_makes_way_at_once(tmp_path: Path) -> None:
    starts = Starts(tmp_path)

    def arm(version: Version) -> Armed:
        if version.serial == 8:
            raise BundleError("damaged")
        return starts.arm(version)

    assert begin(starts.slots, arm).why_not == "7"
    assert "it cannot be used: damaged" in starts.slots.book.events[-1].why


def test_a_proved_model_that_cannot_be_used_does_not_make_way_in_silence(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    starts.slots.change(lambda book: book.model_copy(update={"probation": None}))

    def arm(_: Version) -> Armed:
        raise BundleError("damaged")

    with pytest.raises(BundleError, match="damaged"):
        begin(starts.slots, arm)
    assert starts.slots.book.current.serial == 8  # type: ignore[union-attr]


@needs_root
def test_a_core_that_is_ended_counts_as_ended_in_order(tmp_path: Path, small_model: Small) -> None:
    config = station_in(tmp_path, small_model, probation_parts=50)
    for serial in (7, 8):
        take(config, model_of(small_model, serial))
        switch(config, ModelWish(do="activate", serial=serial))
    for _ in range(MOST_STARTS + 1):
        with running(config):
            assert Slots(Path(config.data)).book.probation.starts == 1  # type: ignore[union-attr]
    assert load_model(config).model.serial == 8  # type: ignore[union-attr]
    assert arm_version(config, Slots(Path(config.data)).book.previous).why_not == ""  # type: ignore[arg-type]
