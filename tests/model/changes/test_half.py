"""Sixteen bits, told by what they can and can't tell."""

import pytest
import torch
from torch import nn

from runner.model.changes.half import Half


@pytest.mark.parametrize(("format", "told"), [("fp16", (1 + 2**-10, float("inf"))), ("bf16", (1.0, 2.0**100))])
def test_weights_and_inputs_have_the_bits_of_the_format_and_outputs_are_wide(format, told):
    """Ten bits of fraction tell 1 + 2**-10, eight of exponent 2**100: each format has one of the two."""
    layer = nn.Linear(1, 2, bias=False)
    layer.weight.data = torch.tensor([[1 + 2**-10], [2.0**100]])
    table = nn.Embedding(2, 1)
    model = nn.Sequential(layer)
    Half(format).apply(model)
    assert tuple(model[0].weight.float()[:, 0].tolist()) == told
    layer.weight.data.fill_(1)
    given = model(torch.tensor([[1 + 2**-10]]))
    assert given.dtype == torch.float32
    assert given[0, 0] == told[0]
    tokens = nn.Sequential(table)
    Half(format).apply(tokens)
    assert tokens(torch.tensor([1])).dtype == torch.float32  # numbers of tokens stay whole
