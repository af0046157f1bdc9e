"""Reports of runs, sweeps and several runs."""

import json
import math

import pytest

from runner.analysis.report import comparison
from runner.analysis.report import run as of_run
from runner.analysis.report.document import Code, Picture
from runner.analysis.report.make import report_of
from tests.analysis.conftest import Maker
from tests.analysis.report.conftest import HOSTILE, write_sweep
from tests.analysis.report.test_ablation import points, tables
from tests.analysis.test_compared import A, B


def test_each_folder_gets_its_kind(run, sweep, ablation, tmp_path):
    kinds = [report_of([str(folder)]).kind for folder in (run, sweep, ablation, sweep / "trials")]
    assert kinds == ["Run", "Sweep", "Ablation", "Comparison"]
    assert report_of([str(run), str(sweep)]).kind == "Comparison"


def test_a_run(base):
    made, result = of_run.report(base), json.loads((base / "result.json").read_text())
    assert made.question == "How good is model=mlp data=iris optimizer=adam?"
    assert made.answer[0].text.startswith(f"val/loss {result['best_value']:.4f} (less is better) at epoch 1 of 1")
    scores = {row[0].text: [cell.key for cell in row[1:]] for row in tables(made)["Scores of the best epoch"].rows}
    for name in ("loss", "accuracy"):
        assert scores[name] == [result[part][name] for part in ("train", "val", "test")]
    evaluation = json.loads((base / "evaluation/evaluation.json").read_text())
    matrix = tables(made)["Confusion matrix: a row for each true class, a column for each that was predicted"]
    assert [[cell.key for cell in row[1:]] for row in matrix.rows] == evaluation["confusion"]["counts"]
    titles = [section.title for section in made.sections]
    assert {"Checklist", "Caveats", "Epochs", "Configuration", "How to reproduce"} <= set(titles)
    assert any("One run" in point for point in points(made))
    (reproduce,) = [section for section in made.sections if section.title == "How to reproduce"]
    assert f"python -m runner rerun {base}" in reproduce.blocks[0].text
    versions = {row[0].text: row[1].text for row in tables(made)["Versions"].rows}
    assert versions == json.loads((base / "manifest.json").read_text())["packages"]


@pytest.mark.parametrize("name", ["manifest.json", "result.json", "config.yaml", "evaluation/evaluation.json"])
@pytest.mark.parametrize(
    "content", ["", "[1]", '{"a": ', '{"confusion": 3, "files": 7, "per_class": [1], "status": 4}']
)
def test_a_damaged_run(run, name, content):
    (run / "evaluation").mkdir(exist_ok=True)
    (run / name).write_text(content)
    assert report_of([str(run)]).answer


