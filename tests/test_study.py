"""Studies: agreement, claims and paired comparisons, against statsmodels, scikit-learn, scipy and slow loops."""

import json
import math
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as known_mcnemar
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

from tests.browser import CHROMIUM, Browser
from training.__main__ import main
from training.calibrate import Rate
from training.errors import DataSetError
from training.study.agreement import Bools, cohen, fleiss
from training.study.claims import claim_of
from training.study.msa import COLUMNS, agreement_of, read_looks
from training.study.paired import compare, delong, mcnemar
from training.study.runs import read_run
from training.study.tables import agreement_text

HEAD = ",".join(COLUMNS) + "\n"


def answers(seed: int, *, parts: int = 40, looks: int = 3, wrong: float = 0.2) -> tuple[Bools, Bools, Bools]:
    """Truth, and two raters who are wrong now and then: (parts, looks) each."""
    random = np.random.default_rng(seed)
    truth = np.repeat(random.random((parts, 1)) < 0.5, looks, axis=1)
    return truth, truth ^ (random.random(truth.shape) < wrong), truth ^ (random.random(truth.shape) < wrong)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), parts=st.integers(2, 30), looks=st.integers(1, 4))
def test_cohens_kappa_is_scikit_learns(seed: int, parts: int, looks: int) -> None:
    _, first, second = answers(seed, parts=parts, looks=looks)
    found = cohen(first, second).value
    if len({*first.ravel()} | {*second.ravel()}) == 1:
        assert found is None
    else:
        assert found == pytest.approx(cohen_kappa_score(first.ravel(), second.ravel()))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), parts=st.integers(2, 20), looks=st.integers(2, 5))
def test_fleiss_kappa_is_what_counting_pairs_of_looks_gives(seed: int, parts: int, looks: int) -> None:
    _, rated, _ = answers(seed, parts=parts, looks=looks)
    pairs = [part[one] == part[other] for part in rated for one, other in combinations(range(looks), 2)]
    by_chance = sum(float((rated == answer).mean()) ** 2 for answer in (False, True))
    found = fleiss(rated).value
    if by_chance == 1:
        assert found is None
    else:
        assert found == pytest.approx((np.mean(pairs) - by_chance) / (1 - by_chance))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), parts=st.integers(3, 20), looks=st.integers(2, 5))
def test_fleiss_kappa_is_statsmodels(seed: int, parts: int, looks: int) -> None:
    _, rated, _ = answers(seed, parts=parts, looks=looks)
    found = fleiss(rated).value
    if found is not None:
        assert found == pytest.approx(fleiss_kappa(aggregate_raters(rated.astype(int))[0]))


@settings(deadline=None, max_examples=60)
@given(trials=st.integers(1, 400), share=st.floats(0, 1))
def test_an_interval_of_a_rate_is_statsmodels(trials: int, share: float) -> None:
    events = round(share * trials)
    known = proportion_confint(events, trials, alpha=0.05, method="beta")
    assert Rate(events=events, trials=trials).interval == pytest.approx(known)


def test_the_interval_of_kappa_is_scipys_bootstrap_over_parts() -> None:
    truth, rated, _ = answers(3, parts=60, looks=2)
    found = cohen(rated, truth)

    def kappa(chosen: np.ndarray) -> float:
        return float(cohen_kappa_score(rated[chosen].ravel(), truth[chosen].ravel()))

    known = bootstrap(
        (np.arange(60),), kappa, vectorized=False, n_resamples=1000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.interval == pytest.approx((known.low, known.high), abs=0.03)
    assert found.value is not None
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]


def test_kappa_says_nothing_of_one_answer_and_too_little_of_a_few() -> None:
    nobody = np.zeros((20, 2), np.bool_)
    assert cohen(nobody, nobody).value is None
    assert fleiss(nobody[:, :1]).value is None
    rare = nobody.copy()
    rare[0] = True
    assert cohen(rare, rare).value == 1
    assert cohen(rare, rare).interval is None


