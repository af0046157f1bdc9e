"""What was zero stays zero, whatever moves weights."""

import pytest
import torch

from runner.compression.keep_zeros import keep_zeros_


def test_weights_are_multiplied_by_their_masks():
    torch.manual_seed(0)
    weights = [torch.randn(3, 4), torch.randn(2, 3, 3, 3)]
    masks = [(torch.rand_like(w) > 0.5).float() for w in weights]
    expected = [w * m for w, m in zip(weights, masks)]
    keep_zeros_(weights, masks)
    assert all(torch.equal(w, e) for w, e in zip(weights, expected))


@pytest.mark.parametrize(
    "more", [["optimizer=sgd", "optimizer.momentum=0.9"], ["optimizer=adamw", "regularization=[ema]"]]
)
def test_a_pruned_network_stays_pruned(go, more):
    go("trainer.max_epochs=1")
    content = torch.load("run/checkpoints/best.pt", weights_only=True)
    cut = {}
    for name, tensor in content["model"].items():
        if tensor.ndim == 2:
            cut[name] = tensor.abs() < tensor.abs().median()
            tensor[cut[name]] = 0
    torch.save(content["model"], "pruned.pt")
    go(
        "init=checkpoint",
        "init.path=pruned.pt",
        "compression=[keep_zeros]",
        "trainer.max_epochs=2",
        *more,
        folder="again",
    )
    for file in ("best", "last"):
        model = torch.load(f"again/checkpoints/{file}.pt", weights_only=True)["model"]
        for name, mask in cut.items():
            assert (model[name][mask] == 0).all()
            assert (model[name][~mask] != 0).float().mean() > 0.99
