"""gcn against the dense matrices of the paper's equation 2."""

import pytest
import torch
from torch import nn

from runner.engine.spec import Field, Spec
from runner.model.gcn import GCN, normalized

N, F = 9, 5
EDGES = torch.tensor([[0, 1, 1, 2, 3, 0, 5, 6], [1, 0, 2, 1, 0, 3, 6, 5]])  # 4, 7 and 8 have no neighbour
SPEC = Spec("nodes", Field("graph", (F,)), Field("class", (), 3), num_outputs=3)


def matrix():
    adjacency = torch.eye(N, dtype=torch.float64)
    adjacency[EDGES[1], EDGES[0]] = 1
    scale = adjacency.sum(1).diag().inverse().sqrt()
    return scale @ adjacency @ scale


def test_the_weights_are_the_entries_of_the_normalized_matrix():
    edges, weights = normalized(EDGES, N)
    dense = torch.zeros(N, N)
    dense[edges[1], edges[0]] = weights
    torch.testing.assert_close(dense, matrix().float())


@pytest.mark.parametrize("hidden", [(), (4,), (6, 4)])
@pytest.mark.parametrize("propagation", ["renormalized", "none"])
def test_outputs_are_those_of_the_dense_formula(hidden, propagation):
    torch.manual_seed(0)
    model = GCN(SPEC, hidden, propagation=propagation)
    for p in model.parameters():
        nn.init.normal_(p)
    x, nodes = torch.randn(N, F), torch.tensor([7, 0, 2, 2])
    spread = matrix() if propagation == "renormalized" else torch.eye(N, dtype=torch.float64)
    expected = x.double()
    for i in range(1, len(hidden) + 1):
        layer = getattr(model, f"linear{i}")
        expected = (spread @ expected @ layer.weight.double().T + layer.bias.double()).relu()
    expected = spread @ expected @ model.output.weight.double().T + model.output.bias.double()
    torch.testing.assert_close(model(x, EDGES, nodes), expected[nodes].float())


def test_every_parameter_learns_and_half_precision_stays_near():
    torch.manual_seed(0)
    model = GCN(SPEC, (8,), dropout=0.3)
    x = torch.randn(N, F)
    model(x, EDGES, torch.arange(N)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    model.eval()
    with torch.no_grad():
        whole = model(x, EDGES, torch.arange(N))
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(model(x, EDGES, torch.arange(N)).float(), whole, atol=0.03, rtol=0.03)


def test_a_graph_without_edges_is_a_perceptron():
    torch.manual_seed(0)
    gcn = GCN(SPEC)
    mlp = GCN(SPEC, propagation="none")
    mlp.load_state_dict(gcn.state_dict())
    none, nodes, x = torch.empty(2, 0, dtype=torch.int64), torch.arange(N), torch.randn(N, F)
    torch.testing.assert_close(gcn(x, none, nodes), mlp(x, none, nodes))
