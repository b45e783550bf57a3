"""Set-up on a running station: limit, wires, camera, teaching; what is asked of the core and what it does."""

import base64
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.commands.assembly import Appliance, assemble
from edge.config import StationConfig
from edge.control import AnyName, ask
from edge.drivers.simulated import SimulatedOutputs
from edge.errors import DeviceUnavailable, EdgeError, RecordError
from edge.frame import Frame
from edge.limit_effect import distances, effect_of
from edge.live import BINS, ZONES, view_of
from edge.moved_limit import FILE_NAME, LEAST, MOST, check_limit, read_limit, write_limit
from edge.state import Phase
from edge.teaching import kept_pictures
from edge.training_folder import Inspected, read_inspected, write_inspected
from edge.verdict import Outcome, Reason
from edge.web.site import Site
from tests.sites import ENGINEER, OPERATOR, Client, site_of, with_accounts
from tests.stations import until

SOFTWARE = "trigger: {driver: software}\ndeadline_ms: 5000"  # whatever else this machine does
SHA = "ab" * 32


def config_of(folder: Path, *, more: str = "") -> StationConfig:
    return site_of(folder / "data", more=more, trigger=SOFTWARE).config


@contextmanager
def running(config: StationConfig) -> Iterator[Appliance]:
    """A whole station whose loop runs in a thread of its own."""
    with assemble(config) as appliance:
        thread = threading.Thread(target=appliance.daemon.run)
        thread.start()
        try:
            until(lambda: appliance.daemon.state.phase is not Phase.PREOPERATIONAL or appliance.daemon.state.why)
            yield appliance
        finally:
            appliance.daemon.stop()
            thread.join(20)


class Core:
    """Asks a running core as the page does."""

    def __init__(self, config: StationConfig) -> None:
        self._path = config.control_path

    def tell(self, command: AnyName, **arguments: object) -> Mapping[str, Any]:
        return ask(self._path, command, timeout_s=10, arguments=arguments)

    def done(self, command: AnyName, **arguments: object) -> Mapping[str, Any]:
        answer = self.tell(command, **arguments)
        assert answer["is_done"], answer
        return answer

    def part(self) -> Mapping[str, Any]:
        """A part that comes when the station is READY for it; what it says of itself may be a moment old."""
        found: list[Mapping[str, Any]] = []

        def is_taken() -> bool:
            if self.done("status")["phase"] == "Ready":
                found.append(self.done("trigger"))
            return bool(found) and found[-1]["reason"] != Reason.TRIGGER_WHILE_BUSY.value

        until(is_taken, seconds=60)
        return found[-1]


@pytest.fixture
def config(tmp_path: Path) -> StationConfig:
    return config_of(tmp_path)


# The limit.


