"""Which classes a config may name."""

import subprocess
import sys
from collections import OrderedDict

import pytest
from omegaconf import OmegaConf

from runner.config.hydra_node import check_hydra
from runner.config.targets import check_trusted, resolve
from runner.errors import ConfigError


def test_what_is_meant_is_found():
    import torch

    from runner.model.mlp import MLP

    assert resolve("torch.optim.AdamW", "optimizer._target_") is torch.optim.AdamW
    assert resolve("runner.model.mlp.MLP", "model._target_") is MLP
    assert resolve("collections.OrderedDict", "x", ["collections"]) is OrderedDict


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.exec",
        "torch.load",
        "torch.hub.load",
        "torch.os.system",
        "torch.utils.cpp_extension.load",
        "torch.nn.modules.module.torch",
        "torch.nn.modules.module.OrderedDict",  # the object lives elsewhere than the name
        "torch.optim.optimizer.Path",
        "torch.nn._reduction.warnings.warn",
        "runner.fetch.package.run",
        "runner.fetch.fetching.fetch",  # of our own, classes only
        "runner.record.files.write_text",
        "runner.cli.main",
        "runner.model",
        "torch.nn",
        "torch.nn.functional",
        "",
        ".",
        "..os",
        "torch.nn.",
        ".torch.nn.Linear",
        "torch.nnx.Linear",
        None,
        3,
        ["torch.nn.Linear"],
    ],
)
def test_everything_else_is_refused(target):
    with pytest.raises(ConfigError):
        resolve(target, "model._target_")


def test_a_trusted_prefix_is_a_whole_name():
    assert resolve("json.JSONDecoder", "x", ["json"])
    for trusted in (["js"], ["json.decode"], ["jsonx"]):
        with pytest.raises(ConfigError):
            resolve("json.JSONDecoder", "x", trusted)


def test_nothing_is_imported_for_a_name_that_is_not_trusted():
    code = (
        "import sys\nfrom runner.config.targets import resolve, check_trusted\n"
        "for call in (resolve, lambda t, k: check_trusted({'_target_': t}, k, ())):\n"
        "    try: call('antigravity.fly', 'x')\n    except Exception as e: print(type(e).__name__)\n"
        "print('antigravity' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["ConfigError", "ConfigError", "False"]


def test_nodes_inside_nodes_are_looked_at():
    node = {"_target_": "torch.nn.Sequential", "a": {"_target_": "torch.nn.Linear", "b": {"_target_": "os.system"}}}
    with pytest.raises(ConfigError, match=r"model\.a\.b\._target_=os\.system"):
        check_trusted(node, "model", ())
    check_trusted(node, "model", ("os",))


@pytest.mark.parametrize(
    "hydra",
    [
        {"launcher": {"_target_": "os.system"}},
        {"launcher": {"_target_": "hydra.utils.os.system"}},
        {"launcher": {"_target_": "hydra.utils.instantiate"}},  # a function, which would build anything
        {"sweeper": {"params": [{"_target_": "os.system"}]}},
        {"callbacks": {"x": {"_target_": "logging.os.system"}}},
        {"callbacks": {"x": {"_target_": "${oc.env:HOME}"}}},
        {"callbacks": {"x": "${oc.create:{_target_: os.system}}"}},
        {"job_logging": {"handlers": {"x": {"class": "logging.os.system"}}}},
        {"job_logging": {"filters": {"x": {"()": "logging.config.fileConfig"}}}},
    ],
)
def test_hydras_own_part(hydra):
    with pytest.raises(ConfigError, match="trusted"):
        check_hydra(OmegaConf.create({"verbose": False, **hydra}))


def test_hydras_own_classes_may_be_named():
    hydra = {
        "launcher": {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"},
        "sweeper": {"_target_": "hydra_plugins.runner_sweeper.RunnerSweeper", "max": "${not.known.yet}"},
        "job_logging": {"handlers": {"x": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}}},
        "verbose": False,
    }
    check_hydra(OmegaConf.create(hydra))


TIMM = {
    "__init__.py": "",
    "optim/__init__.py": "def create_optimizer_v2(model): pass\nclass Lamb: pass\n",
    "models/__init__.py": """
from torch import nn
entries = {}
def register_model(function):
    entries[function.__name__] = function
    return function
def is_model(name): return name in entries
def model_entrypoint(name): return entries[name]
def create_model(name, checkpoint_path=""): pass
def load_checkpoint(model, path): pass
from timm.models.small import *
""",
    "models/small.py": """
from torch import nn
from timm.models import register_model
class Small(nn.Linear): pass
def load_pretrained(model): pass
@register_model
def small_patch16(pretrained=False, **kwargs): return Small(2, 2)
""",
}


@pytest.fixture
def timm(tmp_path, monkeypatch):
    """A package with the registry of timm."""
    for name, content in TIMM.items():
        path = tmp_path / "timm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    there = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "timm"}
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "timm"]:
        del sys.modules[name]
    sys.modules.update(there)


def test_of_timm_models_and_optimizers_may_be_named_and_what_loads_files_may_not(timm):
    for target in ("timm.models.small_patch16", "timm.models.small.Small", "timm.optim.Lamb"):
        assert callable(resolve(target, "model._target_"))
    for target in (
        "timm.models.create_model",
        "timm.models.load_checkpoint",
        "timm.models.small.load_pretrained",
        "timm.models.register_model",
        "timm.optim.create_optimizer_v2",
    ):
        with pytest.raises(ConfigError, match="trusted"):
            resolve(target, "model._target_")
        assert callable(resolve(target, "model._target_", ["timm"]))  # by who says so
    check_trusted({"_target_": "timm.models.small_patch16", "num_classes": 10}, "model", ())
    check_trusted({"_target_": "timm.models.small_patch16", "cache_dir": "mine"}, "model", ["timm"])
    for name in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        with pytest.raises(ConfigError, match=name):
            check_trusted({"_target_": "timm.models.small_patch16", name: {"file": "theirs.pth"}}, "model", ())
