"""From a folder to a bundle, end to end, on a small rendered set."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from edge.bundle import decode
from edge.drivers.onnx import OnnxEmbedder
from edge.frame import Frame
from edge.inspection import Inspection, Inspector, self_test
from edge.scoring import Metric
from edge.settings import Grid, MapSettings
from edge.verdict import Outcome, Reason
from tests.browser import CHROMIUM, Browser
from tests.picture_folders import pixels, write_picture
from training.calibrate import Rate
from training.cell_examples import SYNTHETIC_PER_PART
from training.commands.connector import write
from training.dataset import DataSet, check_one_format, open_dataset
from training.errors import TrainingError
from training.evaluate import evaluate, judge_all
from training.fit import Fitted, fit
from training.learn import FitSettings
from training.loop import LossName, TrainingSettings
from training.maps import GoodParts
from training.moved_pictures import Motion
from training.packing import map_mean_limit
from training.report import Findings, findings_of, metrics_of, report_of
from training.report.sentences import whole_rate_told
from training.report.wording import label_told, told

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = MapSettings(grid=Grid(rows=16, columns=18))
PRODUCT = "connector <b>24</b> & more"
AWKWARD = '<i>&"quoted"-'


@pytest.fixture(scope="module", autouse=True)
def _few_made_up_maps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.batches.POOL_SIZE", 2000)
        patch.setattr("training.cell_examples.SYNTHETIC_AT_LEAST", 100)
        patch.setattr("training.cell_examples.DISTURBED_AT_LEAST", 40)
        patch.setattr("training.cells.BATCH", 256)
        patch.setattr("training.cells.STEPS", 200)
        yield


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    root = tmp_path_factory.mktemp("connector") / "data"
    write(root, parts=24, seed=0)
    for path in (root / "test" / "good").iterdir():
        path.rename(path.with_name(AWKWARD + path.name))
    return open_dataset(root)


def fitted_to(
    dataset: DataSet,
    *,
    loss: LossName = LossName.CLASSIFY,
    map_settings: MapSettings = SMALL,
    seed: int = 0,
    is_good_only: bool = False,
    metric: Metric = Metric.EUCLIDEAN,
) -> Fitted:
    training = TrainingSettings(loss=loss, hidden=(64, 64), batch=96, steps=50, seed=seed)
    asked = FitSettings(training=training, map=map_settings, product=PRODUCT, is_good_only=is_good_only, metric=metric)
    return fit(dataset, asked)


@pytest.fixture(scope="module")
def whole(dataset: DataSet) -> Fitted:
    """A model with the full map and labels."""
    return fitted_to(dataset, map_settings=MapSettings())


@pytest.fixture(scope="module")
def small(dataset: DataSet) -> Fitted:
    """A model with a coarser map."""
    return fitted_to(dataset)


@pytest.mark.slow
def test_the_bundle_is_read_back_and_passes_the_devices_own_test(whole: Fitted) -> None:
    bundle = decode(whole.archive)
    assert bundle.sha256 == whole.bundle.sha256
    self_test(bundle, Inspector(bundle, OnnxEmbedder(bundle.network, cells=36 * 39)))
    assert {golden.outcome for golden in bundle.manifest.golden} == {Outcome.OK, Outcome.NG}
    assert bundle.manifest.product == PRODUCT


def test_the_manifest_says_what_the_model_was_made_from(whole: Fitted, dataset: DataSet) -> None:
    manifest = whole.bundle.manifest
    assert manifest.labels == dataset.labels
    assert manifest.training.good_parts == manifest.limit.calibration_parts == 24
    assert manifest.training.defect_parts == sum(sample.label != "good" for sample in dataset.train)
    assert manifest.limit.distance == manifest.limit.calibrated == whole.limit.distance
    assert manifest.limit.overkill_guarantee == whole.limit.guarantee
    assert 2 / 25 < manifest.limit.overkill_guarantee < 0.5
    assert manifest.limit.rule == whole.limit.rule
    assert set(manifest.training.versions) >= {"python", "numpy", "torch", "onnxruntime"}


def test_every_good_part_sets_the_limit_by_a_model_that_had_not_seen_it(whole: Fitted) -> None:
    learned = whole.learned
    expected = learned.from_good(learned.embeddings_good)
    assert [part.sample for part in whole.calibration] == learned.learned_from
    assert [part.distance for part in whole.calibration] == pytest.approx(expected)
    seen = [part.distance for part in judge_all(whole.inspector, learned.learned_from)]
    assert np.median(expected) > np.median(seen)  # what was seen looks nearer than it is
    assert whole.limit.distance >= expected.max()


def test_the_model_tells_defects_from_good_parts(whole: Fitted, dataset: DataSet) -> None:
    found = evaluate(judge_all(whole.inspector, dataset.test))
    assert found.auroc is not None
    assert found.auroc > 0.9
    assert found.faults == 0


def found(fitted: Fitted, dataset: DataSet | None = None) -> Findings:
    evaluation = None if dataset is None else evaluate(judge_all(fitted.inspector, dataset.test))
    return findings_of(fitted, evaluation, seconds=1.234, finished="2026-11-22 16:00:00+09:00")


@pytest.fixture(scope="module")
def findings(whole: Fitted, dataset: DataSet) -> Findings:
    return found(whole, dataset)


def test_the_metrics_hold_every_figure(whole: Fitted, dataset: DataSet, findings: Findings) -> None:
    metrics = json.loads(json.dumps(metrics_of(findings), allow_nan=False))
    assert metrics["bundle_sha256"] == whole.bundle.sha256
    assert metrics["seconds"] == 1.2
    assert metrics["limit"]["distance"] == whole.limit.distance
    assert metrics["training"]["loss"] == "classify"
    assert 0.6 < metrics["separation_in_training"] <= 1
    assert len(metrics["separations"]) == 5
    assert 0 <= metrics["onnx_parity"] < 1e-4
    assert metrics["visible_synthetic_defects"] + metrics["invisible_synthetic_defects"] == 24 * SYNTHETIC_PER_PART
    assert metrics["test"]["n_ok"] == 6
    assert len(metrics["test"]["pictures"]) == len(dataset.test)
    assert metrics["counts"][0] == {"label": "good", "taught": 24, "tested": 6}
    assert sum(count["tested"] for count in metrics["counts"]) == len(dataset.test)
    assert sum(sum(row.values()) for row in metrics["confusion"].values()) == len(dataset.test)
    assert metrics["limit_interval_95"][1] is None  # 24 parts say nothing of the two percent beyond the limit
    assert {check["name"] for check in metrics["checks"]} == {"told_apart", "rank", "apart", "by_heart", "stuck"}
    assert metrics_of(found(whole))["test"] is None


def test_the_report_is_one_page_that_stands_alone_and_escapes_names(
    whole: Fitted, dataset: DataSet, findings: Findings
) -> None:
    page = report_of(findings)
    assert findings.evaluation is not None
    assert "connector &lt;b&gt;24&lt;/b&gt; &amp; more" in page
    assert "good/&lt;i&gt;&amp;&#34;quoted&#34;-part-" in page
    assert "<b>24" not in page
    assert "<i>" not in page
    assert "://" not in page
    assert whole.bundle.sha256 in page
    assert f"{whole.limit.distance:.4g}" in page
    assert "the 24 that there are allow no better" in page
    assert "24 個ではこれ以上の保証はできません" in page
    assert str(dataset.root) not in page
    assert len(page) < 15e6
    assert page.count('<html lang="en">') == 1
    assert '<html lang="ja">' in report_of(findings, language="ja")


def test_the_page_says_what_the_metrics_say(findings: Findings) -> None:
    page = report_of(findings)
    evaluation, trade = findings.evaluation, findings.trade
    assert evaluation is not None
    assert trade is not None
    assert trade.at(findings.fitted.limit.distance) == (evaluation.escapes, evaluation.overkills)
    assert whole_rate_told(evaluation.escapes).en in page
    assert f"{evaluation.auroc:.4f}" in page
    looked_up = json.loads(page.split('id="trade">')[1].split("</script>")[0])
    assert looked_up["limits"] == trade.limits
    assert looked_up["escapes"] == [rate.events for rate in trade.escapes]
    assert looked_up["escape_words"][str(evaluation.escapes.events)][0] == whole_rate_told(evaluation.escapes).en
    points = json.loads(page.split('id="points">')[1].split("</script>")[0])
    assert len(points) == len(findings.points) == page.count("data-point=")


def test_the_tables_of_the_page_hold_the_figures_of_the_metrics(findings: Findings) -> None:
    metrics = json.loads(json.dumps(metrics_of(findings), allow_nan=False))
    english = re.sub('<span lang="ja">.*?</span>', "", report_of(findings))
    rows = {
        tuple(re.sub("<.*?>", "", cell).strip() for cell in re.findall("<t[hd].*?>(.*?)</t[hd]>", row))
        for row in re.findall("<tr.*?>(.*?)</tr>", english, re.DOTALL)
    }
    for count in metrics["counts"]:
        assert (label_told(count["label"]).en, str(count["taught"]), str(count["tested"])) in rows
    tested = metrics["test"]["per_defect"]
    assert len(tested) <= 16  # of more, only those that escaped have a row of their own
    for label, rate in tested.items():
        mark = " ✗" if rate["events"] else ""
        low, high = (f"{100 * end:.0f}" for end in rate["interval_95"])
        caught, escaped = str(rate["trials"] - rate["events"]), f"{rate['events']}{mark}"
        assert (label_told(label).en, str(rate["trials"]), caught, escaped, f"{low} to {high} %") in rows
    for ranked in metrics["distances"]:
        name = told(f"distance.{ranked['name']}", count=ranked["count"]).en
        assert (f"{name} (judges)" if ranked["is_used"] else name, f"{ranked['auroc']:.4f}") in rows
    assert metrics["distances"][0]["auroc"] == metrics["test"]["auroc"]
    for truth, said in metrics["confusion"].items():
        row = next(row for row in rows if row[0] == label_told(truth).en and "·" in row)
        assert sorted(cell for cell in row[1:-1] if cell != "·") == sorted(map(str, said.values()))
        assert row[-1] == str(sum(said.values()))
    for check in metrics["checks"]:
        assert any(row[0] == told(f"check.{check['name']}").en and row[1] == f"{check['value']:.3g}" for row in rows)


def test_the_report_says_plainly_that_there_were_no_test_pictures(whole: Fitted) -> None:
    page = report_of(found(whole))
    assert "There were no test pictures" in page
    assert "AUROC)" not in page
    assert "The most unusual good parts" in page
    assert 'id="trade"' not in page


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the report with")
def test_the_report_opens_from_disk_without_a_request_or_a_complaint(tmp_path: Path, findings: Findings) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_of(findings), encoding="utf-8")
    evaluation = findings.evaluation
    assert evaluation is not None
    with Browser(tmp_path / "profile", width=390) as browser:
        browser.open(path.as_uri())
        browser.wait_for("document.readyState === 'complete' && !!document.getElementById('limit-slider')")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
        assert browser.evaluate("document.querySelector('h2').innerText") == "What to collect next"
        browser.evaluate("document.querySelector('[data-language=ja]').click()")
        assert browser.evaluate("document.querySelector('h2').innerText") == "次に集めるもの"
        browser.evaluate("document.querySelector('[data-language=en]').click()")
        move = "(power) => {const it = document.getElementById('limit-slider'); it.value = power;"
        move += "it.dispatchEvent(new Event('input')); return document.getElementById('escapes-now').innerText;}"
        assert browser.evaluate(f"({move})(0)") == whole_rate_told(evaluation.escapes).en
        everything = Rate(events=evaluation.escapes.trials, trials=evaluation.escapes.trials)
        assert browser.evaluate(f"({move})(99)") == whole_rate_told(everything).en
        assert browser.evaluate(f"({move})(-99)").startswith("0 of ")
        browser.evaluate("document.getElementById('limit-back').click()")
        assert browser.evaluate("document.getElementById('share-now').innerText") == "1.00"
        browser.evaluate("document.getElementById('limit-line').scrollIntoView({block: 'center'})")
        line = "document.querySelector('#limit-line .grip').getBoundingClientRect()"
        x, y = browser.evaluate(f"{line}.x + {line}.width / 2"), browser.evaluate(f"{line}.y + {line}.height / 2")
        for kind, moved in (("mousePressed", 0), ("mouseMoved", 40), ("mouseReleased", 40)):
            browser.call(
                "Input.dispatchMouseEvent", type=kind, x=x + moved, y=y, button="left", buttons=1, clickCount=1
            )
        assert float(browser.evaluate("document.getElementById('share-now').innerText")) > 1.05
        point = "document.querySelector('[data-point]').getBoundingClientRect()"
        browser.evaluate("document.querySelector('svg.scatter').scrollIntoView({block: 'center'})")
        x, y = browser.evaluate(f"{point}.x + {point}.width / 2"), browser.evaluate(f"{point}.y + {point}.height / 2")
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        browser.wait_for("!document.getElementById('hover').hidden && !!document.querySelector('#hover img')")
        assert browser.accessibility_faults() == []
        assert browser.complaints() == []
        assert browser.requested() in ([], [path.as_uri()])


@pytest.mark.slow
@pytest.mark.parametrize("loss", list(LossName))
def test_every_loss_learns_and_the_same_seed_gives_the_same_bytes(
    dataset: DataSet, small: Fitted, loss: LossName
) -> None:
    first = small if loss is LossName.CLASSIFY else fitted_to(dataset, loss=loss)
    assert fitted_to(dataset, loss=loss).archive == first.archive
    assert first.learned.trained.separation > 0.7
    assert first.bundle.manifest.training.loss == loss.value


@pytest.mark.parametrize("metric", [Metric.MAHALANOBIS, Metric.HIGHER])  # cosine tells nothing apart on these parts
def test_every_distance_is_measured_alike_by_training_report_and_device(
    dataset: DataSet, small: Fitted, metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = replace(small.learned, metric=metric)
    monkeypatch.setattr("training.fit.learn", lambda *_: learned)
    fitted = fitted_to(dataset, metric=metric)
    assert fitted.bundle.manifest.metric is metric
    judged = [part for part in judge_all(fitted.inspector, dataset.test) if part.embedding is not None]
    expected = learned.from_good(np.stack([part.embedding for part in judged if part.embedding is not None]))
    assert [part.distance for part in judged] == pytest.approx(expected)
    assert [part.distance for part in fitted.calibration] == pytest.approx(learned.unseen)
    assert fitted.limit.distance == learned.unseen.max()  # of 24 parts the farthest
    findings = found(fitted, dataset)
    assert [ranked.name for ranked in findings.distances if ranked.is_used] == [metric]
    assert metrics_of(findings)["metric"] == metric
    page = report_of(findings)
    assert 'class="circle"' not in page
    assert f"{told(f'distance.{metric}').en} (judges)" in page


def test_a_part_has_no_say_in_the_spread_that_it_is_measured_by(small: Fitted) -> None:
    learned = replace(small.learned, metric=Metric.MAHALANOBIS)
    good = learned.embeddings_good.astype(float)
    for left_out in learned.good.folds:
        others = np.delete(good, left_out, axis=0)
        away = good[left_out] - others.mean(axis=0)
        squared = np.einsum("ni,ij,nj->n", away, np.linalg.inv(ledoit_wolf(others)[0]), away)
        assert learned.unseen[left_out] == pytest.approx(np.sqrt(squared), rel=1e-3)
    assert np.median(learned.unseen) > np.median(learned.from_good(learned.embeddings_good))


def test_another_seed_gives_another_model(dataset: DataSet, small: Fitted) -> None:
    assert fitted_to(dataset, seed=1).archive != small.archive


@pytest.mark.slow
def test_good_only_learns_from_no_picture_of_a_defect(dataset: DataSet) -> None:
    fitted = fitted_to(dataset, is_good_only=True)
    assert fitted.bundle.manifest.labels == ()
    assert fitted.bundle.manifest.training.defect_parts == 0
    verdict = fitted.inspector.inspect(fitted.learned.first).verdict
    assert verdict.nearest_label is None
    page = report_of(found(fitted))
    assert "it was shown no picture of a real defect" in page


@pytest.mark.parametrize("parts", [3, 5])
def test_a_handful_of_good_parts_makes_a_model(dataset: DataSet, parts: int) -> None:
    few = DataSet(root=dataset.root, train=tuple(dataset.train_of("good")[:parts]), test=())
    fitted = fitted_to(few)
    assert fitted.limit.parts == parts
    assert fitted.limit.expected == pytest.approx(1 / (parts + 1))
    assert fitted.limit.guarantee == pytest.approx(2 / (parts + 1))


def test_a_region_is_seen_larger_and_nothing_else_counts(tmp_path: Path, dataset: DataSet) -> None:
    for sample in dataset.train_of("good")[:12]:
        write_picture(tmp_path / "train" / "good" / sample.path.name, cv2.imread(str(sample.path)))
    corners = [[220, 160], [420, 160], [420, 320], [220, 320]]
    (tmp_path / "dataset.yaml").write_text(f"regions:\n  - {corners}\n")
    fitted = fitted_to(open_dataset(tmp_path))
    window = fitted.bundle.manifest.map.window
    assert window is not None
    assert 160 * 200 < window.width * window.height < 640 * 480 / 3
    frame = fitted.learned.first
    judged = fitted.inspector.inspect(frame)

    def with_stain(x: int, y: int) -> Inspection:
        pixels = frame.pixels.copy()
        pixels[y : y + 12, x : x + 12] = 255 - pixels[y : y + 12, x : x + 12]
        return fitted.inspector.inspect(Frame(pixels=pixels))

    assert judged.verdict.outcome is Outcome.OK
    for x, y in ((20, 20), (600, 440)):
        assert with_stain(x, y).verdict == judged.verdict
    for x, y in ((195, 250), (300, 140)):  # within the window
        assert with_stain(x, y).verdict.outcome is Outcome.OK
    assert with_stain(300, 250).verdict.outcome is Outcome.NG
    cut = fitted.inspector.inspect(Frame(pixels=np.ascontiguousarray(frame.pixels[window.pixels])))
    assert cut.verdict.reason is Reason.WRONG_FORMAT  # the station's frame is what it was, and nothing else will do
    shifted = fitted.inspector.inspect(Frame(pixels=Motion(x_px=8, y_px=0, degrees=0).of(frame.pixels)))
    assert shifted.imaging is not None
    assert judged.imaging is not None
    assert shifted.verdict.outcome is not Outcome.FAULT
    assert shifted.imaging.shift_x_percent - judged.imaging.shift_x_percent == pytest.approx(100 * 8 / 640, abs=0.1)
    findings = found(fitted)
    assert metrics_of(findings)["window"] == window.model_dump()
    assert f"{window.width}×{window.height} pixels from ({window.left}, {window.top}) of 640×480" in report_of(findings)


def test_a_dark_picture_among_good_ones_is_left_out(tmp_path: Path, dataset: DataSet) -> None:
    for number, sample in enumerate(dataset.train_of("good")[:12]):
        picture = cv2.imread(str(sample.path))
        write_picture(tmp_path / "train" / "good" / sample.path.name, picture // 3 if number == 4 else picture)
    shown = open_dataset(tmp_path)
    fitted = fitted_to(shown)
    ((odd, why),) = fitted.learned.left_out.items()
    assert odd == shown.train_of("good")[4]
    assert why.startswith("too dark")
    assert metrics_of(found(fitted))["left_out"] == {odd.path.name: why}
    assert fitted.limit.unjudged == 1


def test_no_limit_is_set_where_one_picture_of_every_part_is_refused(tmp_path: Path, dataset: DataSet) -> None:
    shown = []
    for number, sample in enumerate(dataset.train_of("good")[:24]):
        picture, path = cv2.imread(str(sample.path)), tmp_path / sample.path.name
        write_picture(path, picture // 3 if number % 12 == 5 else picture)
        shown.append(replace(sample, path=path, part=f"part {number // 12}"))
    with pytest.raises(TrainingError, match="no limit can be set: none of 2 good parts could be judged"):
        fitted_to(DataSet(root=tmp_path, train=tuple(shown), test=()))


def test_pictures_of_one_part_count_as_one_part(dataset: DataSet) -> None:
    good = dataset.train_of("good")[:8]
    twice = tuple(replace(sample, part=f"part {number // 2}") for number, sample in enumerate(good))
    fitted = fitted_to(DataSet(root=dataset.root, train=twice, test=()))
    assert fitted.limit.parts == 4
    assert fitted.limit.distance >= max(part.distance for part in fitted.calibration)


def test_grey_pictures_make_a_model_without_the_colour_channels(tmp_path: Path, dataset: DataSet) -> None:
    for sample in dataset.train_of("good")[:8]:
        write_picture(
            tmp_path / "train" / "good" / sample.path.name, cv2.imread(str(sample.path), cv2.IMREAD_GRAYSCALE)
        )
    fitted = fitted_to(open_dataset(tmp_path))
    assert not fitted.bundle.manifest.frame.is_colour
    assert not fitted.bundle.manifest.map.is_colour
    assert len(report_of(found(fitted))) > 10_000


def test_pictures_that_have_nothing_in_common_are_refused(tmp_path: Path) -> None:
    for number in range(10):
        noise = np.kron(pixels(number, side=16), np.ones((8, 8, 1), np.uint8))
        write_picture(tmp_path / "train" / "good" / f"{number}.png", noise)
    dataset = open_dataset(tmp_path)
    check_one_format(dataset.train)
    with pytest.raises(TrainingError) as caught:
        fitted_to(dataset)
    assert "\n" not in str(caught.value)


def with_one_misplaced(root: Path, dataset: DataSet) -> DataSet:
    """Twelve good parts, the first of which lies a quarter of the picture to one side."""
    for number, sample in enumerate(dataset.train_of("good")[:12]):
        picture = cv2.imread(str(sample.path))
        if number == 0:
            picture = Motion(x_px=picture.shape[1] / 4, y_px=0, degrees=0).of(picture)
        write_picture(root / "train" / "good" / sample.path.name, picture)
    return open_dataset(root)


def test_an_odd_part_that_a_station_would_refuse_is_told_and_nothing_is_learned_from_it(
    tmp_path: Path, dataset: DataSet
) -> None:
    shown = with_one_misplaced(tmp_path, dataset)
    fitted = fitted_to(shown)
    ((odd, why),) = fitted.learned.left_out.items()
    assert odd == shown.train_of("good")[0] not in fitted.learned.learned_from
    assert "shifted by" in why or "fit 0." in why
    refused, *others = sorted(fitted.calibration, key=lambda part: -part.distance)
    assert refused.sample == odd
    assert refused.verdict.reason is Reason.MISALIGNED
    assert (fitted.limit.parts, fitted.limit.unjudged) == (12, 1)
    assert fitted.limit.distance == others[0].distance
    without_it = fitted_to(DataSet(root=shown.root, train=shown.train[1:], test=()))
    assert np.median(fitted.learned.good.maps) < 1.5 * np.median(without_it.learned.good.maps)
    assert "1 of these 12 good parts cannot be judged" in report_of(found(fitted))


@pytest.mark.parametrize(("parts", "is_widened"), [(3, True), (29, True), (30, False)])
def test_the_map_limit_of_few_parts_leaves_room_for_disturbed_copies(parts: int, is_widened: bool) -> None:
    maps = np.full((parts, 4, 4), 40, np.uint8)
    disturbed = np.stack([np.full((4, 4), level, np.uint8) for level in (20, 60) * 30])
    good = cast("GoodParts", SimpleNamespace(maps=maps, disturbed=disturbed))
    assert (map_mean_limit(good) > 60) is is_widened
    assert map_mean_limit(good) <= 250


@pytest.mark.parametrize(
    "bound", ["training.cell_examples.PLAIN_CHANGE_LEVELS", "training.maps.SMALLEST_VISIBLE_LEVELS"]
)
def test_no_model_comes_of_pictures_on_which_no_made_up_defect_is_plain_or_none_of_these_raises_the_map(
    dataset: DataSet, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(bound, 1000.0)
    with pytest.raises(TrainingError, match="most synthetic defects cannot be seen"):
        fitted_to(dataset)
