"""Attribute agreement analysis: the same parts, looked at several times by one or more stations (or people).

The table is CSV with the columns part, truth (good or defective), station, repeat and verdict (OK, NG or FAULT). Every
station must have looked at every part as often. FAULT counts as rejected: the part does not pass.
"""

import csv
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from training.calibrate import Rate
from training.errors import DataSetError
from training.study.agreement import Bools, Kappa, cohen, fleiss

COLUMNS = ("part", "truth", "station", "repeat", "verdict")
TRUTHS, VERDICTS = ("good", "defective"), ("OK", "NG", "FAULT")
LARGEST_TABLE_BYTES = 50_000_000
# The usual bounds of attribute studies (AIAG, Measurement Systems Analysis, fourth edition): acceptable, and marginal.
MISS_BOUNDS, FALSE_ALARM_BOUNDS, RIGHT_BOUNDS = (0.02, 0.05), (0.05, 0.10), (0.90, 0.80)
KAPPA_WANTED = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """A whole study. is_defective: (parts,). rejected: by station, (parts, repeats)."""

    parts: list[str]
    is_defective: Bools
    rejected: dict[str, Bools]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One station against the truth.

    misses, false_alarms, right: of all looks, as if they were independent. missed_parts, alarmed_parts: of parts, at
    least once. repeatable: parts that got the same answer every time; None with a single repeat.
    """

    name: str
    kappa: Kappa
    misses: Rate
    false_alarms: Rate
    right: Rate
    missed_parts: Rate
    alarmed_parts: Rate
    repeatable: Rate | None

    @property
    def grade(self) -> str:
        """acceptable, marginal or unacceptable, by the usual bounds; by what was observed, not by its interval."""
        known = [(self.right.share, RIGHT_BOUNDS, -1)]
        known += [(rate.share, bounds, 1) for rate, bounds in self._errors if rate.trials]
        for grade, place in (("acceptable", 0), ("marginal", 1)):
            if all(sign * share <= sign * bounds[place] for share, bounds, sign in known):
                return grade
        return "unacceptable"

    @property
    def _errors(self) -> list[tuple[Rate, tuple[float, float]]]:
        return [(self.misses, MISS_BOUNDS), (self.false_alarms, FALSE_ALARM_BOUNDS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a study found. together: of all looks of all stations. pairs: of each two stations, look by look.

    all_alike, all_right: parts that got one answer, the right one, from every look of every station.
    """

    good: int
    defective: int
    repeats: int
    stations: list[Station]
    together: Kappa
    pairs: dict[str, Kappa]
    all_alike: Rate
    all_right: Rate


def read_looks(path: Path) -> Looks:
    """The table. Raises DataSetError, with the line, for one that makes no sense."""
    try:
        if path.stat().st_size > LARGEST_TABLE_BYTES:
            raise DataSetError(f"{path} has more than {LARGEST_TABLE_BYTES // 10**6} MB: this is no table of a study")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataSetError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataSetError(f"{path} is no text in UTF-8: save the table as CSV in UTF-8") from error
    try:
        return _looks_of(path, csv.DictReader(text.splitlines(), strict=True))
    except csv.Error as error:
        raise DataSetError(f"{path}: this is no CSV table ({error})") from error


def _looks_of(path: Path, rows: "csv.DictReader[str]") -> Looks:
    if missing := [column for column in COLUMNS if column not in (rows.fieldnames or ())]:
        raise DataSetError(f"{path}: the column {missing[0]} is missing; the first line must be {','.join(COLUMNS)}")
    truths: dict[str, str] = {}
    said: dict[tuple[str, str, str], bool] = {}
    for row in rows:
        part, truth, station, repeat, verdict = (str(row[column] or "").strip() for column in COLUMNS)
        where = f"{path}, line {rows.line_num}"
        if not part or not station or not repeat:
            raise DataSetError(f"{where}: part, station and repeat must not be empty")
        if truth not in TRUTHS or verdict not in VERDICTS:
            raise DataSetError(f"{where}: truth is good or defective, verdict is OK, NG or FAULT")
        if truths.setdefault(part, truth) != truth:
            raise DataSetError(f"{where}: part {part} was {truths[part]} before")
        if (part, station, repeat) in said:
            raise DataSetError(f"{where}: part {part} has two verdicts of repeat {repeat} at station {station}")
        said[part, station, repeat] = verdict != "OK"
    return _complete(path, truths, said)


def _complete(path: Path, truths: dict[str, str], said: dict[tuple[str, str, str], bool]) -> Looks:
    if len(truths) < 2:
        raise DataSetError(f"{path}: a study needs two parts or more")
    stations = sorted({station for _, station, _ in said})
    repeats = sorted({repeat for _, _, repeat in said})
    for part in truths:
        for station in stations:
            for repeat in repeats:
                if (part, station, repeat) not in said:
                    raise DataSetError(
                        f"{path}: part {part} has no verdict of repeat {repeat} at station {station}; "
                        "every station must look at every part as often"
                    )
    return Looks(
        parts=list(truths),
        is_defective=np.array([truth == "defective" for truth in truths.values()]),
        rejected={
            station: np.array([[said[part, station, repeat] for repeat in repeats] for part in truths])
            for station in stations
        },
    )


def agreement_of(looks: Looks, *, seed: int = 0) -> Agreement:
    """The whole analysis; seed: of the bootstrap."""
    everything = np.concatenate(list(looks.rejected.values()), axis=1)  # (parts, stations · repeats)
    is_alike = _is_alike(everything)
    is_right = is_alike & (everything[:, 0] == looks.is_defective)
    return Agreement(
        good=int((~looks.is_defective).sum()),
        defective=int(looks.is_defective.sum()),
        repeats=next(iter(looks.rejected.values())).shape[1],
        stations=[_station(name, rejected, looks.is_defective, seed) for name, rejected in looks.rejected.items()],
        together=fleiss(everything, seed=seed),
        pairs={
            f"{first} / {second}": cohen(looks.rejected[first], looks.rejected[second], seed=seed)
            for first, second in combinations(looks.rejected, 2)
        },
        all_alike=_rate(is_alike),
        all_right=_rate(is_right),
    )


def _station(name: str, rejected: Bools, is_defective: Bools, seed: int) -> Station:
    truth = np.repeat(is_defective[:, np.newaxis], rejected.shape[1], axis=1)
    return Station(
        name=name,
        kappa=cohen(rejected, truth, seed=seed),
        misses=_rate(~rejected[is_defective].ravel()),
        false_alarms=_rate(rejected[~is_defective].ravel()),
        right=_rate((rejected == truth).ravel()),
        missed_parts=_rate(np.asarray((~rejected[is_defective]).any(axis=1))),
        alarmed_parts=_rate(np.asarray(rejected[~is_defective].any(axis=1))),
        repeatable=_rate(_is_alike(rejected)) if rejected.shape[1] > 1 else None,
    )


def _is_alike(rejected: Bools) -> Bools:
    """(parts, looks) → (parts,): every look said the same."""
    return np.asarray((rejected == rejected[:, :1]).all(axis=1))


def _rate(events: Bools) -> Rate:
    return Rate(events=int(events.sum()), trials=len(events))
