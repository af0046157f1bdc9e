"""Streams that go on from batch to batch, against torch's own layers and a loop written by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from runner.data.python_source import PythonSource
from runner.engine.batches import Batches
from runner.engine.spec import Field, Spec
from runner.engine.split import LaneSplit, WindowSplit
from runner.errors import ConfigError
from runner.model.gru import GRU
from runner.model.lstm import LSTM
from runner.model.rnn import RNN
from runner.run import load, resume

CPU = torch.device("cpu")


def lanes(steps=101, length=5):
    return LaneSplit(WindowSplit(torch.arange(steps) % 7 + 1, length, stride=length))


def test_each_batch_goes_on_where_the_one_before_ended():
    split = LaneSplit(WindowSplit(torch.arange(101), 5, stride=5))
    batches = Batches(split, 3, CPU, drop_last=True)
    assert batches.updates_per_epoch == 6  # 20 windows in 3 lanes of 6
    for epoch in (0, 1):
        read = [update[0] for update in batches.updates(epoch)]
        inputs = torch.cat([batch.inputs for batch in read], 1)
        assert torch.equal(inputs, torch.arange(30) + torch.tensor([[0], [30], [60]]))
        assert torch.equal(torch.cat([batch.targets for batch in read], 1), inputs + 1)
        assert [batch.more["begins"].tolist() for batch in read] == [[True] * 3, *[[False] * 3] * 5]
    cut = [update[0] for update in batches.updates(1, start=4)]
    assert torch.equal(torch.cat([batch.inputs for batch in cut], 1), inputs[:, 20:])
    assert not cut[0].more["begins"].any()
    every = list(Batches(split, 3, CPU).in_order())  # of an evaluation: what is left comes last
    assert sorted(torch.cat([batch.inputs.flatten() for batch in every]).tolist()) == list(range(100))
    assert "begins" not in every[-1].more
    assert "begins" not in split.read(torch.arange(3)).more
    drawn = list(Batches(split, 3, CPU, limit=2).in_order())  # drawn ones do not follow each other
    assert all("begins" not in batch.more for batch in drawn)


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_the_state_is_carried_and_gradients_are_cut(kind):
    torch.manual_seed(0)
    spec = Spec("tokens", Field("tokens", (None,), 8), Field("tokens", (None,), 8), num_outputs=8)
    network, layers = kind(spec, hidden=6, layers=2, embedding=4), []
    for inner in (network.rnn1, network.rnn2):
        assert isinstance(inner, nn.RNNBase)
        layers.append(inner)
    states = [None, None]
    for (batch,) in Batches(lanes(), 4, CPU, drop_last=True).updates(0):
        network.zero_grad()
        outputs = network(batch.inputs, **batch.more)
        F.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten()).backward()
        found = {name: p.grad.clone() for name, p in network.named_parameters()}
        network.zero_grad()  # by hand: the state goes on, without what led to it
        x = network.embedding(batch.inputs)
        for number, layer in enumerate(layers):
            x, state = layer(x, states[number])
            states[number] = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        expected = network.output(x)
        torch.testing.assert_close(outputs, expected)
        F.cross_entropy(expected.flatten(0, 1), batch.targets.flatten()).backward()
        for name, p in network.named_parameters():
            torch.testing.assert_close(found[name], p.grad)


def test_all_windows_of_a_lane_give_what_the_lane_gives_as_a_whole():
    torch.manual_seed(0)
    spec = Spec("tokens", Field("tokens", (None,), 8), Field("tokens", (None,), 8), num_outputs=8)
    network = GRU(spec, hidden=6, embedding=4).eval()
    with torch.no_grad():
        read = [batch for (batch,) in Batches(lanes(), 4, CPU, drop_last=True).updates(0)]
        pieces = torch.cat([network(batch.inputs, **batch.more) for batch in read], 1)
        torch.testing.assert_close(pieces, network(torch.cat([batch.inputs for batch in read], 1)))
        alone = torch.cat([network(batch.inputs) for batch in read], 1)  # from zeros each: without `begins`
    assert not torch.allclose(pieces, alone)
    assert network.carried == {}  # an evaluation leaves the state of the training alone


def test_a_batch_that_overflowed_spoils_none_behind_it():
    torch.manual_seed(0)
    spec = Spec("tokens", Field("tokens", (None,), 8), Field("tokens", (None,), 8), num_outputs=8)
    network = LSTM(spec, hidden=6, embedding=4)
    inputs, begins = torch.ones(2, 5, dtype=torch.int64), torch.tensor([True, False])
    first = network(inputs, begins=torch.ones(2, dtype=torch.bool))
    for states in network.carried.values():
        for state in states:
            state.fill_(torch.nan)
    assert torch.equal(network(inputs, begins=begins), first)


def test_what_was_carried_goes_on_where_the_run_does():
    spec = Spec("tokens", Field("tokens", (None,), 8), Field("tokens", (None,), 8), num_outputs=8)
    network = LSTM(spec, hidden=6, embedding=4)
    (batch,) = next(Batches(lanes(), 4, CPU, drop_last=True).updates(0))
    network(batch.inputs, **batch.more)
    saved = {name: list(parts) for name, parts in network.carried.items()}
    other = torch.device("meta")  # as it stands for another device than that of the file
    network.take_back(saved, other)
    assert {part.device for parts in network.carried.values() for part in parts} == {other}
    network.take_back(saved, CPU)
    assert all(torch.equal(a, b) for name, parts in network.carried.items() for a, b in zip(parts, saved[name]))


WORDS = ("data=python_source", "data.packages=[json]", "data.length=16", "data.stateful=true", "model=lstm")
SMALL = ("model.hidden=8", "model.embedding=4", "optimizer.lr=0.01", "scheduler=constant", "trainer.max_epochs=2")


def test_a_run_cut_within_an_epoch_goes_on_with_its_state(go, tmp_path):
    words = (*WORDS, *SMALL, "trainer.limit_batches=8")
    go(*words, folder="whole")
    go(*words, "trainer.max_steps=5", folder="cut")
    resume(tmp_path / "cut", ["trainer.max_steps=null"])
    whole, cut = (load(name, "last").model.state_dict() for name in ("whole", "cut"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, cut[name]), name
    go(*words, "data.stateful=false", "trainer.reshuffle=false", folder="zero")
    other = load("zero", "last").model.state_dict()
    assert any(not torch.equal(tensor, other[name]) for name, tensor in whole.items())


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("model=tcn",), "has no state that goes on"),
        (("optimizer/wrapper=sam",), "can't be combined with sam"),
        (("data.masked=0.15",), "a masked language model sees both sides"),
    ],
)
def test_what_could_not_go_on_is_refused_before_data_are_read(go, words, reason, monkeypatch):
    monkeypatch.setattr(PythonSource, "load", None)
    with pytest.raises(ConfigError, match=reason):
        go(*WORDS, *words)
