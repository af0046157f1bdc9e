"""Parts of a graph and batches of graphs: draws, weights, full neighbourhoods, and what a network makes of them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.batches import Batches
from runner.engine.spec import Field, Spec
from runner.engine.split import GraphSplit, GraphsSplit, NeighbourSplit
from runner.engine.split.graphs import ranges
from runner.engine.split.neighbours import Around, drawn
from runner.model.gat import GAT
from runner.model.gcn import GCN
from runner.model.graphsage import GraphSAGE

CPU = torch.device("cpu")
N = 40


def a_graph(seed=0):
    """Some nodes have many neighbours, one all, one none."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.rand(N, N, generator=generator) < 0.1
    pairs[:, 3] = True
    pairs[7] = False
    pairs[:, 7] = False
    pairs.fill_diagonal_(False)
    edges = pairs.nonzero().T.contiguous()
    return edges, torch.rand(edges.shape[1], generator=generator) + 0.5


def split_of(neighbours, sampled, weights=None):
    edges, _ = a_graph()
    features = torch.randn(N, 5, generator=torch.Generator().manual_seed(1))
    graph = GraphSplit(features, edges, torch.arange(N) % 3, torch.arange(0, N, 2), (), weights)
    return NeighbourSplit(graph, Around.of(edges, N, weights), neighbours, sampled)


def test_numbers_below_a_length_are_different_and_equally_likely():
    lengths = torch.tensor([4, 7]).repeat(20_000)
    chosen = drawn(lengths, 3, torch.Generator().manual_seed(0))
    assert (chosen < lengths[:, None]).all() and (chosen >= 0).all()
    assert (chosen.sort(1).values.diff(dim=1) > 0).all()
    for length in (4, 7):
        counts = chosen[lengths == length].flatten().bincount(minlength=length) / 20_000
        torch.testing.assert_close(counts, torch.full((length,), 3 / length), atol=0.015, rtol=0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=8))
def test_ranges(pairs):
    starts, lengths = (torch.tensor([pair[i] for pair in pairs], dtype=torch.int64) for i in (0, 1))
    expected = [start + i for start, length in pairs for i in range(length)]
    assert ranges(starts, lengths).tolist() == expected


SPEC = Spec("nodes", Field("graph", (5,)), Field("class", (), 3), num_outputs=3)
NETWORKS = {"gcn": GCN, "gat": lambda spec, hidden: GAT(spec, hidden, 2), "sage": GraphSAGE}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("weighted", [False, True])
def test_all_neighbours_give_what_the_whole_graph_gives(make, weighted):
    _, weights = a_graph()
    split = split_of((1, 1), False, weights if weighted else None)
    torch.manual_seed(0)
    model = make(SPEC, (8,)).eval()
    whole = split.graph.read(torch.arange(len(split)))
    with torch.no_grad():
        expected = model(whole.inputs, **whole.more)
        for rows in torch.tensor([3, 0, 11, 3, 19, 5]).split(2):
            batch = split.read(rows)
            assert len(batch.inputs) < N or 3 in split.graph.nodes[rows]
            torch.testing.assert_close(model(batch.inputs, **batch.more), expected[rows])
            assert torch.equal(batch.targets, whole.targets[rows])


def test_a_sample_has_so_many_edges_to_each_node_and_stands_for_all():
    split = split_of((4, 2), True)
    edges, _ = a_graph()
    around, seeds = split.around, torch.tensor([3, 7, 10])
    reached, more = around.part(seeds, (4, 2), torch.Generator().manual_seed(0))
    hops, sent = more["hops"].tolist(), more["edges"]
    assert (hops[0], hops[-1]) == (3, len(reached)) and torch.equal(reached[more["nodes"]], seeds)
    real = set(map(tuple, edges.T.tolist()))
    kept = [tuple(pair) for pair in reached[sent].T.tolist()]
    assert len(set(kept)) == len(kept) and set(kept) <= real
    incoming = edges[1].bincount(minlength=N)
    for local, node in enumerate(reached.tolist()):
        number = 4 if local < hops[0] else 2 if local < hops[1] else 0
        inside = sent[1] == local
        assert inside.sum() == min(number, incoming[node])
        if number:
            assert more["weights"][inside].sum() == pytest.approx(float(incoming[node]))
        assert more["degrees"][local] == incoming[node]


