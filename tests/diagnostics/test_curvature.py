"""Noise of the gradient and curvature of the loss, against closed formulas."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from runner.diagnostics.gradient_noise_scale import GradientNoiseScale, noise_and_gradient
from runner.diagnostics.sharpness import Sharpness, extreme_eigenvalues


def test_noise_and_gradient_are_unbiased():
    generator = torch.Generator().manual_seed(0)
    true, sigma, batch, repeats = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([1.0, 2.0, 3.0]), 4, 4000
    estimates = []
    for _ in range(repeats):
        each = true + sigma * torch.randn(8, batch, 3, generator=generator)
        estimates.append(noise_and_gradient(each.mean(1).unbind(), batch))
    noise, square = torch.stack(estimates).mean(0)
    assert noise == pytest.approx(14.0, rel=0.03)
    assert square == pytest.approx(5.25, rel=0.03)


def test_noise_scale_of_a_linear_model(fit):
    # gradients of sum(w x) are the inputs themselves: mean m and variance s² per entry
    generator = torch.Generator().manual_seed(0)
    inputs = 0.5 + 2.0 * torch.randn(4096, 1, generator=generator)
    model = nn.Linear(1, 1, bias=False)
    technique = GradientNoiseScale(batches=256, batch=16, factor=2.0)
    parts = fit(model, inputs, torch.zeros(4096), batch=512, loss=lambda outputs, batch: outputs.mean())
    technique.setup(parts)
    scores = technique.epoch_scores({})
    assert scores["gradient_noise_scale"] == pytest.approx(4.0 / 0.25, rel=0.3)
    (sentence,) = technique.advice()
    assert "an update has 512; a smaller data.batch_size" in sentence
    assert model.weight.grad is None


@pytest.mark.parametrize("ends", [(-8.5, 5.02), (0.5, 7.0), (-3.0, -1.0), (2.0, 2.0)])
def test_extreme_eigenvalues_of_a_quadratic(ends):
    """Also where the end that is larger in size is the negative one, and where all are alike."""
    torch.manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    matrix = basis @ torch.linspace(*ends, 6, dtype=torch.float64).diag() @ basis.T
    w, v = torch.randn(2, dtype=torch.float64).requires_grad_(), torch.randn(4, dtype=torch.float64).requires_grad_()
    loss = lambda: 0.5 * torch.cat([w, v]) @ matrix @ torch.cat([w, v])  # noqa: E731
    torch.testing.assert_close(extreme_eigenvalues(loss, [w, v], 300), torch.tensor(ends, dtype=torch.float64))


@pytest.mark.parametrize("seed", range(4))
def test_extreme_eigenvalues_are_those_of_the_whole_hessian_of_a_network(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    with torch.no_grad():  # away from a minimum, so that the spectrum has two ends
        for p in model.parameters():
            p.mul_(2)
    x, y = torch.randn(20, 4), torch.randint(3, (20,))
    parameters = dict(model.named_parameters())
    shapes = [p.shape for p in parameters.values()]

    def loss(flat):
        parts = [p.view(s) for p, s in zip(flat.split([s.numel() for s in shapes]), shapes, strict=True)]
        outputs = torch.func.functional_call(model, dict(zip(parameters, parts, strict=True)), (x,))
        return nn.functional.cross_entropy(outputs, y)

    whole = torch.autograd.functional.hessian(loss, torch.cat([p.detach().flatten() for p in parameters.values()]))
    expected = torch.linalg.eigvalsh(whole.double())[[0, -1]]
    assert expected[0] < -0.05 < 0.5 < expected[1]
    found = extreme_eigenvalues(lambda: nn.functional.cross_entropy(model(x), y), list(model.parameters()), 60)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    fewer = extreme_eigenvalues(lambda: nn.functional.cross_entropy(model(x), y), list(model.parameters()), 20)
    assert expected[0] - 1e-4 <= fewer[0] and fewer[1] == pytest.approx(float(expected[1]), rel=1e-3)


def test_sharpness_of_least_squares(fit):
    # loss mean (x w)²: the Hessian is 2 XᵀX / n
    torch.manual_seed(1)
    inputs = torch.randn(64, 3)
    model = nn.Linear(3, 1, bias=False)
    technique = Sharpness(iterations=200)
    parts = fit(model, inputs, torch.zeros(64), loss=lambda outputs, batch: outputs.square().mean())
    technique.setup(parts)
    smallest, _, expected = torch.linalg.eigvalsh(2 * inputs.T @ inputs / 64).tolist()
    scores = {"sharpness": pytest.approx(expected, rel=1e-4), "sharpness_min": pytest.approx(smallest, rel=1e-4)}
    assert technique.epoch_scores({}) == scores
    assert technique.advice() == []
    parts.optimizer.param_groups[0]["lr"] = 5.0 / expected
    assert "lower optimizer.lr" in technique.advice()[0]


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_in_a_run(go, model):
    common = [f"model={model}", "trainer.limit_batches=3", "trainer.max_epochs=2", "diagnostics.sharpness.every=2"]
    go(*common, "diagnostics=[sharpness,gradient_noise_scale]", "diagnostics.sharpness.iterations=3")
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert ["sharpness" in row for row in rows] == [False, True]
    assert rows[1]["sharpness"] > rows[1]["sharpness_min"]


def test_the_minimum_that_a_run_ends_in_is_looked_at(go):
    """Whatever `every` says, and also where updates end the run in the middle of an epoch."""
    for limit in ("trainer.max_epochs=3", "trainer.max_steps=7"):
        go("diagnostics=[sharpness]", "diagnostics.sharpness.every=100", "trainer.limit_batches=3", limit, folder=limit)
        rows = [json.loads(line) for line in Path(limit, "metrics.jsonl").read_text().splitlines()]
        assert ["sharpness" in row for row in rows] == [False, False, True]
