"""How soon a browser shows the page: the first paint with content, from the moment that it goes there.

    python -m tests.benchmarks.page_paint [--rounds 5]

Headless Chromium on this machine, at a page with two days of production behind it. "first": a browser that knows
nothing of the site; "again": one that has its style and scripts. It does not imitate: a network between, a tablet's
processor, a page that runs on a Pi.
"""

import argparse
import tempfile
import time
from pathlib import Path

from edge.commands.bench_machine import conditions
from edge.commands.bench_stages import quantile
from tests.browser import CHROMIUM, Browser
from tests.production import production, write
from tests.sites import served, site_of, with_accounts
from tests.test_web_operator import beating

PAGES = ("/", "/history", "/part/100", "/trends", "/sign-in")
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WIDTH, HEIGHT = 1280, 800


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("there is no Chromium here")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write(data, production(until_s=int(time.time()), days=2), has_pictures=True)
        with (
            beating(data),
            served(with_accounts(site_of(data))) as address,
            Browser(Path(folder) / "profile") as browser,
        ):
            print(f"{options.rounds} rounds, {conditions()}\n")
            print("| page | first, median and most, ms | again |\n|---|---|---|")
            for page in PAGES:
                first, again = painted(browser, address.rstrip("/"), page, rounds=options.rounds)
                print(f"| {page} | {as_text(first)} | {as_text(again)} |")


def painted(browser: Browser, address: str, page: str, *, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds to the first paint, of a browser that knows nothing and of one that was there before."""
    first, again = [], []
    for _ in range(rounds):
        browser.call("Network.clearBrowserCache")
        for found in (first, again):
            browser.begin_anew(address, width=WIDTH, height=HEIGHT, language="en")
            browser.open(f"{address}{page}")
            browser.wait_for("location.href !== 'about:blank'")
            found.append(float(browser.wait_for(PAINTED)))
    return first, again


def as_text(times: list[float]) -> str:
    """Median and most."""
    return f"{quantile(sorted(times), 0.5):.0f}, {max(times):.0f}"


if __name__ == "__main__":
    main()