def test_the_mean_over_samples_is_the_sum_over_all():
    edges, weights = a_graph()
    around, values = Around.of(edges, N, weights), torch.arange(N, dtype=torch.float32)
    expected = (weights * values[edges[0]])[edges[1] == 3].sum()
    generator = torch.Generator().manual_seed(0)
    sums = []
    for _ in range(3000):
        reached, more = around.part(torch.tensor([3]), (5,), generator)
        sums.append((more["weights"] * values[reached[more["edges"][0]]]).sum())
    assert torch.stack(sums).mean() == pytest.approx(float(expected), rel=0.02)


def test_what_is_drawn_is_a_function_of_seed_epoch_and_place():
    def drawn_in(epoch, start=0, seed=0):
        batches = Batches(split_of((2, 2), True), 3, CPU, seed=seed)
        return [(b.inputs, b.more["edges"]) for (b,) in batches.updates(epoch, start)]

    def alike(one, other):
        return all(
            a.shape == b.shape and torch.equal(a, b) for pair in zip(one, other, strict=True) for a, b in zip(*pair)
        )

    whole = drawn_in(1)
    assert alike(whole[4:], drawn_in(1, 4))  # as a run that is resumed there
    assert not alike(whole, drawn_in(2))
    assert not alike(whole, drawn_in(1, seed=1))
    nodes = torch.arange(20)  # the same in both epochs
    one, other = (next(split_of((2, 2), True).batches(epoch, nodes, 20, iter)) for epoch in (0, 1))
    assert not torch.equal(one.inputs, other.inputs) or not torch.equal(one.more["edges"], other.more["edges"])
    one, other = (next(split_of((2, 2), True).opened(CPU, seed, 0).batches(0, nodes, 20, iter)) for seed in (0, 1))
    assert not torch.equal(one.inputs, other.inputs) or not torch.equal(one.more["edges"], other.more["edges"])
    (batch,) = Batches(split_of((2, 2), False), 3, CPU).in_order()
    assert (batch.examples, len(batch.inputs)) == (20, N)  # evaluated on the whole graph at once


def test_batches_of_an_epoch_have_draws_of_their_own():
    """Twenty nodes with the same thirty neighbours: of which others are drawn in every batch."""
    edges = torch.cartesian_prod(torch.arange(20, 50), torch.arange(20)).T
    graph = GraphSplit(torch.arange(50.0)[:, None], edges, torch.zeros(50), torch.arange(20))
    split = NeighbourSplit(graph, Around.of(edges, 50), (3,), True)
    drawn_ones = [set(batch.inputs[:, 0].tolist()[1:]) for batch in split.batches(0, torch.arange(20), 1, iter)]
    assert all(len(one) == 3 for one in drawn_ones)
    assert len(set(map(frozenset, drawn_ones))) > 15 and len(set.union(*drawn_ones)) > 20


def test_a_graph_too_large_to_be_passed_whole_is_evaluated_in_parts(monkeypatch):
    monkeypatch.setattr("runner.engine.split.neighbours._WHOLE_BYTES", 0)
    split = split_of((2, 2), True)
    batches = list(Batches(split, 8, CPU).in_order())
    assert [batch.examples for batch in batches] == [8, 8, 4]
    torch.manual_seed(0)
    model = GCN(SPEC, (8,)).eval()
    whole = split.graph.read(torch.arange(20))
    with torch.no_grad():
        told = torch.cat([model(batch.inputs, **batch.more) for batch in batches])
        torch.testing.assert_close(told, model(whole.inputs, **whole.more))


def test_graphs_of_a_batch():
    features = torch.arange(7.0)[:, None]
    edges = torch.tensor([[0, 1, 2, 0, 1], [1, 0, 1, 1, 0]])
    offsets, edge_offsets = torch.tensor([0, 3, 4, 6, 7]), torch.tensor([0, 3, 3, 5, 5])
    targets, weights = torch.tensor([5.0, 6, 7, 8])[:, None], torch.arange(5.0)
    split = GraphsSplit(features, offsets, edges, edge_offsets, weights, targets, torch.tensor([3, 0, 2]), "abcd")
    assert (len(split), split.place(1)) == (3, "a")
    batch = split.read(torch.tensor([2, 1]))
    assert batch.inputs.flatten().tolist() == [4, 5, 0, 1, 2]
    assert batch.more["edges"].tolist() == [[0, 1, 2, 3, 4], [1, 0, 3, 2, 3]]
    assert batch.more["sizes"].tolist() == [2, 3]
    assert batch.more["weights"].tolist() == [3, 4, 0, 1, 2]
    assert batch.targets.flatten().tolist() == [7, 5]
    alone = split.read(torch.tensor([0]))
    assert (alone.more["edges"].shape, alone.inputs.tolist(), alone.examples) == ((2, 0), [[6]], 1)
