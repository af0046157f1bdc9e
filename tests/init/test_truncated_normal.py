import math

import pytest
import torch
from scipy.stats import kstest, truncnorm
from torch import nn

from runner.engine.spec import Spec
from runner.init.truncated_normal import TruncatedNormal, residual_ends
from runner.model.resnet import ResNet

from .networks import layers


@pytest.mark.parametrize(("std", "cut"), [(0.02, 2.0), (0.1, 1.0), (0.05, 3.0)])
def test_weights_are_scipys_truncated_normal(std, cut):
    net = layers()
    TruncatedNormal(std, cut)(net)
    weights = net["dense"].weight.detach().flatten()
    assert weights.abs().max().item() <= std * cut * (1 + 1e-6)
    theirs = truncnorm(-cut, cut, scale=std)
    assert weights.var().item() == pytest.approx(theirs.var(), rel=0.02)
    assert kstest(weights[:20_000].numpy(), theirs.cdf).pvalue > 1e-3


def test_residual_branches_are_scaled_by_their_number():
    torch.manual_seed(0)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(128, 4, 512), 2)
    assert len(residual_ends(decoder)) == 6
    plain, scaled = (TruncatedNormal(scale_residual=scale) for scale in (False, True))
    for init, factor in ((plain, 1), (scaled, math.sqrt(6))):
        init(decoder)
        for layer in decoder.layers:
            for end in (layer.linear2, layer.self_attn.out_proj, layer.multihead_attn.out_proj):
                assert end.weight.std().item() == pytest.approx(0.02 * 0.8796 / factor, rel=0.03)
            assert layer.linear1.weight.std().item() == pytest.approx(0.02 * 0.8796, rel=0.03)


@pytest.mark.parametrize(("depth", "branches", "last"), [(20, 9, "conv2"), (50, 16, "conv3")])
def test_blocks_of_resnet_are_known(depth, branches, last):
    net = ResNet(Spec.classification((3, 32, 32), 10), depth, width=0.25)
    ends = residual_ends(net)
    assert len(ends) == branches
    assert ends == [m for name, m in net.named_modules() if name.endswith(f".{last}")]


def test_embeddings_and_separate_projections_are_drawn():
    torch.manual_seed(0)
    net = nn.ModuleList([nn.Embedding(500, 200, padding_idx=3), nn.MultiheadAttention(200, 2, kdim=100)])
    TruncatedNormal()(net)
    assert net[0].weight[4:].std().item() == pytest.approx(0.02 * 0.8796, rel=0.02)
    assert net[0].weight[3].count_nonzero() == 0
    assert net[1].k_proj_weight.std().item() == pytest.approx(0.02 * 0.8796, rel=0.02)
