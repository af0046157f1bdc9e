"""Networks on graphs against dense formulas and torch-geometric; whole graphs, weights of edges, parts of a graph."""

import math

import pytest
import torch
from torch import nn

from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.model.gat import GAT
from runner.model.gcn import GCN
from runner.model.graphsage import GraphSAGE
from runner.model.layers.graph import averaged, largest, normalized_exponentials, pooled

N, F = 9, 5
EDGES = torch.tensor([[0, 1, 1, 2, 3, 0, 5, 6, 2], [1, 0, 2, 1, 0, 3, 6, 5, 0]])  # 4, 7 and 8 have no neighbour
ALL = torch.arange(N)
NODES = Spec("nodes", Field("graph", (F,)), Field("class", (), 3), num_outputs=3)
WHOLE = Spec("regression", Field("graph", (F,)), Field("values", (2,)), num_outputs=2)
MAKE = {
    "gcn": GCN,
    "gat": lambda spec, hidden=(8,), **more: GAT(spec, hidden, 2, **more),
    "gatv2": lambda spec, hidden=(8,), **more: GAT(spec, hidden, 2, version=2, **more),
    "sage": GraphSAGE,
    "sage_pool": lambda spec, hidden=(8,), **more: GraphSAGE(spec, hidden, "pool", **more),
}
each_network = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def drawn(model, dtype=torch.float32):
    torch.manual_seed(0)
    for p in model.parameters():
        nn.init.normal_(p, std=0.5)
    return model.to(dtype).eval()


def neighbours(node):
    return EDGES[0][EDGES[1] == node].tolist()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("mean", [False, True])
def test_attention_is_that_of_the_formula(version, mean):
    model = drawn(GAT(NODES, () if mean else (6,), 3, version))
    layer = model.output if mean else model.linear1
    x = torch.randn(N, F)
    expected = []
    for i in range(N):
        heads = []
        for head in range(3):
            rows = slice(head * len(layer.attention[0, 0]), (head + 1) * len(layer.attention[0, 0]))

            def product(dense, node, rows=rows):
                return dense.weight[rows] @ x[node] + (0 if dense.bias is None else dense.bias[rows])

            around = [*neighbours(i), i]
            if version == 1:
                to, of = layer.attention[0, head], layer.attention[1, head]
                scores = [to @ product(layer.linear, i) + of @ product(layer.linear, j) for j in around]
                scores = [torch.nn.functional.leaky_relu(score, 0.2) for score in scores]
            else:
                both = [product(layer.linear_to, i) + product(layer.linear, j) for j in around]
                scores = [layer.attention[0, head] @ torch.nn.functional.leaky_relu(sum_, 0.2) for sum_ in both]
            shares = torch.stack(scores).softmax(0)
            heads.append(sum(s * product(layer.linear, j) for s, j in zip(shares, around, strict=True)))
        expected.append((torch.stack(heads).mean(0) if mean else torch.cat(heads)) + layer.bias)
    given = layer(x, *model.prepared(N, EDGES, None, None))
    torch.testing.assert_close(given, torch.stack(expected))


@pytest.mark.parametrize("aggregator", ["mean", "pool"])
@pytest.mark.parametrize("normalize", [False, True])
def test_graphsage_is_that_of_the_formula(aggregator, normalize):
    layer = drawn(GraphSAGE(NODES, (4,), aggregator, normalize)).linear1
    x, expected = torch.randn(N, F), []
    for i in range(N):
        around = x[neighbours(i)]
        if aggregator == "pool":
            around = layer.pool(around).relu().max(0).values if len(around) else torch.zeros(4)
        else:
            around = around.mean(0) if len(around) else torch.zeros(F)
        weight = torch.cat((layer.linear_self.weight, layer.linear.weight), 1)
        out = weight @ torch.cat((x[i], around)) + layer.linear_self.bias
        expected.append(out / out.norm() if normalize else out)
    torch.testing.assert_close(layer(x, EDGES), torch.stack(expected))


def test_graphsage_scales_hidden_layers_and_leaves_what_it_tells():
    model = drawn(GraphSAGE(NODES, (4, 6), normalize=True))
    x, last = torch.randn(N, F), model.output
    for layer in (model.linear1, model.linear2):
        x = layer(x, EDGES)
        torch.testing.assert_close(x.norm(dim=1), torch.ones(N))
        x = x.relu()
    around = torch.stack([x[neighbours(i)].mean(0) if neighbours(i) else torch.zeros(6) for i in range(N)])
    torch.testing.assert_close(last(x, EDGES), last.linear_self(x) + around @ last.linear.weight.T)


