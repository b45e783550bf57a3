"""Set-up in a real browser over a running station: every page in both languages and sizes, and what people do there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.commands.assembly import Appliance
from edge.drivers.simulated import SimulatedOutputs
from edge.teaching import kept_pictures
from edge.training_folder import read_inspected
from edge.web.site import Site
from tests.browser import CHROMIUM, Browser
from tests.sites import ENGINEER, served, site_of, with_accounts
from tests.test_set_up import SOFTWARE, Core, log_of, running
from tests.test_web_browser import SIZES, TOUCHED

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

PAGES = {
    "/set-up": {"en": "Live picture with focus", "ja": "ピントと露光"},
    "/set-up/wires": {"en": "A wire that is tried", "ja": "試験した出力"},
    "/set-up/limit": {"en": "Back to calibrated", "ja": "校正値に戻す"},
    "/set-up/models": {"en": "With bundle: installed", "ja": "モデルは管理されていません"},
    "/set-up/camera": {"en": "Turn the lens", "ja": "レンズを回して"},
    "/set-up/teach": {"en": "Download as training folder", "ja": "学習用フォルダー"},
    "/set-up/regions": {"en": "Close the shape", "ja": "図形を閉じる"},
    "/accounts": {"en": "Add an account", "ja": "アカウントを追加"},
    "/log": {"en": "The chain of entries is whole", "ja": "連鎖は正常"},
    "/password": {"en": "New password once more", "ja": "新しいパスワード（確認）"},
    "/sign-in": {"en": "Password or PIN", "ja": "パスワードまたはPIN"},
}

Place = tuple[Site, Appliance, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    site = with_accounts(site_of(tmp_path_factory.mktemp("station") / "data", trigger=SOFTWARE))
    with running(site.config) as appliance, served(site) as address:
        core = Core(site.config)
        for _ in range(6):
            core.part()
        core.done("pause")
        core.done("look", is_kept=True)
        yield site, appliance, address.rstrip("/")


@pytest.fixture
def browser(place: Place, tmp_path: Path) -> Iterator[Browser]:
    """One in which the engineer has signed in."""
    with Browser(tmp_path, width=1280, height=800) as found:
        sign_in(found, place[2])
        yield found


def sign_in(browser: Browser, address: str) -> None:
    browser.sign_in(address, ENGINEER, to="/set-up")
    browser.wait_for("location.pathname === '/set-up' && document.readyState === 'complete'")


def go(browser: Browser, address: str, page: str) -> None:
    browser.open(address + page)
    browser.wait_for(f"location.pathname === '{page}' && document.readyState === 'complete'")
    if page.startswith("/set-up"):
        browser.wait_for("document.getElementById('phase').dataset.phase !== ''")


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_whole_quiet_and_accessible(place: Place, tmp_path: Path, size: str, language: str) -> None:
    _, _, address = place
    width, height = SIZES[size]
    with Browser(tmp_path, width=width, height=height, language=language) as browser:
        sign_in(browser, address)
        browser.events.clear()
        for page, words in PAGES.items():
            go(browser, address, page)
            assert words[language] in browser.evaluate("document.body.innerText"), page
            assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page} is too wide"
            assert browser.accessibility_faults() == [], page
            small = f"[...document.querySelectorAll('{TOUCHED}')].filter((one) => one.offsetParent && "
            small += "one.type !== 'range' && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"
            assert browser.evaluate(small) == [], f"{page}: too small for a finger"
        assert browser.complaints() == []
        assert [url for url in browser.requested() if not url.startswith(address + "/")] == []


def test_limit_is_moved_only_after_its_effect_was_seen_and_goes_back(place: Place, browser: Browser) -> None:
    site, _, address = place
    core = Core(site.config)
    calibrated = core.done("limit")["calibrated"]
    go(browser, address, "/set-up/limit")
    browser.wait_for("byId('now').textContent !== ''")
    assert browser.evaluate("byId('move').disabled")
    browser.evaluate(f"byId('exact').value = {calibrated * 0.051}; byId('exact').dispatchEvent(new Event('input')); 0")
    assert browser.evaluate("byId('move').disabled"), "before the effect is shown"
    browser.wait_for("!byId('move').disabled")
    assert re.search(r"\d+ more would be NG", browser.evaluate("byId('effect').textContent"))
    assert browser.evaluate("!byId('golden-fail').hidden")
    browser.evaluate("byId('move').click()")
    browser.wait_for("byId('told').textContent.startsWith('The limit is now')")
    assert core.done("limit")["limit"] == pytest.approx(calibrated * 0.051)
    browser.evaluate("byId('back').click()")
    browser.wait_for("byId('move').disabled && byId('told').textContent !== ''")
    browser.wait_for("byId('golden-fail').hidden")
    assert core.done("limit")["limit"] == calibrated
    assert [entry[0] for entry in log_of(site)[-2:]] == ["eva", "eva"]


def test_wire_is_tried_by_a_press(place: Place, browser: Browser) -> None:
    _, appliance, address = place
    outputs = appliance.outputs
    assert isinstance(outputs, SimulatedOutputs)
    go(browser, address, "/set-up/wires")
    outputs.history.clear()
    browser.evaluate("document.querySelector('[data-wire=NG]').click()")
    browser.wait_for("document.querySelector('[data-wire=NG]').parentElement.textContent.includes('off again')")
    assert [(change.wire, change.is_on) for change in outputs.history] == [("NG", True), ("NG", False)]


def test_triggers_are_counted_as_they_come(place: Place, browser: Browser) -> None:
    site, _, address = place
    go(browser, address, "/set-up/wires")
    browser.wait_for("first !== null")
    Core(site.config).done("trigger")
    browser.wait_for("byId('seen').textContent === '1'")


def test_live_picture_moves_and_tells_sharpness_and_light(place: Place, browser: Browser) -> None:
    _, _, address = place
    go(browser, address, "/set-up/camera")
    browser.evaluate("byId('start').click()")
    browser.wait_for("Number(byId('sharpness').textContent) > 10")
    assert browser.evaluate("byId('light-told').textContent") == "The light is well spread."
    before = browser.evaluate("byId('live').toDataURL()")
    browser.wait_for(f"byId('live').toDataURL().length !== {len(before)}")
    browser.evaluate("byId('stop').click()")
    assert browser.complaints() == []


def test_regions_are_drawn_with_a_finger_and_kept(place: Place, browser: Browser) -> None:
    site, _, address = place
    go(browser, address, "/set-up/regions")
    browser.wait_for("picture?.complete && byId('canvas').width === picture.naturalWidth")
    for x, y in ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8)):
        browser.evaluate(
            "(() => { const place = byId('canvas').getBoundingClientRect(); byId('canvas').dispatchEvent("
            f"new PointerEvent('pointerdown', {{clientX: place.left + {x} * place.width,"
            f" clientY: place.top + {y} * place.height}})); }})()"
        )
    browser.evaluate("byId('save').click()")
    browser.wait_for("byId('told').textContent === 'Saved.'")
    (region,) = read_inspected(site.data).regions
    width, height = browser.evaluate("[byId('canvas').width, byId('canvas').height]")
    for (x, y), (share_x, share_y) in zip(region, ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8)), strict=True):
        assert (x, y) == pytest.approx((share_x * width - 0.5, share_y * height - 0.5), abs=2)


def test_good_part_is_kept_by_a_button(place: Place, browser: Browser) -> None:
    site, _, address = place
    go(browser, address, "/set-up/teach")
    before = len(kept_pictures(site.data))
    browser.evaluate("byId('keep').click()")
    browser.wait_for(f"byId('number').textContent === '{before + 1}'")
    assert len(kept_pictures(site.data)) == before + 1
    assert browser.complaints() == []


def test_what_the_core_refuses_is_said_on_the_page(place: Place, browser: Browser) -> None:
    site, _, address = place
    go(browser, address, "/set-up/wires")
    Core(site.config).done("resume")
    try:
        browser.evaluate("document.querySelector('[data-wire=NG]').click()")
        browser.wait_for("byId('trouble').textContent === 'pause the station first'")
    finally:
        Core(site.config).done("pause")
