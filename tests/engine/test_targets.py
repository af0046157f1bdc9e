"""Targets of another form than the data say are told of before a run, each as a person would have them wrong."""

import re

import pytest
import torch

from runner.engine.spec import IGNORED, Field, Spec
from runner.engine.targets import misfit
from runner.errors import ConfigError
from runner.task.classification import Classification
from runner.task.regression import Regression
from tests.batches import batch_of

BOX = [1.0, 2.0, 3.0, 8.0, 9.0]
GOOD = [
    (Field("class", (), 3), torch.tensor([0, 2])),
    (Field("class", None, None), torch.tensor([0, 7])),
    (Field("class", (), 3), torch.tensor([0, IGNORED])),
    (Field("labels", (3,), 3), torch.tensor([[0.0, 1, 1], [0, 0, 0]])),
    (Field("values", (2,)), torch.randn(4, 2)),
    (Field("values", (5, 2)), torch.randn(4, 5, 2)),
    (Field("mask", (4, 4), 2), torch.ones(2, 4, 4).long()),
    (Field("mask", None, 2), torch.full((2, 4, 4), IGNORED)),
    (Field("boxes", (None, 5), 2), torch.tensor([[BOX, [-1.0, 0, 0, 0, 0]]])),
    (Field("tokens", (None,), 9), torch.tensor([[8, IGNORED]])),
]
BAD = [
    (Field("class", (), 3), torch.tensor([0, 3]), r"hold 3 as a class. Expected 0 to 2"),
    (Field("class", (), 3), torch.tensor([0, -1]), r"hold -1 as a class"),
    (Field("class", (), 3), torch.tensor([0.0, 1.0]), r"are torch.float32. Expected integers"),
    (Field("class", (), 3), torch.tensor([[0], [1]]), r"have shape \(2, 1\). Expected \(N\)"),
    (Field("class", None, 3), torch.tensor([[0.0, 1, 0]]), r"have shape \(1, 3\). Expected \(N\)"),
    (Field("labels", (3,), 3), torch.tensor([[0, 2, 1]]), r"hold 2 as a label. Expected 0 or 1"),
    (Field("labels", (3,), 3), torch.tensor([[0, 1]]), r"have shape \(1, 2\). Expected \(N, 3\)"),
    (Field("values", (1,)), torch.randn(4), r"have shape \(4,\). Expected \(N, 1\)"),
    (Field("values", (1,)), torch.ones(4, 1).long(), r"are torch.int64. Expected torch.float32"),
    (Field("mask", (4, 4), 2), torch.ones(2, 1, 4, 4).long(), r"Expected \(N, 4, 4\)"),
    (Field("mask", None, 2), torch.full((2, 4, 4), 255), r"hold 255 as a class. Expected 0 to 1"),
    (Field("boxes", (None, 5), 1), torch.tensor([[BOX]]), r"hold 1 as a class. Expected -2 to 0"),
    (Field("boxes", None, 2), torch.zeros(2, 1, 4), r"Expected 5 numbers a box"),
    (Field("boxes", None, 2), torch.tensor([[[1.0, 8, 2, 3, 9]]]), r"ends before it begins"),
    (Field("tokens", (None,), 9), torch.tensor([[9]]), r"hold 9 as a token"),
]


@pytest.mark.parametrize(("field", "targets"), GOOD, ids=lambda part: getattr(part, "kind", ""))
def test_what_fits_is_fine(field, targets):
    assert misfit(field, targets) is None


@pytest.mark.parametrize(("field", "targets", "said"), BAD, ids=lambda part: getattr(part, "kind", ""))
def test_what_does_not_is_told(field, targets, said):
    problem = misfit(field, targets)
    assert problem is not None
    assert re.search(said, problem), problem


def test_a_task_refuses_targets_of_another_kind_and_of_another_form():
    values = Spec("classification", targets=Field("values", (1,)), num_outputs=3)
    with pytest.raises(ConfigError, match=r"kind 'values', and are for classification. Expected the kind 'class'"):
        Classification(values).check_targets(batch_of(torch.zeros(2, 1)))
    with pytest.raises(ConfigError, match=r"kind 'values', and these have shape \(2,\)"):
        Regression(Spec.regression((4,))).check_targets(batch_of(torch.zeros(2)))
    with pytest.raises(ConfigError, match="say nothing of their targets"):
        Regression(Spec("regression")).check_targets(batch_of(torch.zeros(2)))
    Classification(Spec.classification((4,), 3)).check_targets(batch_of(torch.tensor([0, 2])))


def test_a_metric_that_fails_is_named_before_the_run(go, monkeypatch, tmp_path):
    from runner.metric.accuracy import Accuracy

    monkeypatch.setattr(Accuracy, "compute", lambda self, total: total[0] + total[999])
    with pytest.raises(ConfigError, match=r"metric \(runner.metric.accuracy.Accuracy\): fails on predictions of shape"):
        go("data=iris", "trainer.max_epochs=1", "trainer.images=0")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("long() + 3", "hold 5 as a class. Expected 0 to 2"),
        ("float()", "are torch.float32"),
        ("unsqueeze(1)", r"have shape \(2, 1\)"),
    ],
)
def test_data_that_give_other_targets_than_they_say_are_refused(change, said, go, tmp_path, monkeypatch):
    (tmp_path / "mine/data").mkdir(parents=True)
    (tmp_path / "mine/data/other.yaml").write_text("# Mine.\n_target_: my_models.Other\nbatch_size: 32\n")
    (tmp_path / "my_models.py").write_text(
        "from dataclasses import dataclass, replace\nfrom runner.data.iris import Iris\n\n\n@dataclass(kw_only=True)\n"
        "class Other(Iris):\n    def load(self):\n        data = super().load()\n"
        "        parts = {n: replace(p, targets=p.targets.sort(descending=True).values."
        f"{change}) for n, p in data.parts.items()}}\n"
        "        return replace(data, parts=parts)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    from runner.run import compose, run

    words = ["data=other", "trusted_targets=[my_models]", "trainer.max_epochs=1", "trainer.images=0"]
    with pytest.raises(ConfigError, match=f"data: they say that their targets are of kind 'class', and these {said}"):
        run(compose(words, "mine"), tmp_path / "run")
