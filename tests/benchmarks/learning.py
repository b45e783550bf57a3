"""A station learns from its mistakes, on real pictures: overkill and escapes before and after; and a spoilt model.

    python -m tests.benchmarks.learning PICTURES WORK [--confirm]

PICTURES: `train/good`, `test/good` and `test/<defect>`, as MVTec AD has them. WORK: a folder for everything that comes
of it; what was fitted there before is not fitted again.

Half of `train/good` is what the first model is taught, with nothing else. Of the other half two thirds, and half of
each kind of defect, come along the line; all that is left, and `test/good`, is never shown to any training. Everything
is done as people do it: `training fit`, `sign` and `push` (over an sshd on this computer), `edge run` with a folder as
its camera, each wrong verdict corrected on the page (with --confirm each rejected defect confirmed as well),
`training collect`, a second fit, push and release. Then parts that neither model was taught are judged by both, on the
station.

At last somebody mixes up the folders: a third model is taught the defective parts as good and the good ones as
defective. It is pushed, judges beside the line and judges past production again; it is released all the same.

It does not imitate: a camera (a picture is a file); whole pictures of good parts that were not kept, because this
station keeps them all (`ok_every: 1`; with 100, an escape far below the limit has no picture to learn from).
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.config import load_config
from edge.slots import Slots
from edge.web.app import make_site
from edge.web.site import Site
from tests.sites import OPERATOR, Client, with_accounts
from tests.ssh import sshd

ROOT = Path(__file__).parents[2]
GOOD, PRODUCT = "good", "pill"
FIT_NICE = 15  # a fit takes minutes and makes way; the station is as quick as it is
STATION = """\
station: line-1
bundle: installed
data: data
deadline_ms: 10000
faults_until_halt: 1000
models: {{keys: keys, probation_parts: 100}}
camera: {{driver: folder, path: {pictures}, repeat: {repeat}}}
trigger: {{driver: interval, interval_ms: {interval_ms}, parts: {parts}}}
outputs: {{driver: simulated}}
records: {{pictures: {{ok_every: 1}}}}
watch: {{least_free_mb: 0, hottest_c: 100}}
"""
JUDGED = """
    SELECT parts.sequence, parts.source, parts.outcome, models.serial FROM parts
    LEFT JOIN models ON models.number = parts.model WHERE parts.sequence > ? ORDER BY parts.sequence
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part that the station has judged. kind: what the folder says it is."""

    sequence: int
    kind: str
    outcome: str
    serial: int

    @property
    def is_wrong(self) -> bool:
        """A good part that was not OK, or a defective one that was."""
        return (self.outcome == "OK") != (self.kind == GOOD)


def split(pictures: Path, work: Path) -> None:
    """What is taught first, what comes along the line, and what nobody is taught; the same for everybody."""
    rng = random.Random(0)
    good = sorted((pictures / "train" / GOOD).iterdir())
    rng.shuffle(good)
    half, third = len(good) // 2, len(good) * 5 // 6
    line = [(GOOD, path) for path in good[half:third]]
    held = [(GOOD, path) for path in (*good[third:], *sorted((pictures / "test" / GOOD).iterdir()))]
    for folder in sorted((pictures / "test").iterdir()):
        if folder.name != GOOD:
            found = sorted(folder.iterdir())
            rng.shuffle(found)
            line += [(folder.name, path) for path in found[: len(found) // 2]]
            held += [(folder.name, path) for path in found[len(found) // 2 :]]
    _copy([(GOOD, path) for path in good[:half]], work / "first", is_line=False)
    for name, parts in (("line", line), ("held", held)):
        rng.shuffle(parts)
        _copy(parts, work / name, is_line=True)
    wrong = [("mixed_up", path) for path in good[:half]]
    wrong += [(GOOD, path) for kind, path in line if kind != GOOD]
    _copy(wrong, work / "wrong", is_line=False)


def _copy(parts: Sequence[tuple[str, Path]], folder: Path, *, is_line: bool) -> None:
    for number, (kind, path) in enumerate(parts):
        place = folder / f"{number:04}-{kind}.png" if is_line else folder / kind / f"{path.parent.name}-{path.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def run(*command: object, nice: int = 0) -> str:
    """A command as it is typed; its output, of which the end is shown."""
    words = ["nice", "-n", str(nice), sys.executable, "-m", *map(str, command)]
    print("$", " ".join(words[5:]), flush=True)
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    shown = [line for line in done.stdout.splitlines() if " part=" not in line]
    print("\n".join(f"    {line}" for line in shown[-12:]), flush=True)
    if done.returncode != 0:
        raise SystemExit(done.stdout)
    return done.stdout


class Line:
    """The station and everything around it, in one folder."""

    def __init__(self, work: Path, ssh: str) -> None:
        self.work, self.config = work, work / "station.yaml"
        self._ssh = ["--ssh", ssh, "--remote", f"cd {ROOT} && {sys.executable} -m edge", "--station", str(self.config)]

    def set_up(self, pictures: str, *, parts: int, repeat: bool = False, interval_ms: int = 0) -> None:
        """What comes along the line next."""
        text = STATION.format(
            pictures=self.work / pictures, parts=parts, repeat=str(repeat).lower(), interval_ms=interval_ms
        )
        self.config.write_text(text)

    def fit(self, data: Path, name: str, serial: int) -> Path:
        """A model of a data set, signed."""
        folder = self.work / name
        if not (folder / "bundle").is_file():
            run("training", "fit", data, "--out", folder, "--serial", serial, "--product", PRODUCT, nice=FIT_NICE)
        run("training", "sign", folder, "--key", self.work / "keys" / "anna.key")
        return folder / "bundle.signed"

    def push(self, signed: Path, *more: str) -> None:
        run("training", "push", signed, "127.0.0.1", *more, *self._ssh)

    def collect(self) -> Path:
        """The version with what was corrected."""
        versions = self.work / "versions"
        run("training", "collect", "127.0.0.1", versions, "--onto", self.work / "first", *self._ssh)
        return next(versions.iterdir())

    def rejudge(self, name: str) -> str:
        """What a model would change of all that was judged so far."""
        out, bundle = self.work / f"{name}.json", self.work / name / "bundle"
        run("edge", "records", "--config", self.config, "rejudge", "--bundle", bundle, "--json", out)
        found = json.loads(out.read_text())
        return f"{found['outcomes']}, of corrected parts {found['mistakes']}"

    def judge(self, pictures: str) -> list[Part]:
        """Every part of a folder along the line, once."""
        count = len(list((self.work / pictures).iterdir()))
        self.set_up(pictures, parts=count)
        last = self.last
        run("edge", "run", "--config", self.config)
        found = self.parts(after=last)
        assert len(found) == count
        return found

    @property
    def last(self) -> int:
        """The number of the last part."""
        return max((part.sequence for part in self.parts(after=0)), default=0)

    def parts(self, *, after: int) -> list[Part]:
        """What the records say."""
        path = self.work / "data" / "records.sqlite"
        if not path.is_file():
            return []
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute(JUDGED, (after,)).fetchall()
        return [
            Part(sequence=row[0], kind=Path(row[1]).stem.partition("-")[2], outcome=row[2], serial=row[3])
            for row in rows
        ]

    @property
    def slots(self) -> Slots:
        return Slots(self.work / "data")


def correct(site: Site, parts: Sequence[Part], *, is_confirming: bool) -> int:
    """Every wrong verdict, as an operator does it on the page; is_confirming: every rejected defect as well."""
    client = Client(site)
    client.sign_in(*OPERATOR)
    told = [part for part in parts if part.is_wrong or (is_confirming and part.kind != GOOD)]
    for part in told:
        what = "good" if part.kind == GOOD else "bad"
        answer = client.post(f"/part/{part.sequence}/correction", what=what)
        assert answer.status_code == 303, answer.text
    return len(told)


def told(what: str, parts: Sequence[Part]) -> str:
    """Mistakes of a run, by kind of part."""
    good = [part for part in parts if part.kind == GOOD]
    bad = [part for part in parts if part.kind != GOOD]
    overkill, escapes = sum(part.is_wrong for part in good), sum(part.is_wrong for part in bad)
    serials = "/".join(str(serial) for serial in sorted({part.serial for part in parts}))
    faults = sum(part.outcome == "FAULT" for part in parts)
    return (
        f"{what:44} serial {serials}: overkill {overkill} of {len(good)} ({100 * overkill / len(good):.1f} %), "
        f"escapes {escapes} of {len(bad)} ({100 * escapes / len(bad):.1f} %), FAULT {faults}"
    )


def learn(line: Line, *, is_confirming: bool) -> list[str]:
    """The loop, once round."""
    line.push(line.fit(line.work / "first", "run-1", 1), "--activate")
    produced, held_before = line.judge("line"), line.judge("held")
    site = with_accounts(make_site(load_config(line.config)))
    corrected = correct(site, produced, is_confirming=is_confirming)
    version = line.collect()
    line.push(line.fit(version, "run-2", 2))
    run("training", "corrected", line.work / "run-2", version)
    rejudged = line.rejudge("run-2")
    run("edge", "model", "--config", line.config, "activate", 2)
    held_after, again = line.judge("held"), line.judge("line")
    return [
        f"corrected on the page: {corrected} parts",
        f"judged again before release: {rejudged}",
        told("never taught, before", held_before),
        told("never taught, after", held_after),
        told("the line's parts, before", produced),
        told("the line's parts, after (taught: no proof)", again),
    ]


def spoil(line: Line, parts: int = 150) -> list[str]:
    """A model that was taught wrong labels, released although it was seen."""
    line.push(line.fit(line.work / "wrong", "run-3", 3))
    candidate = line.slots.book.candidate
    assert candidate
    line.slots.change(lambda book: book.shadowing(is_on=True))
    line.set_up("line", parts=parts, repeat=True, interval_ms=200)
    run("edge", "run", "--config", line.config)
    beside = json.loads((line.work / "data" / "models" / "shadow" / f"{candidate.sha256}.json").read_text())
    rejudged = line.rejudge("run-3")
    run("edge", "model", "--config", line.config, "activate", 3)
    last = line.last
    run("edge", "run", "--config", line.config)
    judged = line.parts(after=last)
    book = line.slots.book
    return [
        f"spoilt model, beside the line: {beside['outcomes']}",
        f"spoilt model, judged again: {rejudged}",
        f"released all the same: it judged {sum(part.serial == 3 for part in judged)} of {len(judged)} parts",
        f"now current: {book.current}; {book.events[-1].what}: {book.events[-1].why}",
    ]


def main() -> None:
    """Print the figures at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--confirm", action="store_true", help="rejected defects are confirmed on the page as well")
    options = parser.parse_args()
    work: Path = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if not (work / "first").is_dir():
        split(options.pictures, work)
    for name in ("data", "versions", "ssh"):
        shutil.rmtree(work / name, ignore_errors=True)
    if not (work / "keys").is_dir():
        run("training", "keygen", "--no-password", work / "keys" / "anna")
    with sshd(work / "ssh") as (_, server):
        line = Line(work, server)
        line.set_up("line", parts=1)
        print("\n".join(learn(line, is_confirming=options.confirm)), flush=True)
        print("\n".join(spoil(line)), flush=True)


if __name__ == "__main__":
    main()
