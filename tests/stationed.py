"""A station of small parts whose models are managed: a folder of pictures as its camera, keys, and models to send."""

from pathlib import Path

import cv2

from edge.config import StationConfig, load_config
from edge.slots import Slots
from tests.sealing import changed, sealed, trust_in
from tests.small_model import Small, spoilt

STATION = """\
station: test
bundle: installed
data: data
deadline_ms: {deadline_ms}
faults_until_halt: 1000
models: {{keys: keys, probation_parts: {probation_parts}}}
camera: {{driver: folder, path: pictures, repeat: true}}
trigger: {trigger}
outputs: {{driver: simulated}}
watch: {{least_free_mb: 0, hottest_c: 100}}
"""
SOFTWARE = "{driver: software}"


def station_in(
    folder: Path, small: Small, *, trigger: str = SOFTWARE, deadline_ms: float = 5000, probation_parts: int = 0
) -> StationConfig:
    """The configuration, with the pictures and keys that it names. Every fourth part is defective."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for number, frame in enumerate(small.frames):
        shown = spoilt(frame) if number % 4 == 3 else frame
        cv2.imwrite(str(pictures / f"{number:02}.png"), shown.pixels)
    trust_in(folder / "keys", revoked=("carl",))
    text = STATION.format(trigger=trigger, deadline_ms=deadline_ms, probation_parts=probation_parts)
    (folder / "station.yaml").write_text(text)
    return load_config(folder / "station.yaml")


def send(folder: Path, raw: bytes, name: str = "sent") -> Path:
    """A file as it arrives."""
    path = folder / name
    path.write_bytes(raw)
    return path


def model_of(small: Small, serial: int, **manifest: object) -> bytes:
    """The small model under another serial, signed."""
    return sealed(changed(small.raw, serial=serial, **manifest))


def snapshot(data: Path) -> dict[str, bytes]:
    """Everything that the models' folder holds, but for locks."""
    folder = Slots(data).folder
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }
