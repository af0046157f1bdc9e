"""Metrics by name: every one has an option; what does not fit is refused; they can be monitored, swept and kept."""

import pytest
import yaml

from runner.cli.verbs import answer
from runner.config.options import CONF, Options
from runner.errors import ConfigError
from runner.metric import all_metrics
from runner.run import evaluate_run, resume

TINY = ("model.hidden=[4]", "trainer.max_epochs=1", "trainer.limit_batches=4", "trainer.images=0")


def test_every_metric_has_an_option_of_its_name():
    assert {*all_metrics(), "none"} == set(Options().names("metric"))
    for name, metric in all_metrics().items():
        node = yaml.safe_load((CONF / "metric" / f"{name}.yaml").read_text())[name]
        assert node["_target_"] == f"{metric.__module__}.{metric.__qualname__}"


def test_what_is_asked_for_is_reported_monitored_and_kept(go):
    result = go(*TINY, "metric=[top_k,auroc]", "metric.top_k.k=3", "monitor=val/top_k")
    assert result["monitor"] == "val/top_k"
    assert {"accuracy", "top_k", "auroc"} <= result["val"].keys()
    assert evaluate_run("run", "val")["auroc"] == pytest.approx(result["val"]["auroc"])
    again = resume("run", ["trainer.max_epochs=2"])
    assert {"top_k", "auroc"} <= again["val"].keys()


def test_an_argument_replaces_that_of_the_metric_that_is_reported_anyway(go):
    result = go(*TINY, "metric=[f1]", "metric.f1.average=micro")
    assert result["val"]["f1"] == pytest.approx(result["val"]["accuracy"])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("metric=[topk]",), "Did you mean 'top_k'"),
        (("metric=top_k,",), "top_k"),
        (("data=diabetes", "metric=[auroc]"), "metric=auroc: is for .* these data are for regression.*mae, r2, rmse"),
        (("metric=[rmse]",), "metric=rmse: is for .* these data are for classification"),
        (("metric=[top_k]", "metric.top_k.k=0"), r"metric\.top_k\.k=0: expected an integer of at least 1"),
        (("metric=[top_k]", "metric.top_k.k=10"), r"metric\.top_k\.k=10: with 10 classes"),
        (("metric.top_k.k=2",), r"top_k is not selected.*metric=\[top_k\]"),
        (("metric=[f1]", "metric.f1.average=binary"), "metric.f1.average=binary: expected"),
        (("monitor=val/auroc",), "monitor=val/auroc: no such score"),
        (("+metric.mine._target_=runner.metric.f1.F1",), r"metric\.mine: .* named 'f1'|no option 'mine'"),
    ],
)
def test_what_can_not_be_is_refused(overrides, said, go):
    with pytest.raises(ConfigError, match=said):
        go(*TINY, *overrides)


@pytest.mark.slow
def test_sweeps_search_by_them(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    words = ["--multirun", "metric=[ece]", "monitor=val/ece", "metric.ece.bins=5,10", *TINY, "trainer.threads=1"]
    words += ["hydra.sweeper.plots=false"]
    assert answer(words) == 0, capfd.readouterr().err
    (table,) = tmp_path.glob("outputs/sweeps/*/trials.csv")
    assert "metric.ece.bins" in table.read_text()
