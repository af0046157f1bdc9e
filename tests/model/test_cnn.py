import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.cnn import CNN

DIGITS = Spec.classification((1, 8, 8), 10)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_parameter_count_of_the_default_on_28_pixels():
    model = CNN(Spec.classification((1, 28, 28), 10))
    convolutions = 9 * 1 * 32 + 9 * 32 * 64  # without bias: batch norm has its own shift
    norms = 2 * 32 + 2 * 64
    dense = (64 * 7 * 7) * 128 + 128 + 128 * 10 + 10
    assert count(model) == convolutions + norms + dense
    assert count(CNN(Spec.classification((1, 28, 28), 10), norm="none")) == convolutions + 96 + dense


def test_output_is_that_of_the_functions():
    model = CNN(DIGITS, (4, 6), kernel_size=5, padding=2, pool="avg", head=(9,), activation="silu", norm="none")
    x = torch.randn(3, 1, 8, 8)
    h = x
    for conv in (model.conv1, model.conv2):
        h = F.avg_pool2d(F.silu(F.conv2d(h, conv.weight, conv.bias, padding=2)), 2)
    h = F.silu(F.linear(h.flatten(1), model.linear1.weight, model.linear1.bias))
    torch.testing.assert_close(model(x), F.linear(h, model.output.weight, model.output.bias))


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    channels=st.lists(st.integers(1, 3), max_size=4),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 2),
    padding=st.none() | st.integers(0, 2),
    pool=st.sampled_from(["max", "avg", "none"]),
    pool_size=st.integers(1, 3),
)
def test_every_size_works_or_is_refused_before_the_run(size, channels, kernel, stride, padding, pool, pool_size):
    spec = Spec.regression((2, *size), 3)
    try:
        model = CNN(spec, tuple(channels), kernel, stride, padding, pool, pool_size, head=(), norm="none")
    except ConfigError:
        with pytest.raises(RuntimeError):  # noqa: PT012
            x = torch.zeros(1, 2, *size)
            pad = (kernel - 1) // 2 if padding is None else padding
            for out in channels:
                x = nn.Conv2d(x.shape[1], out, kernel, stride, pad)(x)
                x = {"max": F.max_pool2d, "avg": F.avg_pool2d, "none": lambda x, _: x}[pool](x, pool_size)
    else:
        assert model(torch.randn(2, 2, *size)).shape == (2, 3)


def test_half_padding_keeps_the_size():
    for kernel in (1, 3, 5, 7):
        model = CNN(DIGITS, (2,), kernel_size=kernel, pool="none", head=())
        assert model.output.in_features == 2 * 8 * 8


def test_too_many_stages_name_the_keys_to_change():
    with pytest.raises(ConfigError, match=r"has 5 stages.* 8 x 8 image after stage 4.*model\.pool=none"):
        CNN(DIGITS, (4, 4, 4, 4, 4))


def test_instance_norm_of_one_pixel_is_refused():
    with pytest.raises(ConfigError, match=r"model\.norm=instance"):
        CNN(DIGITS, (4, 4, 4, 4), norm="instance")
    CNN(DIGITS, (4, 4, 4), norm="instance").train()(torch.randn(2, 1, 8, 8))


def test_dropout_is_in_the_head():
    kinds = [name for name, m in CNN(DIGITS, dropout=0.5, head=(8, 8)).named_children() if isinstance(m, nn.Dropout)]
    assert kinds == ["linear1_dropout", "linear2_dropout"]
    names = [name for name, _ in CNN(DIGITS, dropout=0.5, head=()).named_children()]
    assert names[-2:] == ["dropout", "output"]


def test_shortcuts_are_added_to_the_normalized_convolution():
    model = CNN(DIGITS, (4, 4), pool="none", head=(), norm="batch", skip=True).eval()
    x = torch.randn(3, 1, 8, 8)
    first, second = model.skip1, model.skip2
    a = F.relu(first.norm(first.conv(x)) + first.shortcut[1](first.shortcut[0](x)))
    b = F.relu(second.norm(second.conv(a)) + a)
    torch.testing.assert_close(model(x), model.output(b.flatten(1)))
    assert isinstance(second.shortcut, nn.Identity)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, None), (5, 2, None), (1, 2, None), (3, 2, 1)])
def test_shortcuts_follow_the_stride(kernel, stride, padding):
    model = CNN(DIGITS, (4, 6), kernel, stride, padding, "none", head=(), skip=True)
    assert model(torch.randn(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 1, None), (3, 1, 0), (5, 1, 1)])
def test_shortcuts_around_convolutions_that_shrink_are_refused(kernel, stride, padding):
    with pytest.raises(ConfigError, match=r"model\.skip=true .* odd model\.kernel_size"):
        CNN(DIGITS, (4,), kernel, stride, padding, skip=True)


def test_spatial_dropout_is_at_the_end_of_each_stage():
    names = [name for name, _ in CNN(DIGITS, spatial_dropout=0.3, attention="se").named_children()]
    assert names[:6] == ["conv1", "norm1", "activation1", "pool1", "attention1", "dropout1"]
