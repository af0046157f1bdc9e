"""Exported files against the networks that they were made of."""

import json

import pytest
import torch

from runner.cli.verbs import answer
from runner.run import load

pytest.importorskip("onnx", reason="onnx is not installed (pip install 'runner[deploy]')")


def test_an_onnx_file_gives_what_the_network_gives(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = trained("data=wine", "trainer.max_epochs=2")
    assert answer(["export", str(parent), "--format", "onnx", "--dynamic-batch"]) == 0
    (folder,) = (tmp_path / "outputs" / "variants").iterdir()
    result = json.loads((folder / "result.json").read_text())
    assert result["test"] == pytest.approx(json.loads((parent / "result.json").read_text())["test"])
    assert json.loads((folder / "manifest.json").read_text())["parent"]["path"] == str(parent)
    x = torch.randn(7, 13)
    torch.testing.assert_close(load(folder).model(x), load(parent).model(x))
    assert answer(["evaluate", str(folder)]) == 0
    capsys.readouterr()
