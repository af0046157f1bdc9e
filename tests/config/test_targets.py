"""Which classes a config may name."""

import subprocess
import sys
from collections import OrderedDict

import pytest
from omegaconf import OmegaConf

from runner.config.targets import check_hydra, check_trusted, resolve
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
        "runner.data.fetch._run",
        "runner.data.fetch.fetch",  # of our own, classes only
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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
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
