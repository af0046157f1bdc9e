"""Networks of torchvision are explained as ours are: Grad-CAM finds their last convolution, or the patches'."""

import json
from pathlib import Path

import pytest

from runner.cli.verbs import answer
from tests.config.test_options import MODELS

SHORT = ("trainer.max_steps=1", "trainer.threads=1", "trainer.images=0", "trainer.evaluation=off", "data.batch_size=8")


@pytest.mark.slow
@pytest.mark.parametrize(("model", "layer"), [("mobilenet_v3", "features.12.0"), ("vit", "conv_proj")])
def test_grad_cam_and_predictions(model, layer, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["data=digits", f"model={model}", *MODELS[model], *SHORT, "hydra.run.dir=run"]) == 0
    assert answer(["explain", "run", "--method", "grad_cam", "--examples", "2"]) == 0
    assert json.loads(Path("run/explanations/grad_cam.json").read_text())["layer"] == layer
