"""A hundred parts pass and stop, with hands, shadows and changes of light: a hundred triggers, each at its part."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.__main__ import main
from edge.camera_event import CameraEvent
from edge.cameras import EventSettings, Region
from edge.drivers.event_trigger import CameraEventTrigger
from edge.drivers.passing import PassingCamera
from edge.drivers.passing_film import passing
from edge.drivers.stream import small_grey
from edge.errors import DeviceError, DeviceFault
from edge.frame import Pixels
from edge.interfaces import Look

SETTINGS = EventSettings(region=Region(left=0.1, top=0.08, right=0.9, bottom=0.92))
PARTS = 100
REPORTED_SEEDS = range(10, 15)  # the numbers in the rule were chosen on 0 to 4
FRAME_NS = 50_000_000


@pytest.mark.slow
@pytest.mark.parametrize("seed", REPORTED_SEEDS)
def test_hundred_parts_give_a_hundred_triggers_none_double_and_none_missed(seed: int) -> None:
    event = CameraEvent(SETTINGS)
    hits: Counter[int | None] = Counter()
    for shown in passing(seed=seed, parts=PARTS, fps=20):
        if event.see(small_grey(shown.pixels), at_ns=int(shown.at_s * 1e9)):
            hits[shown.part] += 1
    assert hits == Counter(range(1, PARTS + 1))  # None would be a trigger without a part at rest


class Scene:
    """Pictures with a plain part, a hand or a change of light, one every 50 ms."""

    def __init__(self, **changes: object) -> None:
        self.event = CameraEvent(EventSettings.model_validate({**SETTINGS.model_dump(), **changes}))
        self.rng = np.random.default_rng(1)
        self.empty = np.full((120, 160), 120, np.float32)
        self.empty[:, 30:33] = 60
        self.at_ns = 10**12
        self.show(self.empty, frames=20)
        assert self.event.is_learned

    def show(self, picture: np.ndarray, *, frames: int = 12) -> int:
        """How many triggers there were."""
        triggers = 0
        for _ in range(frames):
            self.at_ns += FRAME_NS
            noisy = picture + self.rng.normal(0, 1, picture.shape)
            triggers += self.event.see(np.clip(noisy, 0, 255).astype(np.uint8), at_ns=self.at_ns)
        return triggers

    def part(self, x: int = 50, *, grey: float = 190) -> np.ndarray:
        picture = self.empty.copy()
        cv2.rectangle(picture, (x, 35), (x + 60, 85), grey, -1)
        return picture

    def hand(self, picture: np.ndarray) -> np.ndarray:
        reached = picture.copy()
        cv2.line(reached, (80, 0), (80, 60), 90, 24)
        return reached


def test_part_at_rest_triggers_once_however_long_it_stays() -> None:
    scene = Scene()
    assert scene.show(scene.part(), frames=200) == 1


def test_next_part_counts_when_the_region_was_empty_in_between() -> None:
    scene = Scene()
    assert scene.show(scene.part()) == 1
    assert scene.show(scene.empty, frames=4) == 0
    assert scene.show(scene.part()) == 1


def test_part_that_only_moves_over_does_not_count_twice() -> None:
    scene = Scene()
    assert scene.show(scene.part(50)) == 1
    assert scene.show(scene.part(58)) == 0


def test_part_that_never_rests_does_not_trigger() -> None:
    scene = Scene()
    assert sum(scene.show(scene.part(30 + step), frames=2) for step in range(60)) == 0


def test_trigger_comes_after_the_rest_that_is_asked_for() -> None:
    scene = Scene(rest_ms=500.0)
    assert scene.show(scene.part(), frames=10) == 0
    assert scene.show(scene.part(), frames=1) == 1


def test_part_that_is_not_wholly_inside_does_not_trigger() -> None:
    scene = Scene()
    assert scene.show(scene.part(-20), frames=60) == 0
    assert scene.show(scene.part(50)) == 1


def test_hand_that_lies_still_does_not_trigger_and_part_under_it_waits() -> None:
    scene = Scene()
    assert scene.show(scene.hand(scene.empty), frames=60) == 0
    assert scene.show(scene.hand(scene.part()), frames=60) == 0
    assert scene.show(scene.part()) == 1


@pytest.mark.parametrize(
    "light",
    [
        lambda picture: picture * 1.4,
        lambda picture: picture * 0.6,
        lambda picture: picture * np.linspace(0.7, 1.2, 160)[None, :],
        lambda picture: picture * (1 - 0.4 / (1 + np.exp((np.arange(160) - 80) / 6)))[None, :],
        lambda picture: picture * 5,
        lambda picture: picture * 0.02,
    ],
    ids=["brighter", "darker", "slope", "soft shadow", "flash", "lamp out"],
)
def test_light_neither_triggers_nor_hides_nor_doubles_a_part(light: Callable[[np.ndarray], np.ndarray]) -> None:
    scene = Scene()
    assert scene.show(light(scene.empty), frames=30) == 0
    assert scene.show(scene.empty) == 0
    assert scene.show(scene.part()) == 1
    assert scene.show(light(scene.part()), frames=30) == 0
    assert scene.show(scene.part()) == 0
    scene.show(scene.empty, frames=4)
    assert scene.show(scene.part()) == 1


def test_cover_over_everything_is_not_an_empty_place() -> None:
    scene = Scene()
    assert scene.show(scene.part()) == 1
    assert scene.show(np.full((120, 160), 100, np.float32), frames=20) == 0
    assert scene.show(scene.part()) == 0


def test_speck_does_not_trigger_and_dirt_at_the_edge_does_not_stop_the_trigger() -> None:
    scene = Scene()
    cv2.circle(scene.empty, (19, 60), 5, 20, -1)
    cv2.circle(scene.empty, (130, 90), 3, 20, -1)
    assert scene.show(scene.empty, frames=30) == 0
    assert scene.show(scene.part()) == 1


def test_faint_part_is_seen_with_a_lower_contrast_and_noise_is_not() -> None:
    faint = Scene(contrast_percent=3.0)
    assert faint.show(faint.empty, frames=100) == 0
    assert faint.show(faint.part(grey=132), frames=12) == 1
    dull = Scene(contrast_percent=30.0)
    assert dull.show(dull.part(grey=132), frames=40) == 0


# The trigger over a running camera.


class Watched:
    """A camera whose frames the test shows by hand."""

    trouble = None

    def __init__(self) -> None:
        self.last_frame_ns = time.monotonic_ns()
        self.look: Look = lambda picture, at_ns: None

    def watch(self, look: Look) -> None:
        self.look = look

    def show(self, picture: Pixels) -> int:
        self.last_frame_ns = time.monotonic_ns()
        self.look(picture, self.last_frame_ns)
        return self.last_frame_ns


class Always:
    """In the place of the rule: every picture triggers, or is an error."""

    is_learned = True
    error: Exception | None = None

    def see(self, picture: Pixels, *, at_ns: int) -> bool:
        if self.error is not None:
            raise self.error
        return True


PICTURE = np.zeros((120, 160), np.uint8)


def trigger_on(camera: Watched, rule: object = None) -> CameraEventTrigger:
    trigger = CameraEventTrigger(SETTINGS, camera=camera)  # type: ignore[arg-type]
    trigger._event = rule or Always()  # type: ignore[assignment]
    return trigger


def test_event_has_the_time_of_its_frame() -> None:
    camera = Watched()
    with trigger_on(camera) as trigger:
        at_ns = camera.show(PICTURE)
        event = trigger.wait(timeout_ms=1000)
        assert event is not None
        assert (event.at_ns, event.skipped) == (at_ns, 0)
        assert trigger.wait(timeout_ms=1) is None


def test_parts_that_came_while_nobody_waited_are_told_and_never_merged() -> None:
    camera = Watched()
    with trigger_on(camera) as trigger:
        for _ in range(3):
            last = camera.show(PICTURE)
        event = trigger.wait(timeout_ms=1000)
        assert event is not None
        assert (event.at_ns, event.skipped) == (last, 2)


def test_waiting_thread_is_woken_by_the_frame() -> None:
    camera = Watched()
    with trigger_on(camera) as trigger:
        threading.Timer(0.1, camera.show, args=[PICTURE]).start()
        assert trigger.wait(timeout_ms=5000) is not None


def test_error_in_the_rule_is_an_error_of_the_trigger_and_not_of_the_camera() -> None:
    camera, rule = Watched(), Always()
    with trigger_on(camera, rule) as trigger:
        rule.error = ValueError("a bug")
        camera.show(PICTURE)
        with pytest.raises(DeviceFault, match="the camera event trigger failed: ValueError: a bug"):
            trigger.wait(timeout_ms=1000)
        rule.error = None
        camera.show(PICTURE)
        assert trigger.wait(timeout_ms=1000) is not None


def test_silent_camera_is_told_once_for_each_silence() -> None:
    camera = Watched()
    with trigger_on(camera) as trigger:
        for _ in range(2):
            camera.last_frame_ns -= 3 * 10**9
            with pytest.raises(DeviceFault, match="no frame to look at for 3 s; a part may have passed unseen"):
                trigger.wait(timeout_ms=1)
            assert trigger.wait(timeout_ms=1) is None
            camera.show(PICTURE)
            assert trigger.wait(timeout_ms=1) is not None


def test_silence_that_nobody_waited_through_is_told_as_well() -> None:
    camera = Watched()
    with trigger_on(camera) as trigger:
        camera.look(PICTURE, 10**9)
        assert trigger.wait(timeout_ms=1000) is not None
        camera.look(PICTURE, 10**9 + 3 * 10**9)
        with pytest.raises(DeviceFault, match="no frame to look at for 3 s"):
            trigger.wait(timeout_ms=1)
        event = trigger.wait(timeout_ms=1)
        assert event is not None
        assert event.skipped == 0


def test_picture_that_is_never_still_is_told() -> None:
    camera = Watched()
    with CameraEventTrigger(SETTINGS, camera=camera) as trigger:  # type: ignore[arg-type]
        rng = np.random.default_rng(1)
        for _ in range(30):
            camera.show(rng.integers(0, 255, (120, 160), dtype=np.uint8))
        assert not trigger.learn(timeout_ms=1)
        trigger._learning_since -= 11
        with pytest.raises(DeviceFault, match="the picture was never still for 11 s, so the empty place is not known"):
            trigger.wait(timeout_ms=1)


def test_closed_trigger_refuses_and_looks_no_more() -> None:
    camera, rule = Watched(), Always()
    trigger = trigger_on(camera, rule)
    trigger.close()
    trigger.close()
    rule.error = AssertionError("looked at after closing")
    camera.show(PICTURE)
    with pytest.raises(DeviceError, match="is closed"):
        trigger.wait(timeout_ms=1)


@pytest.mark.slow
def test_parts_on_the_running_line_trigger_and_are_taken_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own time: the first parts of a film, through camera, trigger and capture."""
    monkeypatch.setattr("edge.drivers.event_trigger.BLIND_S", 30.0)  # a test machine may be busy
    monkeypatch.setattr("edge.drivers.stream.LEAST_GAP_MS", 30_000.0)
    with (
        PassingCamera(seed=10, fps=20) as camera,
        CameraEventTrigger(SETTINGS, camera=camera) as trigger,
    ):
        assert trigger.learn(timeout_ms=30_000)
        for number in range(1, 4):
            event = None
            began = time.monotonic()
            while event is None and time.monotonic() - began < 60:
                event = trigger.wait(timeout_ms=500)
            assert event is not None
            frame = camera.capture(not_before_ns=event.at_ns, timeout_ms=20_000)
            assert frame.exposed_at_ns >= event.at_ns
            assert event.skipped == 0
            assert number in camera.parts_at_rest


@pytest.mark.parametrize(
    ("camera", "status", "words"),
    [
        ("{driver: passing}", 0, "ok   trigger   camera_event, at rest for 200 ms; the region must be empty"),
        ("{driver: passing}", 0, "ok   camera    passing, 320x240 grey"),
        (
            "{driver: v4l2, device: /dev/video-none, width_px: 64, height_px: 48}",
            1,
            "FAIL camera    /dev/video-none: there is no camera (No such file or directory); is it plugged in?",
        ),
        (
            "{driver: picamera, width_px: 64, height_px: 48, exposure_us: 1, gain: 1, red_gain: 1, blue_gain: 1}",
            1,
            "FAIL camera    picamera2 cannot be used here",
        ),
    ],
)
def test_check_says_how_camera_and_trigger_are(
    camera: str, status: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"station: a\nbundle: demo\ndata: data\ncamera: {camera}\ntrigger: {{driver: camera_event}}\n"
    (tmp_path / "station.yaml").write_text(text + "outputs: {driver: simulated}\n")
    assert main(["check", "--config", str(tmp_path / "station.yaml")]) == status
    assert words in capsys.readouterr().out
