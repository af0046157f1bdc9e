"""A folder like a user's own, with good files and bad ones, and a way to give commands in it."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

SGD = "# Mine.\n_target_: torch.optim.SGD\n"
RECIPE = "# @package _global_\n# Mine.\n"

FILES = {
    "table.csv": "a,b,price\n" + "".join(f"{i},{i % 3},{i * 2.5}\n" for i in range(60)),
    "old.csv": "a,b,y\r1,2,x\r",
    "my_models.py": """
from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn


class Tiny(nn.Module):
    def __init__(self, spec, width: Annotated[int, Ge(1)] = 8, kind: Literal["wide", "deep"] = "wide"):
        super().__init__()
        features = 1
        for size in spec.input_shape:
            features *= size
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(features, width), nn.ReLU(), nn.Linear(width, spec.num_outputs)
        )

    def forward(self, inputs):
        return self.layers(inputs)
""",
    "mine/model/tiny.yaml": "# My own network.\n_target_: my_models.Tiny\nwidth: 8\nkind: wide\n",
    "mine/model/tony.yaml": "# A misspelt one.\n_target_: my_models.Tony\n",
    "mine/model/gone.yaml": "# Its module is gone.\n_target_: no_models.Tiny\n",
    "broken/optimizer/mine.yaml": SGD + "lr: [0.1\n",
    "colon/optimizer/mine.yaml": "a: b: c\n",
    "tabs/optimizer/mine.yaml": SGD + "\tlr: 0.1\n",
    "twice/optimizer/mine.yaml": SGD + "lr: 0.1\nlr: 0.2\n",
    "binary/optimizer/mine.yaml": b"\xff\xfe\x00\x01lr",
    "list/optimizer/mine.yaml": "- 1\n- 2\n",
    "text/optimizer/mine.yaml": "just a text\n",
    "empty/optimizer/mine.yaml": "",
    "untargeted/optimizer/mine.yaml": "lr: 0.1\n",
    "extension/optimizer/mine.yml": SGD,
    "nodefault/optimizer/mine.yaml": "defaults: [{params: defalt}, _self_]\n" + SGD,
    "baddefaults/optimizer/mine.yaml": "defaults: 3\n" + SGD,
    "unknown/optimizer/mine.yaml": SGD + "lrr: 0.1\n",
    "references/optimizer/mine.yaml": SGD + "lr: ${nothing.here}\n",
    "references/optimizer/environment.yaml": SGD + "lr: ${oc.env:NOT_SET_HERE}\n",
    "references/optimizer/resolver.yaml": SGD + "lr: ${foo:1}\n",
    "references/optimizer/syntax.yaml": SGD + "lr: ${foo\n",
    "recipes/experiment/key.yaml": RECIPE + "optimzer:\n  lr: 3\n",
    "recipes/experiment/option.yaml": RECIPE + "defaults:\n  - override /optimizer: adamm\n",
    "recipes/experiment/argument.yaml": RECIPE + "optimizer:\n  lrr: 3\n",
    "recipes/experiment/technique.yaml": RECIPE + "regularization:\n  dropuot: {p: 0.3}\n",
    "recipes/experiment/package.yaml": "# @package _glob al_\noptimizer:\n  lr: 3\n",
    "recipes/experiment/unselected.yaml": RECIPE + "regularization:\n  dropout: {p: 0.3}\n",
    "recipes/experiment/trusting.yaml": RECIPE + "defaults:\n  - override /model: tiny\ntrusted_targets: [my_models]\n",
    "recipes/experiment/calling.yaml": RECIPE + "hydra:\n  callbacks:\n    mine:\n      _target_: my_models.Tiny\n",
    "recipes/experiment/plain.yaml": RECIPE + "seed: 1\n",
    "recipes/model/tiny.yaml": "# From the same sender.\n_target_: my_models.Tiny\n",
    "recipes/space/trusting.yaml": RECIPE
    + "hydra:\n  sweeper:\n    params: {trusted_targets: '[my_models]', seed: '1,2'}\n",
    "recipes/mine.yaml": "defaults: [config, _self_]\ntrusted_targets: [my_models]\n",
    # Configs that try to run a program.
    "evil/optimizer/system.yaml": "_target_: os.system\ncommand: touch hacked\n",
    "evil/model/nested.yaml": "_target_: runner.model.mlp.MLP\nhidden: {_target_: os.system, command: touch hacked}\n",
    "evil/model/entry.yaml": "_target_: runner.model.mlp.MLP\nhidden: [{_target_: os.system, command: touch hacked}]\n",
    "evil/data/ours.yaml": "_target_: runner.fetch.package.run\ncommand: [touch, hacked]\nwork: .\n",
    "evil/experiment/top.yaml": RECIPE
    + "x: {_target_: os.system, command: touch hacked}\nhydra: {callbacks: {x: '${x}'}}\n",
    "evil/experiment/list.yaml": RECIPE
    + "model: {hidden: [{_target_: os.system, command: touch hacked}]}\n"
    + "hydra: {callbacks: {x: '${model.hidden[0]}'}}\n",
    "evil/experiment/create.yaml": RECIPE
    + "hydra: {callbacks: {x: '${oc.create:{_target_: os.system, command: touch hacked}}'}}\n",
    "evil/experiment/through.yaml": RECIPE
    + "hydra: {callbacks: {x: {_target_: hydra.utils.os.system, command: touch hacked}}}\n",
    "evil/experiment/handler.yaml": RECIPE
    + "hydra: {job_logging: {version: 1, handlers: {x: {class: logging.os.system}}, root: {handlers: [x]}}}\n",
    "evil/experiment/factory.yaml": RECIPE
    + "hydra: {job_logging: {version: 1, filters: {x: {(): logging.config.fileConfig, fname: evil.ini}}}}\n",
    # Files that have no end.
    "itself/optimizer/mine.yaml": SGD + "lr: &a {x: *a}\n",
    "laughs/optimizer/mine.yaml": SGD
    + "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n"
    + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in pairwise("abcdefghij")),
    "deep/optimizer/mine.yaml": SGD + f"lr: {'[' * 5000}{']' * 5000}\n",
    "circle/optimizer/mine.yaml": "defaults: [mine]\n" + SGD,
    "folder/optimizer/mine.yaml/in_it": "",
    "latin/optimizer/mine.yaml": SGD.encode() + "# Café\n".encode("latin-1"),
    "digits/optimizer/mine.yaml": SGD + f"lr: {'9' * 5000}\n",
    "recipes/experiment/number.yaml": RECIPE + "regularization: 5\n",
    "recipes/experiment/word.yaml": RECIPE + "augmentation: flip\n",
    # Names that YAML reads as numbers and words, and files that say nothing.
    "numbers/optimizer/mine.yaml": SGD + "1: 2\n",
    "numbers/optimizer/said.yaml": SGD + "yes: 2\n",
    "empty/hydra/sweeper/mine.yaml": "",
    "empty/hydra/launcher/mine.yaml": "",
    # What is no run folder.
    "nothing_in_it/readme.txt": "",
    "torn/config.yaml": "data: {\n",
    "foreign/config.yaml": "a: 1\n",
    "listed/config.yaml": "- 1\n",
}


def fill(folder: Path) -> Path:
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "pipe/optimizer").mkdir(parents=True)
    os.mkfifo(folder / "pipe/optimizer/mine.yaml")
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """The folder; no test may leave anything in it."""
    return fill(tmp_path_factory.mktemp("home"))


@pytest.fixture
def command(home, monkeypatch, capfd):
    """Give a command in that folder as the command line does; returns exit status, standard output and error."""

    def give(*words: str):
        from runner.cli.verbs import answer

        monkeypatch.chdir(home)
        monkeypatch.syspath_prepend(str(home))
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        capfd.readouterr()
        code = answer(list(words))
        out, err = capfd.readouterr()
        return code, out, err

    return give
