"""Maps lie on the object whose place is known, are captum's, and say something of what was learnt."""

import copy

import numpy as np
import pytest
import torch
from captum import attr
from torch.nn import functional as F

from runner.config.recipe import Recipe
from runner.explain import method_named
from runner.explain.base import Attribution
from runner.explain.check.randomization import HIGH, mean_of, rank_correlation
from runner.explain.subject.explained import Explained
from runner.run.assembly import load_data

SHOWN = 24


@pytest.fixture(scope="session")
def scene(cnn_run):
    """The network, its data, the first test images as cases, and where their digits are ``(N, H, W)``."""
    from runner.run import load

    network = load(cnn_run)
    data = load_data(network.recipe)
    values = copy.deepcopy(network.recipe.values)
    values["data"]["task"] = "segmentation"  # the same images, with the pixels of each digit as targets
    masks = Recipe(values).data.load().test.read(torch.arange(SHOWN))
    examples = data.test.read(torch.arange(SHOWN))
    assert torch.equal(masks.inputs, examples.inputs)
    explained = Explained(network)
    cases = [explained.case(data.test.read(torch.tensor([i])), f"test {i}") for i in range(SHOWN)]
    right = torch.tensor([case.target for case in cases]) == examples.targets.argmax(1)
    assert right.float().mean() > 0.7
    return explained, data, cases, boxes(masks.targets > 0)


def boxes(ink):
    """The least rectangle around the ink of each image, filled ``(N, H, W)``."""
    down, across = ink.any(2), ink.any(1)
    filled = [a.cumsum(1).bool() & a.flip(1).cumsum(1).flip(1).bool() for a in (down, across)]
    return filled[0][:, :, None] & filled[1][:, None, :]


def method(name, scene, layer=None):
    made = method_named(name)(scene[0], layer, lambda: scene[1])
    if name == "grad_cam" and layer is None:
        made.layer = "conv2"
    return made


def mass(maps, there):
    """The share of a map's absolute mass that lies on the object, in the mean, and that of a flat map."""
    shares = [float(m.abs()[b].sum() / m.abs().sum()) for m, b in zip(maps, there) if m.abs().sum() > 0]
    assert len(shares) > 0.8 * len(maps)
    return np.mean(shares), float(there.float().mean())


@pytest.mark.parametrize(
    ("name", "times"),
    [("grad_cam", 3), ("integrated_gradients", 3), ("saliency", 2.5), ("occlusion", 2), ("shap", 3), ("lime", 2)],
)
def test_the_mass_of_a_map_lies_on_the_object(scene, name, times):
    made = method(name, scene)
    cases = scene[2] if made.gradient else scene[2][: 4 if name == "lime" else 8]
    maps = [made.shares(case)[0] for case in cases]
    on_object, chance = mass(maps, scene[3][: len(maps)])
    assert on_object > times * chance, (on_object, chance)
    print(f"{name}: {on_object:.3f} of the mass on {chance:.3f} of the pixels")


def test_the_last_convolution_with_several_positions_is_weighed(cnn):
    explained = Explained(cnn)
    case = explained.case(load_data(cnn.recipe).test.read(torch.tensor([0])), "test 0")
    sizes = {}
    layers = {name: m for name, m in explained.model.named_modules() if isinstance(m, torch.nn.Conv2d)}
    hooks = [
        m.register_forward_hook(lambda _, __, given, name=name: sizes.update({name: given[0, 0].numel()}))
        for name, m in layers.items()
    ]
    explained.model(case.inputs)
    for hook in hooks:
        hook.remove()
    made = method_named("grad_cam")(explained, None, None)
    made.explain([case], lambda *_: None)
    assert len(sizes) > 1
    assert made.layer == [name for name, size in sizes.items() if size > 1][-1]


def test_they_are_captums(scene):
    explained, _, cases, _ = scene
    model, case = explained.model, cases[0]
    x, target = case.inputs, case.target
    cam = attr.LayerGradCam(model, model.conv2).attribute(x, target).relu()
    by_hand = F.interpolate(cam, x.shape[2:], mode="bilinear")[0, 0]
    assert torch.allclose(method("grad_cam", scene).shares(case)[0], by_hand, atol=1e-6)
    by_hand, delta = attr.IntegratedGradients(model).attribute(
        x, torch.zeros_like(x), target, n_steps=128, return_convergence_delta=True
    )
    shares, base = method("integrated_gradients", scene).shares(case)
    assert torch.allclose(shares, by_hand[0, 0], atol=1e-4)
    assert float(shares.sum()) - (case.value - base) == pytest.approx(float(delta), abs=1e-4)
    assert torch.allclose(
        method("saliency", scene).shares(case)[0],
        attr.Saliency(model).attribute(x.clone().requires_grad_(), target)[0, 0],
    )
    by_hand = attr.Occlusion(model).attribute(x, (1, 6, 6), (1, 3, 3), 0, target)[0, 0]
    assert torch.allclose(method("occlusion", scene).shares(case)[0], by_hand, atol=1e-5)


def test_the_network_is_left_as_it_is(cnn):
    before = {name: tensor.clone() for name, tensor in cnn.model.state_dict().items()}
    data = load_data(cnn.recipe)
    explained = Explained(cnn)
    case = explained.case(data.test.read(torch.tensor([0])), "test 0")
    for name in ("saliency", "integrated_gradients", "occlusion"):
        method_named(name)(explained, None, lambda: data).explain([case], lambda *_: None)
    assert all(torch.equal(tensor, before[name]) for name, tensor in cnn.model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in cnn.model.parameters())
    assert not any(module.training or module._forward_hooks for module in cnn.model.modules())


class Edges(Attribution):
    """A map that asks the network nothing: where neighbours differ."""

    gradient = True

    def attribute(self, case):
        x = case.inputs
        return F.pad(x.diff(dim=2).abs(), (0, 0, 0, 1)) + F.pad(x.diff(dim=3).abs(), (0, 1)), None


def checked(made, cases):
    explanation = made.explain(cases, lambda *_: None)
    return explanation.facts["checks"]["rank_correlation_with_untrained"], explanation.said[-1]


def test_the_sanity_check_finds_a_map_that_says_nothing_of_the_network(scene):
    correlation, said = checked(Edges(scene[0], None, lambda: scene[1]), scene[2][:4])
    assert correlation == 1
    assert "high (above 0.5)" in said
    correlation, said = checked(method("grad_cam", scene), scene[2][:4])
    assert correlation < HIGH
    assert "high" not in said


def test_rank_correlation_is_that_of_absolute_values():
    from scipy.stats import spearmanr

    a, b = torch.randn(5, 5), torch.randn(5, 5)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a.abs().flatten(), b.abs().flatten()).statistic)
    assert rank_correlation(a, -2 * a) == pytest.approx(1)
    assert np.isnan(rank_correlation(a, torch.zeros(5, 5)))
    assert mean_of([float("nan"), 0.5]) == 0.5
    assert mean_of([float("nan")]) is None


def test_shapley_values_of_pixels_nearly_sum_to_the_difference_from_the_base_value(scene):
    explanation = method("shap", scene).explain(scene[2][:3], lambda *_: None)
    others = scene[1].train.sample(32, 0).inputs
    for row, case in zip(explanation.facts["examples"], scene[2]):
        with torch.no_grad():
            assert row["base_value"] == pytest.approx(float(scene[0].model(others)[:, case.target].mean()), abs=1e-4)
        assert row["completeness_error"] == pytest.approx(row["sum"] - (row["value"] - row["base_value"]), abs=1e-4)
    assert explanation.facts["checks"]["completeness_error"] < 0.15
