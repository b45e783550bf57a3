"""What many tests share: the demo model that ships, a small one, and a folder of real pictures where there is one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.bundle import Bundle
from edge.drivers.onnx import OnnxEmbedder
from edge.inspection import Inspector
from edge.model_store import read_bundle

if TYPE_CHECKING:
    from tests.small_model import Small

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _unlocked_memory() -> Iterator[None]:
    """A core that a test runs in its own process would lock the memory of all tests after it; as a process it does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.commands.run.stay_in_memory", lambda: True)
        yield


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Networks as small as those of the tests are slower on two threads, above all while something else runs."""
    import torch  # takes seconds to load

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def demo_bundle_path() -> Path:
    """The model that ships, for the rendered connector."""
    return ROOT / "models" / "demo" / "bundle"


@pytest.fixture(scope="session")
def demo_bundle(demo_bundle_path: Path) -> Bundle:
    return read_bundle(demo_bundle_path)


@pytest.fixture(scope="session")
def demo_inspector(demo_bundle: Bundle) -> Inspector:
    return Inspector(demo_bundle, OnnxEmbedder(demo_bundle.network, cells=demo_bundle.manifest.map.grid.cells))


@pytest.fixture(scope="session")
def small_model() -> "Small":
    from tests.small_model import build_small_model  # torch takes seconds to load

    return build_small_model()


@pytest.fixture(scope="session")
def mirrored_model() -> "Small":
    """The model of another kind."""
    from tests.small_model import MIRRORED, build_small_model, small_mirrored

    return build_small_model(small_mirrored, product=MIRRORED)


@pytest.fixture(scope="session")
def joined_model(small_model: "Small", mirrored_model: "Small") -> bytes:
    """Both kinds in one bundle: `left` is the small model, `right` the mirrored one."""
    from tests.joining import joined_of

    return joined_of(small_model, mirrored_model)


@pytest.fixture(scope="session")
def small_bundle(small_model: "Small") -> Bundle:
    return small_model.bundle


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pictures, which are not part of the project: KENSA_SHARED, or `shared` beside the repository."""
    folder = Path(os.environ.get("KENSA_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no real pictures: {folder} is not there (KENSA_SHARED names the folder)")
    data = folder / "data"
    return data if data.is_dir() else folder