def test_pictures_are_png_or_not_there(run):
    (run / "evaluation").mkdir()
    files = ["roc.png", "calibration.png", "../roc.png", "per_class.png", "residuals.png"]
    (run / "evaluation/evaluation.json").write_text(json.dumps({"part": "test", "files": files}))
    (run / "evaluation/roc.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
    (run / "evaluation/calibration.png").write_text("<svg onload=boom()>")
    (run / "evaluation/per_class.png").mkdir()
    made = report_of([str(run)])
    pictures = [b.name for section in made.sections for b in section.blocks if isinstance(b, Picture)]
    assert [name for name in pictures if name != "learning_curves"] == ["roc"]


def test_a_sweep(sweep):
    made = report_of([str(sweep)])
    assert made.question == "Which optimizer.lr, model is best by val/loss?"
    assert made.answer[0].text == "optimizer.lr=1 model=mlp is best: val/loss 0.1000."
    assert made.answer[1].text.endswith("once: accuracy 0.7500.")
    assert made.answer[2].mark == "warning"
    assert "flatters it" in made.answer[2].text
    assert f"python -m runner sweeps {sweep} --confirm 5" in made.answer[2].text
    best = tables(made)["The best 10 of 11 completed points"]
    values = [row[1].key for row in best.rows]
    assert values == sorted(values)
    trials = tables(made)["Every trial"]
    assert len(trials.rows) == 12
    assert [row[1].text for row in trials.rows] == ["completed"] * 11 + ["failed"]
    assert [row[3].key for row in trials.rows] == [pytest.approx(10 ** (-i / 3)) for i in range(12)]
    shares = [row[1].key for row in tables(made)["Importance for val/loss"].rows]
    assert math.isclose(sum(shares), 1)
    assert "12 trials: 11 completed, 1 failed." in points(made)
    causes = [row[2].text for row in tables(made)["Why they ended"].rows]
    assert causes == [f"diverged {HOSTILE}"]
    (code,) = [b for s in made.sections if s.title == "How to reproduce" for b in s.blocks[:1] if isinstance(b, Code)]
    assert code.text.startswith("python -m runner --multirun hydra/sweeper=random 'optimizer.lr=interval(1e-4,1)'")


def test_a_sweep_that_was_confirmed(sweep):
    spread = {"mean": 0.12, "low": 0.11, "high": 0.13, "deviation": 0.008, "n": 5}
    judged = {"verdict": "better", "difference": -0.03, "low": -0.05, "high": -0.01, "p_holm": 0.02, "n": 5}
    judged |= {"confidence": 0.95, "scores": {"mean": 0.75}, "baseline_scores": {"mean": 0.78}}
    winner = {
        "overrides": ["optimizer.lr=1", f"model={HOSTILE}"],
        "confirmed": {"val/loss": {"found": 0.1, "fresh": spread, "overstated": 0.02}},
        "scores": {"val/loss": spread, "test/loss": {"mean": 0.75}},
        "searched": {"val/loss": {"mean": 0.1}},
        "compared_by": {"val/loss": "test/loss"},
        "comparison": {"val/loss": judged},
    }
    record = {"winners": [winner, 7], "default": {"scores": {"val/loss": {"mean": 0.15}}}}
    (sweep / "confirmation.json").write_text(json.dumps(record))
    made, name = report_of([str(sweep)]), f"optimizer.lr=1 model={HOSTILE}"
    fresh, compared = made.answer[2:]
    assert fresh.text == (
        f"On 5 fresh seeds, {name} has val/loss 0.1200 ± 0.01; the search said 0.1000, and flattered it by 0.02."
    )
    assert compared.mark == "better"
    assert compared.text.startswith(f"By test/loss: {name} is better than the default configuration: 0.7500 and 0.7800")
    rows = [[cell.text for cell in row] for row in tables(made)["The winner, run again"].rows]
    assert rows[0] == [name, "val/loss", "0.1000", "0.1200 ± 0.01", "0.008", "5", "-", "-", "-"]
    assert rows[1][6:] == ["-0.030 (-0.050 to -0.010)", "0.02", "better"]
    assert rows[2][-1] == "baseline"
    for damaged in ("", "[]", "{", '{"winners": 3}', '{"winners": [{"confirmed": {"a": 3}, "scores": 4}]}'):
        (sweep / "confirmation.json").write_text(damaged)
        assert report_of([str(sweep)]).answer[-1].mark == "warning"


def test_a_sweep_with_two_objectives_and_one_without_trials(base, tmp_path):
    two = report_of([str(write_sweep(base, tmp_path / "two", objectives=("val/loss", "val/accuracy")))])
    assert two.about.startswith("Searched by random; less val/loss and more val/accuracy is better")
    assert two.answer[0].text == "11 of 11 points are not beaten by any other one in all objectives."
    none = report_of([str(write_sweep(base, tmp_path / "none", count=0))])
    assert none.answer[0].text == "No point has completed yet: nothing is best."
    odd = write_sweep(base, tmp_path / "odd", space={"optimizer.lr": 3, "model": {"kind": []}})
    assert report_of([str(odd)]).answer


def test_several_runs(base, tmp_path):
    make = Maker(base)
    for number, values in enumerate((A, B)):
        for seed, value in enumerate(values):
            make(tmp_path / f"runs/{number}-{seed}", best=value, seed=seed, optimizer__lr=0.1 * (number + 1))
    made = comparison.report([str(tmp_path / "runs")])
    assert made.question == "Which of 2 configurations is best?"
    assert [point.mark for point in made.answer] == ["", "better"]
    assert made.answer[1].text.startswith("optimizer.lr=0.2 is better than optimizer.lr=0.1:")
    table = tables(made)["A line for each configuration, the best first"]
    assert [row[0].key for row in table.rows] == [0.2, 0.1]
    assert table.numeric[0]
    one = comparison.report([str(tmp_path / "runs/0-0"), str(tmp_path / "runs/0-1")])
    assert one.answer[0].text.startswith("One configuration: val/loss")


def test_a_variant_stands_beside_its_parent(base, tmp_path):
    result = json.loads((base / "result.json").read_text())
    before = {**result["test"], "loss": 0.25}
    about = {"parent": {"test": before, "bytes": 4000, "parameters": 10}, "bytes": 1000, "parameters": 10}
    about["difference"] = {"largest": 0.5, "mean": 0.125, "relative": 0.1}
    manifest = {"parent": {"path": "outputs/runs/cnn", "checkpoint": "best.pt"}}
    done = {"verb": "quantize", "method": "static"}
    made = of_run.report(Maker(base)(tmp_path / "v", variant=done, manifest=manifest, result=about))
    assert made.question.endswith("after quantize static?")
    after = result["test"]["loss"]
    scores = {row[0].text: [cell.key for cell in row[1:3]] for row in tables(made)["Scores on the same examples"].rows}
    assert scores["test/loss"] == [0.25, after]
    facts = {row[0].text: row[1].text for row in tables(made)["Made of another network"].rows}
    assert facts["parent"] == "outputs/runs/cnn" and facts["largest difference of outputs"] == "0.5"
    size = {row[0].text: row[3].key for row in tables(made)["Size"].rows}
    assert size == {"bytes": 4.0, "parameters": 1.0}
    assert any("4.00 times smaller" in point.text for point in made.answer)
    (reproduce,) = [section for section in made.sections if section.title == "How to reproduce"]
    assert "rerun" not in reproduce.blocks[0].text
    assert "Beside its parent" not in [section.title for section in of_run.report(base).sections]