@settings(deadline=None, max_examples=40)
@given(first=st.integers(0, 40), second=st.integers(0, 40))
def test_mcnemar_is_the_exact_test_of_scipy_and_of_statsmodels(first: int, second: int) -> None:
    expected = binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected)
    if first + second:
        known = min(1.0, known_mcnemar([[9, first], [second, 9]], exact=True).pvalue)
        assert mcnemar(first, second) == pytest.approx(known)


def test_delong_agrees_with_scikit_learn_and_with_a_bootstrap() -> None:
    random = np.random.default_rng(0)
    good = random.normal(size=(2, 120)) + random.normal(size=120)
    defective = 1.2 + random.normal(size=(2, 150)) + random.normal(size=150)
    aurocs, covariance = delong(good, defective)
    for model in (0, 1):
        known = roc_auc_score([0] * 120 + [1] * 150, [*good[model], *defective[model]])
        assert aurocs[model] == pytest.approx(known)

    def difference(near: np.ndarray, far: np.ndarray) -> float:
        found = delong(good[:, near], defective[:, far])[0]
        return float(found[1] - found[0])

    drawn = bootstrap(
        (np.arange(120), np.arange(150)), difference, vectorized=False, n_resamples=800, rng=np.random.default_rng(2)
    )
    spread = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert spread == pytest.approx(drawn.standard_error, rel=0.12)


def test_a_claim_says_how_many_more() -> None:
    none = claim_of(Rate(events=0, trials=60), 0.01)
    assert none.bound == pytest.approx(0.0487, abs=1e-4)
    assert none.if_none == none.as_now == 239
    one = claim_of(Rate(events=1, trials=200), 0.01)
    assert one.if_none == 273
    assert one.as_now is not None
    assert one.as_now > one.if_none
    assert claim_of(Rate(events=3, trials=100), 0.01).as_now is None
    assert claim_of(Rate(events=0, trials=0), 0.01).as_now is None
    assert claim_of(Rate(events=0, trials=1000), 0.01).if_none == 0


@settings(deadline=None, max_examples=40)
@given(events=st.integers(0, 6), trials=st.integers(1, 2000))
def test_what_goes_on_as_observed_can_then_be_claimed(events: int, trials: int) -> None:
    rate = Rate(events=min(events, trials), trials=trials)
    claim = claim_of(rate, 0.05)
    assert claim.as_now is None or claim.as_now >= claim.if_none
    if claim.as_now is not None:
        total = trials + claim.as_now
        expected = math.ceil(rate.share * total - 1e-9)
        assert binomtest(expected, total, 0.05, alternative="less").pvalue <= 0.05 + 1e-9


def study(path: Path, wrong: dict[tuple[str, str, str], str] | None = None) -> Path:
    """Ten good and ten defective parts, three times at two stations; wrong: verdicts other than the right ones."""
    rows = []
    for part, station, repeat in product(range(20), "AB", "123"):
        right = "OK" if part < 10 else "NG"
        verdict = (wrong or {}).get((str(part), station, repeat), right)
        rows.append(f"{part},{'good' if part < 10 else 'defective'},{station},{repeat},{verdict}\n")
    path.write_text(HEAD + "".join(rows), encoding="utf-8")
    return path


def test_a_study_counted_by_hand(tmp_path: Path) -> None:
    wrong = {("3", "A", "1"): "FAULT", ("12", "A", "2"): "OK", ("12", "A", "3"): "OK"}
    found = agreement_of(read_looks(study(tmp_path / "study.csv", wrong)))
    first, second = found.stations
    assert (first.misses, first.false_alarms) == (Rate(events=2, trials=30), Rate(events=1, trials=30))
    assert (first.missed_parts, first.alarmed_parts) == (Rate(events=1, trials=10), Rate(events=1, trials=10))
    assert first.repeatable == Rate(events=18, trials=20)
    assert first.right == Rate(events=57, trials=60)
    assert first.grade == "unacceptable"  # 6.7 % of the looks at defective parts
    assert second.grade == "acceptable"
    assert second.kappa.value == 1
    assert found.all_alike == found.all_right == Rate(events=18, trials=20)
    text = agreement_text(found)
    assert "A / B: kappa (Cohen) 0.90" in text
    assert "| B | acceptable | 1.00 (1.00 to 1.00) | 0 of 30" in text