def test_limit_takes_hold_with_the_next_part_and_survives_a_restart(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        before = core.done("limit")
        assert before["limit"] == before["calibrated"]
        core.part()
        moved = core.done("limit", limit=before["calibrated"] * 0.5)["limit"]
        assert moved == before["calibrated"] * 0.5
        core.part()
    with running(config) as appliance:
        assert core.done("limit")["limit"] == moved
        core.part()
        until(lambda: appliance.recorder.wait_until_kept(timeout_ms=100))
        assert core.done("limit", is_calibrated=True)["limit"] == before["calibrated"]
        core.part()
    with running(config):
        assert core.done("limit")["limit"] == before["calibrated"]
    assert limits_of(config) == [before["calibrated"], moved, moved, before["calibrated"]]


def limits_of(config: StationConfig) -> list[float]:
    """The limit of each recorded part."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(Path(config.data) / "records.sqlite")) as database:
        rows = database.execute("SELECT distance_limit FROM parts WHERE distance_limit IS NOT NULL ORDER BY sequence")
        return [row[0] for row in rows.fetchall()]


def test_station_arms_with_a_limit_moved_past_a_golden_part(config: StationConfig) -> None:
    """The self-test is of the model as it was taught, wherever a person has put the limit since."""
    core = Core(config)
    with running(config):
        said = core.done("limit")
        good = [part["distance"] for part in said["golden"] if part["outcome"] == "OK"]
        below = max(LEAST * said["calibrated"], 0.5 * max(good))
        assert below < max(good), "this model's golden parts leave no room to move past one"
        core.done("limit", limit=below)
    with running(config) as appliance:
        assert appliance.daemon.state.phase is Phase.READY
        assert core.done("limit")["limit"] == below


def test_limit_that_cannot_be_meant_is_refused(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        before = core.done("limit")["limit"]
        for limit in (0.0, -1.0, 1e9, 1e-9, "1", True):
            assert not core.tell("limit", limit=limit)["is_done"], limit
        assert not core.tell("limit", threshold=1.0)["is_done"]
        assert core.done("limit")["limit"] == before


def test_damaged_limit_file_takes_ready_away_until_somebody_sets_the_limit(config: StationConfig) -> None:
    folder = Path(config.data)
    folder.mkdir()
    (folder / FILE_NAME).write_text('{"limits": {"x')
    core = Core(config)
    with running(config) as appliance:
        assert appliance.daemon.state.phase is Phase.PREOPERATIONAL
        assert "which limit is meant" in appliance.daemon.state.why
        core.done("limit", is_calibrated=True)
        until(lambda: appliance.daemon.state.phase is Phase.READY)
        assert core.part()["outcome"] in ("OK", "NG")


def test_limit_that_cannot_be_kept_is_not_moved(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        before = core.done("limit")
        (Path(config.data) / "limits.unfinished").mkdir()  # in the way of the new file
        assert "cannot be kept" in core.tell("limit", limit=before["calibrated"] * 1.1)["why"]
        assert core.done("limit")["limit"] == before["limit"]


def test_limit_that_the_core_does_not_take_is_not_kept_either(
    config: StationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that nothing has changed: nor may it after a restart."""
    with running(config) as appliance:
        core = Core(config)
        calibrated = core.done("limit")["calibrated"]
        moved = core.done("limit", limit=calibrated * 0.9)["limit"]

        def too_busy(*_: object, **__: object) -> None:
            raise DeviceUnavailable("the line's loop does not answer")

        monkeypatch.setattr(appliance.daemon, "ask", too_busy)
        assert "does not answer" in core.tell("limit", limit=calibrated * 1.1)["why"]
        assert list(json.loads((Path(config.data) / FILE_NAME).read_text())["limits"].values()) == [moved]
        assert core.done("limit")["limit"] == moved


def test_limits_are_kept_by_model(tmp_path: Path) -> None:
    write_limit(tmp_path, 2.0, model_sha256=SHA)
    write_limit(tmp_path, 3.0, model_sha256="cd" * 32)
    assert read_limit(tmp_path, model_sha256=SHA) == 2.0
    assert read_limit(tmp_path, model_sha256="ef" * 32) is None
    write_limit(tmp_path, None, model_sha256=SHA)
    assert read_limit(tmp_path, model_sha256=SHA) is None
    assert read_limit(tmp_path, model_sha256="cd" * 32) == 3.0
    (tmp_path / FILE_NAME).write_text("[]")
    with pytest.raises(RecordError, match="set the limit again"):
        read_limit(tmp_path, model_sha256=SHA)


@pytest.mark.parametrize("limit", [LEAST, 1.0, MOST])
def test_limit_within_its_bounds_is_taken(limit: float) -> None:
    check_limit(limit * 7, calibrated=7)


@pytest.mark.parametrize("limit", [LEAST * 0.99, MOST * 1.01, float("nan"), float("inf"), -1.0])
def test_limit_out_of_bounds_is_not(limit: float) -> None:
    with pytest.raises(EdgeError):
        check_limit(limit * 7, calibrated=7)


def test_effect_names_the_parts_that_another_limit_would_judge_otherwise() -> None:
    found = [(5, 1.0), (4, 2.0), (3, 3.0), (2, 4.0), (1, 2.5)]
    lower = effect_of(found, limit=2.0, instead_of=3.0)
    assert (lower.parts, lower.newly_ng, lower.newly_ok) == (5, (3, 1), ())
    higher = effect_of(found, limit=3.5, instead_of=2.0)
    assert (higher.newly_ng, higher.newly_ok) == ((), (3, 1))


def test_effect_is_what_the_station_then_does(config: StationConfig) -> None:
    """Parts judged again under the other limit: as many change as were foretold."""
    core = Core(config)
    with running(config) as appliance:
        model = core.done("limit")["model"]
        outcomes = [core.part()["outcome"] for _ in range(12)]
        until(lambda: appliance.recorder.wait_until_kept(timeout_ms=100))
        found = distances(Path(config.data), model_sha256=model)
    now = limits_of(config)[0]
    assert len(found) == sum(outcome in ("OK", "NG") for outcome in outcomes)
    lower = 0.051 * now
    foretold = effect_of(found, limit=lower, instead_of=now)
    assert foretold.newly_ng
    assert set(foretold.newly_ng) == {sequence for sequence, distance in found if lower < distance <= now}


# The wires.


def test_each_wire_is_tried_by_name_while_the_station_is_paused(config: StationConfig) -> None:
    core = Core(config)
    with running(config) as appliance:
        assert isinstance(appliance.outputs, SimulatedOutputs)
        assert "pause" in core.tell("wire", wire="OK")["why"]
        core.done("pause")
        for wire in ("OK", "NG", "FAULT", "busy", "ready"):
            appliance.outputs.history.clear()
            told = core.done("wire", wire=wire)
            assert (told["was_on"], told["is_off"]) == (True, True)
            assert [(change.wire, change.is_on) for change in appliance.outputs.history] == [
                (wire, True),
                (wire, False),
            ]
        assert "there is no wire" in core.tell("wire", wire="conveyor")["why"]
        assert not core.tell("wire")["is_done"]
        core.done("resume")
        until(lambda: appliance.daemon.state.phase is Phase.READY)


# The camera.


def test_live_picture_is_lent_out_only_while_paused(config: StationConfig) -> None:
    core = Core(config)
    with running(config):
        assert "pause" in core.tell("look")["why"]
        core.done("pause")
        told = core.done("look")
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(told["jpeg"]), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert len(told["sharpness"]) == ZONES * ZONES
        assert kept_pictures(Path(config.data)) == []
        core.done("resume")
        assert core.part()["outcome"] in ("OK", "NG")


def test_aids_tell_blur_and_lost_detail() -> None:
    rng = np.random.default_rng(0)
    sharp = rng.integers(60, 200, (240, 320), dtype=np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3).astype(np.uint8)
    assert min(view_of(Frame(pixels=sharp)).sharpness) > 10 * max(view_of(Frame(pixels=blurred)).sharpness)
    glaring = sharp.copy()
    glaring[:, :80] = 255
    found = view_of(Frame(pixels=glaring))
    assert found.bright_percent == pytest.approx(25)
    assert found.dark_percent == 0
    assert len(found.histogram) == BINS
    assert sum(found.histogram) == pytest.approx(1)
    assert (found.width_px, found.height_px) == (320, 240)


def test_one_soft_corner_is_seen() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (300, 300), dtype=np.uint8)
    pixels[:100, :100] = cv2.GaussianBlur(pixels[:100, :100], (0, 0), 3)
    zones = view_of(Frame(pixels=pixels)).sharpness
    assert zones[0] < 0.2 * min(zones[1:])