@pytest.mark.slow  # importing torch-geometric takes six seconds
@pytest.mark.parametrize("name", MAKE)
def test_outputs_are_those_of_torch_geometric(name):
    geometric = pytest.importorskip("torch_geometric.nn")
    model = drawn(MAKE[name](NODES, (8,), activation="relu"))
    layers = []
    for own, width_in, width, last in ((model.linear1, F, 8, False), (model.output, 8, 3, True)):
        own = dict(own.named_parameters())
        if name == "gcn":
            theirs = geometric.GCNConv(width_in, width)
            weights = {"lin.weight": own["weight"], "bias": own["bias"]}
        elif name == "gat":
            theirs = geometric.GATConv(width_in, width if last else width // 2, 2, concat=not last)
            weights = {"lin.weight": own["linear.weight"], "bias": own["bias"]}
            weights |= {"att_dst": own["attention"][:1], "att_src": own["attention"][1:]}
        elif name == "gatv2":
            theirs = geometric.GATv2Conv(width_in, width if last else width // 2, 2, concat=not last)
            weights = {f"lin_l.{what}": own[f"linear.{what}"] for what in ("weight", "bias")}
            weights |= {f"lin_r.{what}": own[f"linear_to.{what}"] for what in ("weight", "bias")}
            weights |= {"att": own["attention"], "bias": own["bias"]}
        else:
            size = (width if name == "sage_pool" else width_in, width_in)
            theirs = geometric.SAGEConv(size, width, aggr="max" if name == "sage_pool" else "mean")
            weights = {"lin_l.weight": own["linear.weight"], "lin_l.bias": own["linear_self.bias"]}
            weights |= {"lin_r.weight": own["linear_self.weight"]}
        theirs.load_state_dict(weights)
        layers.append(theirs)
    x = torch.randn(N, F)
    with torch.no_grad():
        expected = x
        for number, theirs in enumerate(layers):
            given = expected
            if name == "sage_pool":
                own = (model.linear1, model.output)[number]
                given = (own.pool(expected).relu(), expected)
            expected = theirs(given, EDGES)
            expected = expected.relu() if number == 0 else expected
        torch.testing.assert_close(model(x, EDGES, ALL), expected)


@each_network
def test_a_weight_of_two_counts_as_two_edges(make):
    model = drawn(make(NODES))
    x, weights = torch.randn(N, F), torch.ones(EDGES.shape[1])
    torch.testing.assert_close(model(x, EDGES, ALL, weights=weights), model(x, EDGES, ALL))
    weights[3] = 2
    twice = torch.cat((EDGES, EDGES[:, 3:4]), 1)
    torch.testing.assert_close(model(x, EDGES, ALL, weights=weights), model(x, twice, ALL))


def of_graph(start, size):
    inside = (EDGES[0] >= start) & (EDGES[0] < start + size)
    return EDGES[:, inside] - start


@each_network
@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
def test_graphs_of_a_batch_do_not_mix(make, pooling):
    """Of 4 nodes, of one without edges, of 4."""
    model = drawn(make(WHOLE, (8,), pooling=pooling))
    x, sizes = torch.randn(N, F), torch.tensor([4, 1, 4])
    together = model(x, EDGES, sizes=sizes)
    alone, start = [], 0
    for size in sizes.tolist():
        edges = of_graph(start, size)
        alone.append(model(x[start : start + size], edges, sizes=torch.tensor([size])))
        start += size
    torch.testing.assert_close(together, torch.cat(alone))
    order = torch.tensor([2, 0, 3, 1])
    edges = order.argsort()[of_graph(0, 4)]
    torch.testing.assert_close(model(x[:4][order], edges, sizes=torch.tensor([4])), alone[0])


def test_pooling_is_that_of_the_formula():
    x, sizes = torch.randn(6, 2) - 3, torch.tensor([1, 3, 2])  # all below 0: a largest of 0 would be wrong
    for pooling, formula in (("mean", "mean"), ("sum", "sum"), ("max", "amax")):
        expected = torch.stack([getattr(torch, formula)(part, 0) for part in x.split(sizes.tolist())])
        torch.testing.assert_close(pooled(x, sizes, pooling), expected)


def test_groups_without_rows():
    x, groups = torch.tensor([[1.0], [3.0], [-2.0]]), torch.tensor([2, 2, 0])
    assert averaged(x, groups, 4).tolist() == [[-2], [0], [2], [0]]
    assert averaged(x, groups, 4, torch.tensor([1.0, 3.0, 0.5])).tolist() == [[-2], [0], [2.5], [0]]
    assert largest(x, groups, 4).tolist() == [[-2], [0], [3], [0]]
    shares = normalized_exponentials(torch.tensor([1000.0, 1000.0, -math.inf, 0.0]), torch.tensor([0, 0, 1, 1]), 2)
    assert shares.tolist() == [0.5, 0.5, 0.0, 1.0]


@each_network
@pytest.mark.parametrize("spec", [NODES, WHOLE], ids=["nodes", "graphs"])
def test_every_parameter_learns_and_half_precision_stays_near(make, spec):
    torch.manual_seed(0)
    model = make(spec, (8,), dropout=0.2)
    asked = {"nodes": ALL} if spec is NODES else {"sizes": torch.tensor([4, 1, 4])}
    x = torch.randn(N, F)
    model(x, EDGES, **asked).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    model.eval()
    with torch.no_grad():
        whole = model(x, EDGES, **asked)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(model(x, EDGES, **asked).float(), whole, atol=0.05, rtol=0.05)


@each_network
def test_part_of_a_graph_must_be_deep_enough(make):
    model, x = make(NODES), torch.randn(N, F)
    model(x, EDGES, ALL, hops=torch.tensor([2, 5, 9]))
    with pytest.raises(ConfigError, match="a network of 2 layers reaches 2 edges far, and neighbours are given for 1"):
        model(x, EDGES, ALL, hops=torch.tensor([2, 9]))


def test_uneven_heads_are_refused():
    with pytest.raises(ConfigError, match=r"10 features can't be divided among 4 heads.* such as 12"):
        GAT(NODES, (8, 10), 4)