WRONG = [
    ("part,truth\n1,good\n", "the column station is missing"),
    (HEAD + "1,good,A,1,OK\n", "needs two parts or more"),
    (HEAD + "1,well,A,1,OK\n", "line 2: truth is good or defective"),
    (HEAD + "1,good,A,1,ok\n", "line 2: truth is good or defective, verdict is OK, NG or FAULT"),
    (HEAD + ",good,A,1,OK\n", "line 2: part, station and repeat must not be empty"),
    (HEAD + "1,good,A,1\n", "line 2: truth is good or defective, verdict is"),
    (HEAD + "1,good,A,1,OK\n1,defective,A,2,OK\n", "line 3: part 1 was good before"),
    (HEAD + "1,good,A,1,OK\n1,good,A,1,NG\n", "line 3: part 1 has two verdicts of repeat 1 at station A"),
    (HEAD + "1,good,A,1,OK\n2,good,B,1,OK\n", "part 1 has no verdict of repeat 1 at station B"),
    ("", "the column part is missing"),
    (HEAD + '1,good,A,1,"OK\n', "no CSV table"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_table_is_one_sentence(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.csv"
    path.write_text(text, encoding="utf-8")
    assert main(["study", "msa", str(path), "--json", str(tmp_path / "out.json")]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["study.csv"]


def test_what_is_no_text_or_not_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "study.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataSetError, match="no text in UTF-8"):
        read_looks(tmp_path / "study.csv")
    with pytest.raises(DataSetError, match="cannot be read"):
        read_looks(tmp_path / "nowhere.csv")


def test_the_study_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, page, figures = study(tmp_path / "<study>.csv"), tmp_path / "study.html", tmp_path / "study.json"
    assert main(["study", "msa", str(table), "--html", str(page), "--json", str(figures)]) == 0
    assert "10 good and 10 defective parts, 3 times by 2 station(s)" in capsys.readouterr().out
    assert json.loads(figures.read_text())["stations"][0]["misses"]["trials"] == 30
    text = page.read_text(encoding="utf-8")
    assert "&lt;study&gt;.csv" in text
    assert "<study>" not in text
    assert "://" not in text


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the page with")
def test_the_page_of_a_study_speaks_both_languages(tmp_path: Path) -> None:
    page = tmp_path / "study.html"
    assert main(["study", "msa", str(study(tmp_path / "study.csv")), "--html", str(page), "--language", "ja"]) == 0
    with Browser(tmp_path / "profile", width=390) as browser:
        browser.open(page.as_uri())
        browser.wait_for("document.readyState === 'complete' && !!document.querySelector('h2')")
        assert browser.evaluate("document.querySelector('h2').innerText") == "ステーション A: 合格"
        browser.evaluate("document.querySelector('[data-language=en]').click()")
        assert browser.evaluate("document.querySelector('h2').innerText") == "Station A: acceptable"
        assert browser.accessibility_faults() == []
        assert browser.complaints() == []


def run_folder(path: Path, distances: dict[str, float | None], *, limit: float = 1.0, seed: int = 0) -> Path:
    """What `training fit` leaves of a run with these test pictures; the label stands before the slash."""
    pictures, counts = [], {"good": [0, 0], "bent": [0, 0]}
    for file, distance in distances.items():
        label = file.split("/")[0]
        outcome = "FAULT" if distance is None else "OK" if distance <= limit else "NG"
        pictures.append({"file": f"/somewhere/test/{file}", "label": label, "outcome": outcome, "distance": distance})
        counts[label][0] += (outcome == "OK") is (label == "bent")
        counts[label][1] += 1
    rates = {name: {"events": events, "trials": trials} for name, (events, trials) in counts.items()}
    training = {"loss": "classify", "network": [256, 256], "is_good_only": False, "seed": seed, "data_sha256": "0" * 64}
    metrics = {
        "bundle_sha256": "1" * 64,
        "training": {**training, "good_parts": 9, "defect_parts": 3},
        "limit": {"distance": limit, "overkill_target": 0.02},
        "seconds": 12.5,
        "test": {
            "auroc": 0.9,
            "escapes": rates["bent"],
            "overkills": rates["good"],
            "per_defect": {"bent": rates["bent"]},
            "pictures": pictures,
        },
    }
    path.mkdir()
    (path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return path


def parts(**moved: float | None) -> dict[str, float | None]:
    found: dict[str, float | None] = {f"good/{number}.png": 0.5 + 0.01 * number for number in range(10)}
    found |= {f"bent/{number}.png": 2.0 + 0.1 * number for number in range(10)}
    return found | {f"{name.replace('_', '/')}.png": distance for name, distance in moved.items()}


def test_two_runs_are_paired_by_their_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_folder(tmp_path / "first", parts(bent_1=0.9, bent_2=0.2, good_3=None))
    second = run_folder(tmp_path / "second", {**parts(bent_2=0.3, good_4=1.5), "good/99.png": 0.1}, seed=1)
    found = compare(read_run(first), read_run(second))
    assert (found.defective.only_first_right, found.defective.only_second_right, found.defective.p) == (0, 1, 1.0)
    assert (found.good.only_first_right, found.good.only_second_right) == (1, 1)
    assert found.left_out == (0, 1)
    assert found.auroc is not None
    assert found.auroc.difference == pytest.approx(found.auroc.second - found.auroc.first)
    assert found.auroc.interval[0] < found.auroc.difference < found.auroc.interval[1]
    assert main(["compare", str(first), str(second), "--json", str(tmp_path / "out.json")]) == 0
    told = capsys.readouterr().out
    assert "| first | classify 256-256, euclidean, seed 0, 9 good, 3 defective | 00000000 | 1 | 0.9000 |" in told
    assert "of 10, 0 are right in first only, 1 in second only, p = 1.000: may be chance" in told
    assert json.loads((tmp_path / "out.json").read_text())["second"]["defective"]["p"] == 1


def test_a_large_difference_is_real(tmp_path: Path) -> None:
    worse = {f"bent_{number}": 0.1 for number in range(8)}
    first = read_run(run_folder(tmp_path / "first", parts(**worse)))
    second = read_run(run_folder(tmp_path / "second", parts()))
    found = compare(first, second)
    assert found.defective.p == pytest.approx(2 / 2**8)
    assert found.auroc is not None
    assert found.auroc.p < 0.001
    same = compare(first, first)
    assert same.auroc is not None
    assert (same.defective.p, same.auroc.p, same.auroc.difference) == (1.0, 1.0, 0.0)


def test_the_limit_study_reads_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_folder(tmp_path / "run", parts())
    assert main(["study", "limit", str(run), "--escape", "0.05"]) == 0
    told = capsys.readouterr().out
    assert "| escapes | 0 of 10 | below 26 % | below 5 % | 49 | 49 |" in told
    assert "| overkill | 0 of 10 | below 26 % | below 2 % | 139 | 139 |" in told
    assert main(["study", "limit", str(run), "--escape", "1e-9"]) == 1
    assert "more than 10,000,000 parts" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["compare"], ["study", "limit"]])
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), ("{", "is damaged"), ('{"test": null}', "is damaged"), ("[" * 100_000, "is damaged")],
)
def test_what_is_no_run_is_one_sentence(
    tmp_path: Path, command: list[str], content: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "metrics.json").write_text(content, encoding="utf-8")
    runs = [str(tmp_path)] * (2 if command == ["compare"] else 1)
    assert main([*command, *runs]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_runs_without_a_common_part_cannot_be_paired(tmp_path: Path) -> None:
    first = read_run(run_folder(tmp_path / "first", {"good/1.png": 0.5}))
    second = read_run(run_folder(tmp_path / "second", {"good/2.png": 0.5}))
    with pytest.raises(DataSetError, match="nothing to pair"):
        compare(first, second)


@pytest.mark.parametrize(
    "arguments", [["compare", "one"], ["study"], ["study", "msa"], ["study", "limit", "r", "--escape", "2"]]
)
def test_wrong_use_is_told_with_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