# Teaching.


def test_teaching_collects_whole_pictures_and_hands_out_no_ok(config: StationConfig) -> None:
    core, folder = Core(config), Path(config.data)
    with running(config) as appliance:
        core.done("teach", parts=3)
        verdicts = [core.part() for _ in range(3)]
        assert {told["outcome"] for told in verdicts} == {Outcome.FAULT.value}
        assert {told["reason"] for told in verdicts} == {Reason.NOT_READY.value}
        until(lambda: len(kept_pictures(folder)) == 3)
        until(lambda: core.part()["outcome"] in ("OK", "NG"))
        assert appliance.daemon.state.phase in (Phase.READY, Phase.EXECUTING)
        picture = cv2.imread(str(kept_pictures(folder)[0]))
        frame = appliance.camera.capture(not_before_ns=0, timeout_ms=1000)
        assert picture is not None
        assert picture.shape[:2] == (frame.height, frame.width)


def test_teaching_works_without_a_model_and_ends_not_ready(tmp_path: Path) -> None:
    config = config_of(tmp_path).model_copy(update={"bundle": str(tmp_path / "gone")})
    core, folder = Core(config), Path(config.data)
    with running(config) as appliance:
        assert "no valid model" in appliance.daemon.state.why
        core.done("teach", parts=2)
        until(lambda: appliance.daemon.state.phase is Phase.READY)
        for _ in range(2):
            assert core.part()["outcome"] == "FAULT"
        until(lambda: len(kept_pictures(folder)) == 2)
        until(lambda: appliance.daemon.state.phase is Phase.PREOPERATIONAL)
        assert "no valid model" in appliance.daemon.state.why


