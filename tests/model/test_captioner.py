"""The captioner: its attention by its formula, its answers decoded as they are told, its places."""

import pytest
import torch

from runner.engine.spec import END, START, Field, Spec
from runner.errors import ConfigError
from runner.model.captioner import Captioner
from runner.model.seq2seq import Seq2Seq

TOKENS = Field("tokens", (None,), 9, tuple("pusead123"))
SPEC = Spec("sequence", Field("image", (1, 20, 12)), TOKENS, {"decoder_inputs": TOKENS}, num_outputs=9)


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = Captioner(SPEC, width=0.25, output_stride=4, hidden=6, embedding=5, longest=7).eval()
    torch.nn.init.normal_(made.place)
    return made


def test_an_output_is_that_of_the_state_and_what_it_looks_at(network):
    x, before = torch.randn(3, 1, 20, 12), torch.tensor([[START, 5], [START, 6], [START, 7]])
    cells = network.backbone(x)[-1]
    assert cells.shape[2:] == (5, 3) == network.place.shape[1:]
    read = torch.stack(
        [network.norm(network.cell(cells[:, :, i, j])) + network.place[:, i, j] for i in range(5) for j in range(3)],
        dim=1,
    )
    states, _ = network.decoder(network.answer_embedding(before), torch.tanh(network.begin(read.mean(1)))[None])
    for row in range(3):
        for step in range(2):
            s = states[row, step]
            weights = torch.softmax(torch.stack([s @ (network.look.weight @ h) for h in read[row]]), 0)
            seen = sum(weight * h for weight, h in zip(weights, read[row], strict=True))
            told = network.output(torch.tanh(network.combine(torch.cat((s, seen)))))
            torch.testing.assert_close(network(x, before)[row, step], told, atol=1e-5, rtol=1e-4)


def test_free_decoding_goes_on_from_its_own_words(network):
    x = torch.randn(4, 1, 20, 12)
    free = network(x)
    assert free.shape[1] <= 7
    tokens = free.argmax(-1)
    forced = network(x, torch.cat((torch.full((4, 1), START), tokens[:, :-1]), 1))
    torch.testing.assert_close(free, forced)
    alone = network(x[2:3]).argmax(-1)[0]
    ends = (alone == END).nonzero()
    length = int(ends[0]) + 1 if len(ends) else len(alone)
    assert torch.equal(tokens[2, :length], alone[:length])


def test_where_something_stands_is_told(network):
    x = torch.zeros(2, 1, 20, 12)
    x[0, 0, 8:12, 1:4] = x[1, 0, 8:12, 8:11] = 1
    before = torch.tensor([[START], [START]])
    assert not torch.allclose(*network(x, before), atol=1e-4)


def test_refused_where_no_words_are_asked_for():
    classes = Spec.classification((1, 20, 12), 9)
    for model in (Captioner, Seq2Seq):
        with pytest.raises(ConfigError, match="want no such answers"):
            model(classes)
