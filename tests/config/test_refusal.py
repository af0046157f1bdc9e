"""Which argument is named when a constructor refuses its values."""

from functools import partial

import pytest
import torch

from runner.config.refusal import culprit, refusal

WEIGHT = [torch.zeros(2, 2, requires_grad=True)]


@pytest.mark.parametrize(
    ("target", "arguments", "named"),
    [
        ("SGD", {"lr": -1.0, "momentum": 0.9, "weight_decay": 0.0}, "lr"),
        ("SGD", {"lr": 0.1, "momentum": -1.0}, "momentum"),
        ("Adam", {"lr": 0.1, "betas": (0.9, 1.5), "weight_decay": 1.5}, "betas"),
        ("Adam", {"lr": -1.0, "eps": -1.0, "weight_decay": -1.0}, "lr"),  # the first that is looked at
        ("SGD", {"lr": 0.1, "momentum": 0.0, "nesterov": True}, None),  # either could be changed
        ("Adam", {"lr": 0.1, "foreach": True, "fused": True}, None),
    ],
)
def test_the_argument_that_is_refused_alone(target, arguments, named):
    call = partial(getattr(torch.optim, target), WEIGHT)
    with pytest.raises((ValueError, RuntimeError)) as error:
        call(**arguments)
    assert culprit(call, arguments, error.value) == named


def square(side: int, label: str = "", depth: int = 3, width: int = 3) -> None:
    if depth < 3:
        raise ValueError("too shallow: 2")
    if width * side > 10:
        raise ValueError("too many: 3")
    if label == "bad":
        raise ValueError(f"label {side} 2")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"side": 1, "depth": 2, "width": 2}, "model.depth=2: x.square refuses it: too shallow: 2."),
        ({"side": 1, "label": "2", "depth": 2}, "model.depth=2: x.square refuses it: too shallow: 2."),
        ({"side": 5, "label": "3"}, "model.side=5: x.square refuses it: too many: 3."),
        ({"side": 3, "width": 4}, "model.width=4: x.square refuses it: too many: 3."),
        ({"side": 2, "label": "bad", "width": 2}, "model.label=bad: x.square refuses it: label 2 2."),
    ],
)
def test_values_that_a_message_happens_to_end_in_are_not_blamed(arguments, said):
    with pytest.raises(ValueError, match=" ") as error:
        square(**arguments)
    assert str(refusal(square, arguments, {"_target_": "x.square", **arguments}, "model", error.value)) == said


def test_arguments_for_other_training_loops_are_refused_where_they_are_of_no_use():
    from runner.config.build import _check_steps
    from runner.errors import ConfigError

    _check_steps({"capturable": True, "differentiable": False}, "cuda")
    for values, device in (({"capturable": True}, "cpu"), ({"differentiable": True}, "cuda")):
        with pytest.raises(ConfigError, match=r"=true: is for .* Leave it out"):
            _check_steps(values, device)
