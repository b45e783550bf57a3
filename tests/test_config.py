"""The configuration: every fault at once, each with its line, and nothing clever."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import edge
from edge import text_forms
from edge.cameras import LineCamera
from edge.config import load_config, parse_config
from edge.errors import ConfigError
from edge.wiring import Beat, GpioOutputs, GpioTrigger, Pulse

SHIPPED = Path(edge.__file__).parent / "station.yaml"
GOOD = """\
station: a1
bundle: models/connector
data: /var/lib/kensa
camera: {driver: line}
trigger: {driver: interval}
outputs: {driver: simulated}
"""


def refusal(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        parse_config(raw, name="station.yaml")
    return str(caught.value)


def test_shipped_example_is_valid_and_names_every_key() -> None:
    path = Path(edge.__file__).parent / "station.yaml"
    config = load_config(path)
    text = path.read_text()
    sections = (config, config.records, config.watch, config.web)
    for key in (key for section in sections for key in type(section).model_fields):
        assert f"{key}:" in text, key


def variants_in_comments() -> list[dict[str, object]]:
    """The sections of the shipped example that are commented out, each with its one top-level key."""
    lines = [line.removeprefix("#").removeprefix(" ") for line in SHIPPED.read_text().splitlines() if line[:1] == "#"]
    found: list[list[str]] = []
    for line in lines:
        if line in ("camera:", "trigger:", "outputs:", "shift_check:", "program_lines:"):
            found.append([line])
        elif line.startswith("  ") and found:
            found[-1].append(line)
    return [yaml.safe_load("\n".join(section)) for section in found]


@pytest.mark.parametrize(
    "variant", variants_in_comments(), ids=lambda variant: next(iter(variant.values())).get("driver", "")
)
def test_every_variant_in_the_shipped_comments_is_valid_and_names_every_key(
    variant: dict[str, dict[str, object]],
) -> None:
    base = yaml.safe_load(GOOD) | {
        "camera": {"driver": "v4l2", "device": "/dev/video0", "width_px": 64, "height_px": 64}
    }
    if "program_lines" in variant:
        base |= {"bundle": "installed", "programs": {1: "bracket"}}
    config = parse_config(yaml.safe_dump(base | variant).encode(), name="x")
    ((section, written),) = variant.items()
    assert set(written) == set(type(getattr(config, section)).model_fields)


def test_variants_show_every_camera_and_trigger_that_can_be_chosen() -> None:
    shown = {values.get("driver") for variant in variants_in_comments() for values in variant.values()}
    assert shown >= {"picamera", "v4l2", "passing", "camera_event", "gpio"}


def test_example_says_the_defaults() -> None:
    shipped = load_config(Path(edge.__file__).parent / "station.yaml")
    plain = parse_config(GOOD.encode(), name="x")
    same = ("deadline_ms", "faults_until_halt", "hang_deadlines", "camera", "trigger", "records", "watch", "web")
    assert {key: getattr(shipped, key) for key in same} == {key: getattr(plain, key) for key in same}


def test_unknown_duplicate_and_out_of_range_keys_are_reported_together_with_their_lines() -> None:
    found = refusal(GOOD + "deadlin_ms: 100\ndeadline_ms: 0\ndata: elsewhere\nrecords: {most_unwritten_parts: 0}\n")
    assert found.splitlines() == [
        "station.yaml:7: deadlin_ms: unknown key, did you mean deadline_ms?",
        "station.yaml:8: deadline_ms: should be greater than or equal to 5, not 0",
        "station.yaml:9: data: written twice",
        "station.yaml:10: records.most_unwritten_parts: should be greater than or equal to 1, not 0",
    ]


def test_fault_within_a_driver_has_its_own_line() -> None:
    found = refusal(GOOD.replace("{driver: line}", "\n  driver: folder\n  pth: pictures"))
    assert "station.yaml:6: camera.pth: unknown key, did you mean path?" in found
    assert "camera.path: missing" in found


def test_unknown_driver_is_named_with_those_that_exist() -> None:
    assert "driver 'webcam' is unknown, there are 'folder', 'video', 'line'" in refusal(GOOD.replace("line", "webcam"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [("repeat: on", "valid boolean"), ("repeat: yes", "valid boolean"), ("repeat: 1", "valid boolean")],
)
def test_words_that_yaml_takes_for_truth_are_not_guessed(written: str, meant: str) -> None:
    assert meant in refusal(GOOD.replace("{driver: line}", f"{{driver: folder, path: p, {written}}}"))


@pytest.mark.parametrize("number", ["012", "1:30", "0x10", "1_000", "'500'", ".inf", ".nan", "1e999"])
def test_numbers_that_only_yaml_would_read_are_refused(number: str) -> None:
    assert "deadline_ms: should be a" in refusal(GOOD + f"deadline_ms: {number}\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("station: böse", "station: may hold letters from A to Z, digits and _ . - only"),
        ("web: {shifts: noon}", "web.shifts: is times of the day"),
        ("shift_check: {pieces: OK}", "shift_check.pieces: is OK or NG for each"),
        ("program_lines: {lines: '!'}", "program_lines.lines: is the names of 1 to 8 lines"),
    ],
)
def test_what_a_text_may_be_is_said_in_words(line: str, words: str) -> None:
    lines = [old for old in GOOD.splitlines() if not old.startswith(line.partition(":")[0])]
    said = refusal("\n".join([*lines, line]) + "\n")
    assert words in said
    assert "[A-Z" not in said


def test_every_form_that_a_text_may_have_is_there_in_words() -> None:
    patterns = {value for name, value in vars(text_forms).items() if name.isupper() and isinstance(value, str)}
    assert patterns == set(text_forms.IN_WORDS)
    for path in Path(text_forms.__file__).parent.glob("*.py"):
        if path.stem in ("config", "wiring", "cameras", "picture_policy"):
            assert "pattern=r" not in path.read_text(encoding="utf-8"), path


def test_plain_numbers_are_read() -> None:
    assert parse_config((GOOD + "deadline_ms: 1e2\n").encode(), name="x").deadline_ms == 100.0


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "station.yaml: the file is empty"),
        (b"# only a comment\n", "station.yaml: the file is empty"),
        (b"- a\n- b\n", "station.yaml:1: the file: should be a section of keys and values"),
        (b"station: a\nbundle: [\n", "station.yaml:3: not readable as YAML"),
        (b"station: a\n\xff\n", "station.yaml:2: this is not UTF-8 text"),
        (b"a: &x [1]\nb: *x\n", "station.yaml:1: anchors and aliases"),
        (b"a: !!python/name:os.system\n", "station.yaml:1: tags (!) are not used here"),
        (b"a: 1\n---\nb: 2\n", "found another document"),
        (b"[" * 50, "nested deeper than 20 levels"),
        (b"x" * 70_000, "more than a configuration may have"),
        (b"a: \x07\n", "not readable as YAML"),
    ],
)
def test_what_is_no_configuration_gets_one_plain_sentence(raw: bytes, words: str) -> None:
    found = refusal(raw)
    assert words in found
    assert "\n" not in found


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="this is a folder, not a configuration file"):
        load_config(tmp_path)


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(GOOD.replace("{driver: line}", "{driver: folder, path: pictures}"))
    config = load_config(path)
    assert config.bundle == str(tmp_path / "models" / "connector")
    assert config.data == "/var/lib/kensa"
    assert config.camera.path == str(tmp_path / "pictures")  # type: ignore[union-attr]


WIRED = GOOD.replace("{driver: interval}", "{driver: gpio, line: GPIO17}").replace(
    "{driver: simulated}", "{driver: gpio, ok: {line: GPIO22}, busy: {line: GPIO25}}"
)


def test_real_outputs_with_a_simulated_camera_are_refused() -> None:
    assert refusal(WIRED) == (
        "station.yaml:6: outputs.driver: outputs to a real line with a simulated camera; use simulated outputs"
    )


def commented_wires() -> str:
    """The example for a real line, which stands in the shipped file as a comment."""
    text = SHIPPED.read_text().split("# On a real line")[1]
    lines = [
        line.removeprefix("# ") for line in text.splitlines() if line.startswith(("# trigger", "# outputs", "#   "))
    ]
    return "\n".join(lines)


def test_commented_example_of_real_wires_names_every_key_and_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineCamera, "is_simulated", False)
    lines = [line for line in GOOD.splitlines() if not line.startswith(("trigger", "outputs"))]
    config = parse_config("\n".join([*lines, commented_wires()]).encode(), name="x")
    assert isinstance(config.outputs, GpioOutputs)
    assert set(config.outputs.wires) == {"ok", "ng", "fault", "busy", "ready", "heartbeat"}
    for model in (GpioTrigger, GpioOutputs, Pulse, Beat):
        assert [key for key in model.model_fields if f"{key}:" not in commented_wires()] == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("GPIO25", "GPIO22", "6: outputs.busy.line: GPIO22 is already the wire 'ok'; each needs its own"),
        ("GPIO25", "GPIO17", "5: trigger.line: GPIO17 is already the output 'busy'"),
        ("{line: GPIO22}", "{line: GPIO22, hold_ms: 0}", "6: outputs.ok.hold_ms: should be greater than or equal to 1"),
        ("{line: GPIO22}", "{line: GPIO22, hold: 9}", "6: outputs.ok.hold: unknown key, did you mean hold_ms?"),
        ("{line: GPIO22}", "{line: 22}", "6: outputs.ok.line: should be a valid string, not 22"),
        ("ok: {line: GPIO22}, ", "", "6: outputs.ok: missing"),
        (
            "line: GPIO17",
            "line: GPIO17, delay_ms: 500",
            "5: trigger.delay_ms: no verdict can leave in 500 ms",
        ),
        ("line: GPIO17", "line: GPIO17, edge: both", "5: trigger.edge: should be 'rising' or 'falling', not 'both'"),
        (
            "line: GPIO17",
            "line: GPIO17, debounce_ms: -1",
            "5: trigger.debounce_ms: should be greater",
        ),
    ],
)
def test_wires_that_cannot_be_are_refused_with_their_line(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str, words: str
) -> None:
    monkeypatch.setattr(LineCamera, "is_simulated", False)
    assert old in WIRED
    assert f"station.yaml:{words}" in refusal(WIRED.replace(old, new))


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_one_error(text: str) -> None:
    try:
        parse_config(text.encode("utf-8", "surrogatepass"), name="s")
    except ConfigError as error:
        assert all(line.startswith("s") for line in str(error).splitlines())


PICAMERA = "{driver: picamera, width_px: 640, height_px: 480, exposure_us: 4000, gain: 1, red_gain: 2, blue_gain: 2%s}"


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        (PICAMERA % ", fps: 300", "camera.fps: should be less than or equal to 240, not 300"),
        (PICAMERA % ", fps: 240, tolerance_percent: 0", "camera.tolerance_percent: should be greater than or equal"),
        ((PICAMERA % "").replace("4000", "40000"), "an exposure of 40000 us does not fit into 30 frames a second"),
        ((PICAMERA % "").replace(", gain: 1", ""), "camera.gain: missing"),
        (PICAMERA % ", exposur_us: 5", "camera.exposur_us: unknown key, did you mean exposure_us?"),
        ("{driver: v4l2, device: /dev/video0, width_px: 8, height_px: 480}", "camera.width_px: should be greater"),
        (
            "{driver: v4l2, device: /dev/video0, width_px: 640, height_px: 480, pixel_format: GREY}",
            "pixel_format GREY gives grey pictures: write is_colour: false",
        ),
        (
            "{driver: v4l2, device: /dev/video0, width_px: 640, height_px: 480, exposure_us: 40000}",
            "an exposure of 40000 us does not fit into 30 frames a second",
        ),
    ],
)
def test_camera_that_cannot_be_meant_is_refused(camera: str, words: str) -> None:
    assert words in refusal(GOOD.replace("{driver: line}", camera))


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ("{driver: camera_event}", "the camera 'line' does not run all the time, so nobody can look on"),
        ("{driver: camera_event, rest_ms: 0}", "trigger.rest_ms: should be greater than or equal to 40, not 0"),
        ("{driver: camera_event, region: {left: 0.5, right: 0.55}}", "must lie at least 0.1 beyond left and top"),
        ("{driver: camera_event, region: {lft: 0.5}}", "trigger.region.lft: unknown key"),
    ],
)
def test_camera_event_that_cannot_be_meant_is_refused(trigger: str, words: str) -> None:
    assert words in refusal(GOOD.replace("{driver: interval}", trigger))