def test_teaching_is_ended_by_a_person(config: StationConfig) -> None:
    core, folder = Core(config), Path(config.data)
    with running(config):
        core.done("teach", parts=100)
        core.part()
        assert core.done("teach", parts=0)["is_teaching"] is False
        until(lambda: core.part()["outcome"] in ("OK", "NG"))
        assert len(kept_pictures(folder)) == 1


def test_teaching_without_a_disk_ends_and_the_station_judges_again(config: StationConfig) -> None:
    core, folder = Core(config), Path(config.data)
    with running(config):
        (folder / "teaching").write_text("a file in the way")
        core.done("teach", parts=5)
        until(lambda: core.part()["outcome"] in ("OK", "NG"))


def test_one_picture_by_a_button(config: StationConfig) -> None:
    core, folder = Core(config), Path(config.data)
    with running(config):
        core.done("pause")
        told = core.done("look", is_kept=True)
        assert [path.name for path in kept_pictures(folder)] == [told["kept"]]


# The page.


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return with_accounts(site_of(tmp_path / "data", trigger=SOFTWARE))


@pytest.fixture
def engineer(site: Site) -> Client:
    client = Client(site)
    assert client.sign_in(*ENGINEER).status_code == 303
    return client


def log_of(site: Site) -> list[tuple[str, str, str, str]]:
    return [(entry.who, entry.what, entry.old, entry.new) for entry in reversed(site.desk.store().audit_log())]


def test_moving_the_limit_on_the_page_is_foretold_done_and_logged(site: Site, engineer: Client) -> None:
    with running(site.config) as appliance:
        core = Core(site.config)
        for _ in range(8):
            core.part()
        until(lambda: appliance.recorder.wait_until_kept(timeout_ms=100))
        calibrated = core.done("limit")["calibrated"]
        assert "data-shown" in engineer.get("/set-up/limit").text
        told = engineer.get(f"/set-up/limit/effect?limit={calibrated * 0.051}").json()
        assert told["newly_ng"] == len(told["some_ng"]) > 0
        moved = engineer.post("/set-up/limit", limit=str(calibrated * 0.051))
        assert moved.json()["limit"] == pytest.approx(calibrated * 0.051)
        assert engineer.get(f"/set-up/limit/effect?limit={calibrated}").json()["newly_ok"] == told["newly_ng"]
        assert engineer.post("/set-up/limit", limit="calibrated").json()["limit"] == calibrated
        model = core.done("limit")["model"][:12]
    assert log_of(site)[-2:] == [
        ("eva", f"limit of model {model}", f"{calibrated:.6g}", f"{calibrated * 0.051:.6g}"),
        ("eva", f"limit of model {model}", f"{calibrated * 0.051:.6g}", f"{calibrated:.6g} (calibrated)"),
    ]


def test_what_is_no_limit_is_refused(site: Site, engineer: Client) -> None:
    with running(site.config):
        for limit in ("", "nan", "inf", "-1", "0", "1e10", "ten", "9" * 400):
            assert engineer.post("/set-up/limit", limit=limit).status_code == 400, limit
            assert engineer.get("/set-up/limit/effect", params={"limit": limit}).status_code == 400, limit


def test_refusal_of_the_core_is_told_and_logged_as_not_done(site: Site, engineer: Client) -> None:
    with running(site.config):
        answer = engineer.post("/set-up/wires", wire="OK")
        assert (answer.status_code, answer.json()["why"]) == (409, "pause the station first")
    assert [what for _, what, _, _ in log_of(site)[-2:]] == ["wire OK", "wire OK: not done"]


