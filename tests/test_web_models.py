"""The models' page: a model comes in pieces, is tried as any other, judges when somebody says so, and goes back."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.slots import Slots
from edge.web.app import make_site
from edge.web.site import Site
from tests.browser import CHROMIUM, Browser
from tests.sealing import needs_root, sealed
from tests.sites import ENGINEER, OPERATOR, Client, served, site_of, with_accounts
from tests.small_model import Small
from tests.stationed import model_of, station_in
from tests.test_receive import take
from tests.test_set_up import Core, log_of, running

pytestmark = needs_root
PIECE_BYTES = 60_000


@pytest.fixture
def site(tmp_path: Path, small_model: Small) -> Site:
    config = station_in(tmp_path, small_model)
    take(config, sealed(small_model.raw))
    slots = Slots(Path(config.data))
    slots.change(lambda book: book.activated(book.candidate, wall_ns=1))  # type: ignore[arg-type]
    return with_accounts(make_site(config))


@pytest.fixture
def engineer(site: Site) -> Client:
    client = Client(site)
    assert client.sign_in(*ENGINEER).status_code == 303
    return client


def send(client: Client, raw: bytes, *, begin_at: int = 0, end_at: int | None = None) -> str:
    """Pieces of a file; its name on the station."""
    told = client.post("/set-up/models/begin", name="bundle.signed", size=str(len(raw)), modified="1").json()
    assert told["here"] == begin_at
    for at in range(begin_at, end_at or len(raw), PIECE_BYTES):
        answer = client.ask(
            "POST",
            f"/set-up/models/piece?id={told['id']}&offset={at}",
            content=raw[at : at + PIECE_BYTES],
            headers={"X-CSRF-Token": client.token(), "Content-Type": "application/octet-stream"},
        )
        assert answer.status_code == 200, answer.text
    return str(told["id"])


def test_a_model_comes_in_pieces_breaks_off_and_goes_on_is_tried_and_judges(
    site: Site, engineer: Client, small_model: Small
) -> None:
    raw = model_of(small_model, 8)
    send(engineer, raw, end_at=2 * PIECE_BYTES)
    name = send(engineer, raw, begin_at=2 * PIECE_BYTES)
    told = engineer.post("/set-up/models/install", id=name).json()
    assert (told["serial"], told["signer"]) == (8, "anna")
    assert 0 < told["p99_ms"] < told["budget_ms"]
    assert engineer.post("/set-up/models/activate", serial="8").json()["why"].startswith("the core does not run")
    core = Core(site.config)
    with running(site.config):
        core.part()
        assert engineer.post("/set-up/models/activate", serial="8").json()["serial"] == 8
        assert engineer.get("/set-up/models/probation").json()["probation"] is None
        page = engineer.get("/set-up/models").text
        assert engineer.post("/set-up/models/rollback").json()["serial"] == 7
        assert engineer.post("/set-up/models/activate", serial="8").status_code == 200
    assert "small connector, Serial 8" in page
    whats = [(who, what) for who, what, _, _ in log_of(site)]
    assert whats[-4:] == [
        ("eva", "model installed"),
        ("eva", "model activate"),
        ("eva", "model rollback"),
        ("eva", "model activate"),
    ]


def test_what_is_refused_is_told_in_its_sentence_and_forgotten(
    site: Site, engineer: Client, small_model: Small
) -> None:
    for raw, words in ((sealed(small_model.raw, "mallory"), "does not trust"), (small_model.raw, "is not signed")):
        answer = engineer.post("/set-up/models/install", id=send(engineer, raw))
        assert answer.status_code == 409
        assert words in answer.json()["why"]
        assert str(site.data) not in answer.text
    assert not list((site.data / "models" / "incoming").iterdir())
    assert Slots(site.data).book.candidate is None


def test_nobody_but_an_engineer_and_nothing_that_is_no_piece(site: Site, engineer: Client) -> None:
    operator = Client(site)
    operator.sign_in(*OPERATOR)
    assert operator.get("/set-up/models").status_code == 403
    for address in ("begin", "piece", "install", "activate", "rollback"):
        assert operator.post(f"/set-up/models/{address}").status_code == 403
    for size in ("", "-1", "x", "9" * 20):
        assert engineer.post("/set-up/models/begin", name="a", size=size, modified="1").status_code == 400
    for name in ("", "../x", "a" * 63):
        assert engineer.post("/set-up/models/install", id=name).status_code == 400
        assert engineer.post(f"/set-up/models/piece?id={name}&offset=0").status_code == 400
    assert engineer.post("/set-up/models/begin", name="a", size=str(2**40), modified="1").status_code == 409
    assert engineer.post("/set-up/models/install", id="a" * 64).status_code == 409
    assert engineer.post("/set-up/models/activate", serial="ten").status_code == 400


def test_a_station_whose_models_are_not_managed_says_so(tmp_path: Path) -> None:
    site = with_accounts(site_of(tmp_path / "data"))
    client = Client(site)
    client.sign_in(*ENGINEER)
    assert "With bundle: installed" in client.get("/set-up/models").text
    assert client.post("/set-up/models/rollback").status_code == 409


def test_damaged_slots_are_told(site: Site, engineer: Client) -> None:
    (site.data / "models" / "slots.json").write_text("{")
    assert "The models cannot be read" in engineer.get("/set-up/models").text


@pytest.fixture
def browser(site: Site, tmp_path: Path) -> Iterator[tuple[Browser, str]]:
    with running(site.config), served(site) as address, Browser(tmp_path / "chromium") as found:
        found.sign_in(address, ENGINEER, to="/set-up/models")
        found.wait_for(
            "document.getElementById('upload') !== null && typeof words === 'object' && Object.keys(words).length > 0"
        )
        yield found, address


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_engineer_uploads_releases_and_returns_in_the_browser(
    site: Site, browser: tuple[Browser, str], small_model: Small
) -> None:
    page, _ = browser
    page.evaluate(
        "(() => { const raw = Uint8Array.from(atob('"
        + base64.b64encode(model_of(small_model, 8)).decode()
        + "'), (c) => c.charCodeAt(0)); const files = new DataTransfer();"
        "files.items.add(new File([raw], 'bundle.signed')); document.getElementById('file').files = files.files;"
        "document.getElementById('upload').requestSubmit(); })()"
    )
    told = "document.getElementById('uploaded').textContent + document.getElementById('trouble').textContent"
    page.wait_for(f"/serial|not|[.]$/.test({told})", seconds=120)
    assert "serial 8" in page.evaluate(told)
    page.wait_for("document.querySelector('[data-serial=\"8\"]') !== null", seconds=60)
    for pressed in ("document.querySelector('[data-serial=\"8\"]')", "document.getElementById('rollback')"):
        page.wait_for(
            f"{pressed} !== null && !{pressed}.disabled && typeof words === 'object' && Object.keys(words).length > 0"
        )
        before = Slots(site.data).book.current
        page.evaluate(f"{pressed}.click()")
        page.wait_for(f"{pressed}.textContent.startsWith('Press once more')")
        assert Slots(site.data).book.current == before  # one press alone does nothing
        page.wait_for(f"!{pressed}.disabled")
        page.evaluate("window.isOld = true")
        page.evaluate(f"{pressed}.click()")
        page.wait_for("window.isOld === undefined && document.getElementById('models') !== null", seconds=60)
    book = Slots(site.data).book
    assert (book.current.serial, book.previous.serial) == (7, 8)  # type: ignore[union-attr]
    assert page.complaints() == []
    assert page.accessibility_faults() == []
