import pytest
import torch

from runner.augmentation.noise import Noise
from runner.engine.spec import Field, Spec
from tests.batches import batch_of


@pytest.mark.parametrize("shape", [(2000, 13), (50, 1, 20, 20), (100, 40, 5)])
def test_is_normal_and_independent(shape):
    torch.manual_seed(0)
    inputs, targets = torch.randn(shape), torch.arange(shape[0])
    batch = Noise(std=0.3).on_batch(batch_of(targets, inputs))
    changed = batch.inputs
    assert batch.targets is targets
    z = ((changed - inputs) / 0.3).flatten()
    assert abs(z.mean().item()) < 0.03
    assert z.std().item() == pytest.approx(1.0, abs=0.03)
    quantiles = torch.quantile(z, torch.tensor([0.05, 0.5, 0.95]))
    torch.testing.assert_close(quantiles, torch.tensor([-1.645, 0.0, 1.645]), atol=0.06, rtol=0)
    assert abs((z[1:] * z[:-1]).mean().item()) < 0.03


def test_leaves_its_input_alone_and_follows_the_generator():
    inputs = torch.randn(4, 3)
    before = inputs.clone()
    torch.manual_seed(5)
    first = Noise().on_batch(batch_of(torch.zeros(4), inputs)).inputs
    torch.manual_seed(5)
    second = Noise().on_batch(batch_of(torch.zeros(4), inputs)).inputs
    assert torch.equal(first, second)
    assert not torch.equal(first, inputs)
    assert torch.equal(inputs, before)


def test_keeps_channels_last():
    images = torch.randn(8, 3, 4, 4).to(memory_format=torch.channels_last)
    assert Noise().on_batch(batch_of(torch.zeros(8), images)).inputs.is_contiguous(memory_format=torch.channels_last)


def test_of_sounds_it_is_in_units_of_each_ones_level(fit):
    torch.manual_seed(0)
    half = torch.arange(5000) % 2  # sounds every other sample, of a root mean square that is not their mean
    sounds = torch.stack([half * 8192 * 2**0.5, half * 512 * 2**0.5, torch.zeros(5000)]).round().to(torch.int16)
    noise = Noise(std=0.5)
    noise.setup(fit(spec=Spec("classification", Field("image", (1, 3, 4), made_of="waveform"))))
    changed = noise.on_batch(batch_of(torch.zeros(3), sounds)).inputs - sounds / 32768
    torch.testing.assert_close(changed.std(1), torch.tensor([0.125, 0.0078125, 0.0]), rtol=0.05, atol=0)
    noise.setup(fit(spec=Spec("classification", Field("image", (1, 3, 4)))))  # of images as ever
    assert noise.on_batch(batch_of(torch.zeros(9), torch.zeros(9, 500))).inputs.std() > 0.4