def test_operator_resets_a_halted_station_and_sees_no_more_of_the_set_up(site: Site) -> None:
    operator = Client(site)
    operator.sign_in(*OPERATOR)
    with running(site.config) as appliance:
        appliance.daemon.ask(lambda: appliance.station.halt("5 faults in a row"), timeout_s=10)
        until(lambda: appliance.daemon.state.phase is Phase.HALTED)
        page = operator.get("/set-up").text
        assert 'data-station="reset"' in page
        assert "/set-up/limit" not in page
        assert operator.post("/set-up/station", what="reset").status_code == 200
        until(lambda: appliance.daemon.state.phase is Phase.READY)
        assert operator.post("/set-up/station", what="shutdown").status_code == 400
    assert log_of(site)[-1][:2] == ("otto", "reset")


def test_without_a_core_every_page_comes_and_every_change_says_so(engineer: Client) -> None:
    for page in ("", "/wires", "/limit", "/models", "/camera", "/teach", "/regions"):
        assert engineer.get(f"/set-up{page}", headers={"accept": "text/html"}).status_code == 200
    for address, fields in (("station", {"what": "pause"}), ("limit", {"limit": "1"}), ("teach", {"parts": "3"})):
        assert engineer.post(f"/set-up/{address}", **fields).status_code == 503


def test_downloaded_folder_is_what_training_reads(site: Site, engineer: Client, tmp_path: Path) -> None:
    from training.dataset import open_dataset
    from training.regions import inspected_pixels

    with running(site.config):
        engineer.post("/set-up/station", what="pause")
        for _ in range(3):
            assert engineer.post("/set-up/camera", kept="yes").status_code == 200
    drawn = '{"regions": [[[10, 10], [200, 10], [200, 150], [10, 150]]], "masks": [[[50, 50], [80, 50], [65, 90]]]}'
    assert engineer.post("/set-up/regions", drawn=drawn).json() == {"regions": 1, "masks": 1}
    archive = zipfile.ZipFile(BytesIO(engineer.get("/set-up/teaching.zip").content))
    assert archive.testzip() is None
    archive.extractall(tmp_path / "taken")
    (root,) = (tmp_path / "taken").iterdir()
    pictures = sorted((root / "train" / "good").glob("*.png"))
    assert len(pictures) == 3
    height, width = cv2.imread(str(pictures[0])).shape[:2]  # type: ignore[union-attr]
    inspected = inspected_pixels(root, width_px=width, height_px=height)
    assert inspected is not None
    assert inspected[12, 12]
    assert not inspected[60, 65]
    assert not inspected[5, 5]
    assert len(open_dataset(root).train) == 3


@pytest.mark.parametrize(
    "drawn",
    ["", "[]", "{", '{"regions": [[[1, 2]]]}', '{"shapes": []}', '{"regions": [[["a", 1], [2, 3], [4, 5]]]}',
     '{"regions": ' + "[" * 1000 + "}", '{"regions": [[[1e999, 2], [2, 3], [4, 5]]]}'],
)  # fmt: skip
def test_drawing_that_is_none_is_refused(site: Site, engineer: Client, drawn: str) -> None:
    assert engineer.post("/set-up/regions", drawn=drawn).status_code == 400
    assert read_inspected(site.data) == Inspected()


def test_drawing_nothing_inspects_everything(tmp_path: Path) -> None:
    write_inspected(tmp_path, Inspected(regions=[[[0, 0], [9, 0], [9, 9]]]))
    assert read_inspected(tmp_path).regions
    write_inspected(tmp_path, Inspected())
    assert not (tmp_path / "teaching" / "dataset.yaml").exists()


def test_pictures_are_removed_one_by_one_or_all(site: Site, engineer: Client) -> None:
    with running(site.config):
        engineer.post("/set-up/station", what="pause")
        for _ in range(3):
            engineer.post("/set-up/camera", kept="yes")
    first, *_ = kept_pictures(site.data)
    assert engineer.get(f"/set-up/teach/picture/{first.name}?small").headers["content-type"] == "image/jpeg"
    assert engineer.post("/set-up/teach/remove", name=first.name).json() == {"removed": 1}
    assert engineer.post("/set-up/teach/remove", name="../../records.sqlite").status_code == 400
    assert engineer.post("/set-up/teach/remove", name="all").json() == {"removed": 2}
    assert kept_pictures(site.data) == []
