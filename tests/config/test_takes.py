"""What a network or technique can be given is declared by its class, and looked at before anything is built."""

from typing import get_args

import pytest

from runner.cli.verbs import answer
from runner.config.check import check_inputs, resolved
from runner.config.recipe import Recipe
from runner.config.targets import resolve
from runner.engine.spec import Field, Kind
from runner.errors import ConfigError
from runner.run import compose

from .test_options import ALL, LISTS, content

KINDS: tuple[Kind, ...] = ("table", "series", "image", "tokens", "graph")
DECLARED = [
    (group, name, takes)
    for group, name in ALL
    if "_target_" in content(group, name)
    and isinstance(takes := getattr(resolve(content(group, name)["_target_"], group), "takes", None), tuple)
]


@pytest.fixture(scope="module")
def plain():
    return resolved(compose([]))


def chosen(plain, group, name):
    node = content(group, name)
    anything = {"_target_": "torch.nn.Identity"}  # declares nothing, so what is refused is the option
    return Recipe({**plain, "model": anything, group: {name: node} if group in LISTS else node})


def test_some_declare_what_they_take():
    names = {name for _, name, _ in DECLARED}
    assert {"cnn", "resnet", "lstm", "crop", "cutout", "flip", "rotation", "noise", "mixup", "cutmix"} <= names
    assert set(KINDS) <= set(get_args(Kind))


@pytest.mark.parametrize(("group", "name", "takes"), DECLARED, ids=lambda part: part if isinstance(part, str) else "")
def test_every_kind_that_is_not_declared_is_refused(plain, group, name, takes):
    recipe = chosen(plain, group, name)
    for kind in KINDS:
        if kind in takes:
            check_inputs(recipe, Field(kind))
            continue
        with pytest.raises(ConfigError, match=f"{group}={name} takes .* and these data are "):
            check_inputs(recipe, Field(kind))
    check_inputs(recipe, None)  # not known yet


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data=iris", "model=cnn"], "model=cnn takes images, and these data are rows of a table. Take model=ft_t"),
        (["data=wine", "model=resnet"], "model=resnet takes images"),
        (["data=iris", "model=gru"], "model=gru takes series or images"),
        (["data=iris", "augmentation=[flip]"], "augmentation=flip takes images"),
        (["data=iris", "regularization=[cutmix]"], "regularization=cutmix takes images"),
        (["data.as_sequence=true", "augmentation=[rotation]"], "these data are series. Leave rotation out"),
    ],
)
def test_the_command_ends_before_a_run_begins(words, said, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert answer(words) == 2
    assert said in capfd.readouterr().err
    assert not list(tmp_path.glob("outputs/runs/*"))
