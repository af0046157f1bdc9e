"""Trust is for classes of the kind that belongs there, not for whatever a trusted module holds."""

import sys
from pathlib import Path

import pytest
import yaml

NEW = "../outside/new"
MLP = {"_target_": "runner.model.mlp.MLP", "hidden": [4]}

# A group, and what an option of it says.
OPTIONS = {
    "other_module": ("model", {"_target_": "evil.Evil"}),
    "logging": ("optimizer", {"_target_": "logging.FileHandler", "filename": NEW}),
    "sweep": ("model", {"_target_": "runner.sweep.launcher.local.LocalLauncher", "count": 1}),
    "folder": ("model", {"_target_": "runner.record.folder.RunFolder", "path": NEW}),
    "testing": ("model", {"_target_": "runner.testing.option.Option"}),
    "files": ("model", {"_target_": "runner.record.files.write_text", "path": NEW, "text": "x"}),
    "torch_load": ("model", {"_target_": "torch.load", "f": NEW}),
    "torch_save": ("model", {"_target_": "torch.save", "obj": 1, "f": NEW}),
    "hub": ("model", {"_target_": "torch.hub.load", "repo_or_dir": "."}),
    "extension": ("model", {"_target_": "torch.utils.cpp_extension.load", "name": "x", "sources": []}),
    "numpy": ("model", {"_target_": "numpy.save", "file": NEW, "arr": 1}),
    "joblib": ("model", {"_target_": "joblib.load", "filename": NEW}),
    "functional": ("model", {"_target_": "torch.nn.functional.relu", "input": 1}),
    "init_function": ("init", {"_target_": "torch.nn.init.zeros_"}),
    "utils": ("model", {"_target_": "torch.nn.utils.parameters_to_vector", "parameters": []}),
    "parallel": ("model", {"_target_": "torch.nn.parallel.data_parallel"}),
    "helper": ("model", {"_target_": "torchvision.models.get_weight", "name": "x"}),
    "lists": ("model", {"_target_": "torchvision.models.list_models"}),
    "weights": ("model", {"_target_": "torchvision.models.ResNet18_Weights"}),
    "swapped": ("model", {"_target_": "runner.data.csv.CSV", "path": NEW}),
    "dataclass": ("model", {"_target_": "runner.fetch.published.Published"}),
    "optimizer_as_model": ("model", {"_target_": "torch.optim.SGD", "params": []}),
    "averaged": ("optimizer", {"_target_": "torch.optim.swa_utils.AveragedModel"}),
    "inner": ("model", {**MLP, "activation": {"_target_": "evil.Evil"}}),
    "inner_folder": ("model", {**MLP, "activation": {"_target_": "runner.data.csv.CSV", "path": NEW}}),
    "inner_function": ("model", {**MLP, "activation": {"_target_": "torch.nn.functional.relu"}}),
    "partial": ("model", {"_target_": "hydra.utils.get_class", "path": "evil.Evil"}),
    "get_object": ("model", {"_target_": "hydra.utils.get_object", "path": "evil.Evil"}),
    "call": ("model", {"_target_": "hydra.utils.call", "config": {"_target_": "evil.Evil"}}),
    "args": ("model", {**MLP, "_args_": [1], "_partial_": True}),
    "convert": ("model", {**MLP, "_recursive_": True, "_convert_": "object"}),
    "through": ("model", {"_target_": "torch.nn.modules.module.torch.load"}),
    "private": ("model", {"_target_": "torch.nn.modules.module._WrappedHook"}),
    "builtins": ("model", {"_target_": "builtins.exec"}),
    "not_installed": ("model", {"_target_": "timm.models.Evil"}),
    "not_a_name": ("model", {"_target_": ["evil.Evil"]}),
    "data_task": ("data", {"_target_": "runner.data.csv.CSV", "path": "x.csv", "target": "a", "task": "evil.Evil"}),
}


def option(group, values, folder="theirs"):
    path = Path(folder, group)
    path.mkdir(parents=True, exist_ok=True)
    (path / "mine.yaml").write_text(f"# Best ever.\n{yaml.safe_dump(values, sort_keys=False)}")


@pytest.fixture
def timm(place):
    """A package of the working directory that is called as one which is not installed here."""
    if "timm" in sys.modules:
        pytest.skip("timm is installed")
    (place / "timm/models").mkdir(parents=True)
    for file in ("timm/__init__.py", "timm/models/__init__.py"):
        (place / file).write_text((place / "evil.py").read_text())
    yield
    assert "timm" not in sys.modules


@pytest.mark.parametrize("name", OPTIONS)
def test_what_an_option_may_name(name, answer, timm):
    group, values = OPTIONS[name]
    option(group, values)
    code, _, error = answer("check", "--config-dir", "theirs", f"{group}=mine")
    assert (code, f"{group}." in error) == (2, True), error
    code, _, error = answer("check", "--config-dir", "theirs", f"{group}=mine", "trusted_targets=[other]")
    assert code == 2, error


@pytest.mark.parametrize("name", OPTIONS)
def test_showing_and_listing_import_nothing_of_theirs(name, answer, timm):
    group, values = OPTIONS[name]
    option(group, values)
    code, out, _ = answer("show", f"{group}/mine", "--config-dir", "theirs")
    assert code in (0, 2)
    assert answer("list", group, "--config-dir", "theirs")[0] == 0
    assert code == 2 or "Best ever." in out


def test_an_option_whose_module_is_not_trusted_is_shown_without_types(answer):
    option("model", {"_target_": "evil.Evil", "width": 8})
    code, out, error = answer("show", "model/mine", "--config-dir", "theirs")
    assert (code, error) == (0, "")
    assert "model.width" in out
    assert "trusted_targets=[evil]" in out


def test_an_option_of_ones_own_is_shown_with_types(answer):
    Path("my_shown.py").write_text("class Mine:\n    def __init__(self, width: int = 3): pass\n")
    option("model", {"_target_": "my_shown.Mine", "width": 8})
    code, out, error = answer("show", "model/mine", "--config-dir", "theirs", "trusted_targets=[my_shown]")
    assert (code, error) == (0, "")
    assert "an integer" in out


@pytest.mark.parametrize("group", ["scheduler", "init", "warmup"])
def test_pictures_of_theirs(group, answer):
    option(group, {"_target_": "evil.Evil"})
    code, _, error = answer("show", f"{group}/mine", "--plot", "--config-dir", "theirs")
    assert (code, "evil.Evil" in error) == (2, True), error


@pytest.mark.parametrize("target", ["torchvision.models.resnet18", "torchvision.models.segmentation.fcn_resnet50"])
def test_models_of_torchvision_are_models(target):
    from runner.config.targets import resolve

    assert callable(resolve(target, "model._target_"))
