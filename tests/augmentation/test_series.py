"""What all augmentations of series have in common."""

import pytest
import torch

from runner.augmentation.magnitude_warp import MagnitudeWarp
from runner.augmentation.noise import Noise
from runner.augmentation.permutation import Permutation
from runner.augmentation.scaling import Scaling
from runner.augmentation.time_warp import TimeWarp
from runner.augmentation.window_slice import WindowSlice
from runner.engine.batch import Batch
from runner.errors import ConfigError

CHANGING = {
    "scaling": Scaling(0.5),
    "magnitude_warp": MagnitudeWarp(0.5),
    "time_warp": TimeWarp(0.5),
    "window_slice": WindowSlice(0.5),
    "permutation": Permutation(5),
}
NOTHING = [Scaling(0.0), MagnitudeWarp(0.0), TimeWarp(0.0), WindowSlice(1.0), Permutation(1)]


@pytest.fixture
def change(fit):
    def changed(technique, batch, seed=0):
        technique.setup(fit(device=torch.device("cpu")))
        torch.manual_seed(seed)
        return technique.on_batch(batch)

    return changed


def unequal(dtype=torch.float32):
    """Series of 1 to 40 steps, padded with zeros."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([40, 1, 2, 7, 33])
    x = torch.randn(5, 40, 3, generator=generator) * (torch.arange(40) < lengths[:, None])[..., None]
    return Batch(x.to(dtype), torch.arange(5), {"lengths": lengths})


@pytest.mark.parametrize("technique", NOTHING, ids=lambda t: t.name)
def test_no_strength_changes_nothing(change, technique):
    batch = unequal()
    assert torch.equal(change(technique, batch).inputs, batch.inputs)
    whole = Batch(batch.inputs, batch.targets)
    assert torch.equal(change(technique, whole).inputs, batch.inputs)


@pytest.mark.parametrize("technique", CHANGING.values(), ids=CHANGING)
def test_padding_stays_and_nothing_comes_from_it(change, technique):
    batch = unequal()
    before = batch.inputs.clone()
    changed = change(technique, batch)
    behind = torch.arange(40) >= batch.more["lengths"][:, None]
    assert not changed.inputs[behind].any()
    assert changed.more is batch.more and changed.targets is batch.targets
    assert torch.equal(batch.inputs, before) and not torch.equal(changed.inputs, before)
    wild = batch.changed(batch.inputs.masked_fill(behind[..., None], 1e6))
    assert torch.equal(change(technique, wild).inputs[~behind], changed.inputs[~behind])


@pytest.mark.parametrize("technique", CHANGING.values(), ids=CHANGING)
def test_half_precision_is_that_of_the_values_not_of_the_places(change, technique):
    x = torch.arange(600.0).sin().view(1, 600, 1).expand(4, 600, 2).bfloat16()
    half = change(technique, Batch(x, torch.zeros(4))).inputs
    full = change(technique, Batch(x.float(), torch.zeros(4))).inputs
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), full, atol=0.02, rtol=0.01)


def test_jitter_is_noise():
    batch = unequal()
    changed = Noise(0.5).on_batch(batch).inputs
    assert torch.equal((changed == batch.inputs).all(2), torch.arange(40) >= batch.more["lengths"][:, None])
    assert not Noise.not_for  # a forecast from noisy values is the one of the series


@pytest.mark.parametrize("name", CHANGING)
def test_a_forecast_is_refused(go, name):
    with pytest.raises(ConfigError, match=f"augmentation={name}: is not for forecasting: what comes next goes on from"):
        go("data=membrane", f"augmentation=[noise,{name}]")


def test_is_for_training_only(go):
    words = ["data.as_sequence=true", "optimizer=sgd", "optimizer.lr=1e-12", "model.hidden=[8]", "trainer.max_steps=2"]
    plain = go(*words)
    changed = go(*words, "augmentation=[scaling,magnitude_warp,time_warp,window_slice,permutation]", folder="changed")
    assert changed["val"]["loss"] == pytest.approx(plain["val"]["loss"], rel=1e-6)
    assert changed["train"]["loss"] != pytest.approx(plain["train"]["loss"], rel=1e-4)
