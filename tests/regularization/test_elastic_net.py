import pytest
import torch
from torch import nn

from runner.errors import ConfigError
from runner.regularization.elastic_net import ElasticNet


def test_value_and_gradient(fit):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).double()
    technique = ElasticNet(l1=0.5, l2=0.25)
    technique.setup(fit(model=model))
    penalty = technique.penalty()
    penalty.backward()
    weights = [model[0].weight, model[2].weight]
    expected = sum(0.5 * abs(w) + 0.25 * w**2 for weight in weights for w in weight.flatten().tolist())
    assert penalty.item() == pytest.approx(expected, rel=1e-12)
    for weight in weights:
        torch.testing.assert_close(weight.grad, 0.5 * weight.detach().sign() + 0.5 * weight.detach())
    assert {n for n, p in model.named_parameters() if p.grad is not None} == {"0.weight", "2.weight"}


@pytest.mark.parametrize("other", ["l1", "l2"])
def test_its_parts_are_refused_beside_it(go, other):
    with pytest.raises(ConfigError, match=f"elastic_net can't be combined with {other}"):
        go(f"regularization=[elastic_net,{other}]")
