"""A part whose kind is not known is looked at by every program's model: all of them together must fit into the takt."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.commands.loading import trust_of
from edge.commands.managing import install, switch
from edge.commands.try_out import try_out
from edge.config import StationConfig, load_config
from edge.errors import BundleError
from edge.frame import Frame
from edge.kinds import AnyKind
from edge.model_switch import ModelWish
from edge.program_slots import slots_of
from edge.receive import Tried, try_in_child
from edge.slots import BOOK, Slots
from tests.sealing import changed, needs_root, sealed
from tests.small_model import MIRRORED, PRODUCT, Small
from tests.stationed import send, station_in

pytestmark = needs_root
EACH_MS = 60.0


@pytest.fixture
def config(tmp_path: Path, small_model: Small) -> StationConfig:
    station_in(tmp_path, small_model)
    path = tmp_path / "station.yaml"
    path.write_text(path.read_text() + f"programs: {{1: {PRODUCT}, 2: {MIRRORED}}}\n")
    return load_config(path)


@pytest.fixture
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model takes EACH_MS."""

    def p99_ms(inspector: AnyKind, _: Sequence[Frame]) -> float:
        return EACH_MS * len(inspector._kinds)

    monkeypatch.setattr("edge.commands.try_out._p99_ms", p99_ms)


def files(config: StationConfig, small: Small) -> tuple[Path, Path]:
    """A model of each program."""
    folder = Path(config.data).parent
    return send(folder, sealed(small.raw), "one"), send(folder, sealed(changed(small.raw, product=MIRRORED)), "two")


@pytest.mark.usefixtures("_slow")
def test_models_that_are_quick_enough_alone_are_refused_together(config: StationConfig, small_model: Small) -> None:
    one, two = files(config, small_model)
    trust = trust_of(config)
    assert try_out(one, trust, budget_ms=1.5 * EACH_MS) == (EACH_MS, None)
    assert try_out(one, trust, budget_ms=2.5 * EACH_MS, beside=[two]) == (EACH_MS, 2 * EACH_MS)
    words = (
        r"the models of all 2 programs .* \(program 0\): together they take 120 ms a part \(p99\), and 90 ms are left"
    )
    with pytest.raises(BundleError, match=words):
        try_out(one, trust, budget_ms=1.5 * EACH_MS, beside=[two])


@pytest.mark.usefixtures("_slow")
def test_a_damaged_model_of_another_program_keeps_nobody_out(config: StationConfig, small_model: Small) -> None:
    one, two = files(config, small_model)
    two.write_bytes(two.read_bytes()[:-1000])
    assert try_out(one, trust_of(config), budget_ms=1.5 * EACH_MS, beside=[two, two.with_name("none")])[1] is None


def test_the_process_of_its_own_measures_them_together(config: StationConfig, small_model: Small) -> None:
    one, two = files(config, small_model)
    tried = try_in_child(one, trust=trust_of(config), budget_ms=5000, beside=[two])
    assert tried.together_ms is not None
    assert tried.together_ms > 0


def test_the_installation_tries_with_what_waits_or_runs_in_the_other_programs(
    config: StationConfig, small_model: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def tried(_: Path, *, beside: Sequence[Path], **__: object) -> Tried:
        seen.append([path.name.partition("-")[0] for path in beside])
        return Tried(p99_ms=1.0, budget_ms=2.0)

    monkeypatch.setattr("edge.commands.managing.try_in_child", tried)
    for serial in (7, 8):
        for product in (PRODUCT, MIRRORED):
            raw = changed(small_model.raw, product=product, serial=serial)
            install(config, send(Path(config.data).parent, sealed(raw)))
        if serial == 7:
            for program in (1, 2):
                switch(config, ModelWish(do="activate", serial=7, program=program))
    assert seen == [[], ["7"], ["7"], ["8"]]
    slots: Slots = slots_of(config, 1)
    (slots.folder / BOOK).write_text("{")
    install(config, send(Path(config.data).parent, sealed(changed(small_model.raw, product=MIRRORED, serial=9))))
    assert seen[-1] == []
