"""Beams of the networks whose answers a GRU tells: against a search in lists."""

import pytest
import torch
from torch import nn

from runner.engine.spec import Field, Spec
from runner.model.captioner import Captioner
from runner.model.seq2seq import Seq2Seq
from tests.model.test_encoder import TEXTS
from tests.model.test_encoder_decoder import answers, by_hand, ended, spec


def network(seed, **settings):
    torch.manual_seed(seed)
    net = Seq2Seq(spec(), hidden=8, embedding=6, longest=6, **settings).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0, 0.8)
    return net.eval()


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize(("beams", "alpha"), [(2, 0.0), (3, 0.6), (3, 2.0)])
def test_beams_are_those_of_a_search_by_hand(attention, beams, alpha):
    different = 0
    for seed in range(4):
        net = network(seed, attention=attention, beams=beams, length_penalty=alpha)
        found = answers(net)
        net.beams = 1
        assert found == [by_hand(net, row, beams, alpha, 6) for row in range(len(TEXTS))]
        different += found != answers(net)
    assert different  # from one beam


def test_an_image_is_answered_by_beams():
    torch.manual_seed(0)
    field = spec().targets
    images = Spec("sequence", Field("image", (1, 8, 8)), field, {"decoder_inputs": field}, 12)
    net = Captioner(images, depth=20, width=0.25, hidden=8, embedding=6, longest=5, beams=3).double().eval()
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    together = [ended(row) for row in net(x).argmax(-1).tolist()]
    assert together == [ended(net(image[None]).argmax(-1)[0].tolist()) for image in x]
