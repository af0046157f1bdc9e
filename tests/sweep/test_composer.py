from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from runner.errors import ConfigError
from runner.sweep.composer import Composer, UnknownKey, is_integer

FILES = {
    "config": "defaults:\n  - optimizer: adam\n  - optimizer@other: adam\n  - _self_\nx: 1\nwords: [a, b]\n"
    "layers: [{size: 1}, {size: 2}]\n"
    "deep: {a: 1, b: {c: 2}}\nsum: ${x}-${deep.a}\n",
    "optimizer/adam": "lr: 0.001\nbetas: [0.9, 0.999]\n",
    "optimizer/sgd": "lr: 0.1\nmomentum: 0.0\n",
    "extra/more": "n: 1\n",
    "open": "defaults: [{optimizer: '???'}, _self_]\nx: 1\n",
}


@pytest.fixture(scope="module")
def composer(tmp_path_factory):
    conf = tmp_path_factory.mktemp("conf")
    for name, text in FILES.items():
        path = Path(conf / f"{name}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    with initialize_config_dir(config_dir=str(conf), version_base=None, job_name="app"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["hydra.job.name=app"], RunMode.MULTIRUN)
        yield Composer(loader, master)


LINES = [
    "x=3",
    "x=null",
    "words=[c]",
    "deep.a=5",
    "deep.b.c=hello",
    "deep.b={c: 7}",
    "++deep.d=8",
    "+new=1",
    "~sum",
    "optimizer=sgd",
    "optimizer=adam",
    "optimizer.lr=1e-05",
    "+extra=more",
    "sum='${deep.b.c}'",
]


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(LINES), unique_by=lambda line: line.partition("=")[0].lstrip("~+"), max_size=5))
def test_values_set_on_a_template_are_hydras_own_composition(composer, lines):
    theirs = composer.loader.load_sweep_config(composer.master, list(lines))
    for _ in range(2):  # the second time from the template
        ours = composer.compose(lines)
        assert OmegaConf.to_container(ours, resolve=False) == OmegaConf.to_container(theirs, resolve=False)
        assert ours._metadata.flags == theirs._metadata.flags


@pytest.mark.parametrize("line", ["y=3", "optimizer=adamm", "deep.x=1", "optimizer.lr.x=1"])
def test_what_hydra_refuses_is_refused(composer, line):
    with pytest.raises(ConfigError, match=line.partition("=")[0].split(".")[0]):
        composer.compose([line])


@pytest.mark.parametrize(
    ("lines", "key", "problem"),
    [
        (["optimizer=sgd", "optimizer.momentun=0.1"], "optimizer.momentun", "optimizer has no key 'momentun'. Did you"),
        (["x=2", "optimizer=sgdd"], "optimizer", "optimizer has no option 'sgdd'. Did you mean 'sgd'? Options"),
        (["optimzer=sgd"], "optimzer", "there is no key 'optimzer'. Did you mean 'optimizer'?"),
        (["deep.b.d=1"], "deep.b.d", "deep.b has no key 'd'. Keys: c."),
        (["deep.a.q=1"], "deep.a.q", "deep.a is a value, it has no key 'q'."),
    ],
)
def test_what_leads_nowhere_is_named(composer, lines, key, problem):
    with pytest.raises(UnknownKey, match=re.escape(problem)) as refused:
        composer.compose(lines)
    assert refused.value.key == key


@pytest.mark.parametrize(("lines", "told"), [([], ""), (["x=2"], " for x=2")])
def test_a_choice_that_is_left_open(composer, lines, told):
    open_one = Composer(composer.loader, composer.loader.load_configuration("open", [], RunMode.MULTIRUN))
    with pytest.raises(ConfigError) as refused:
        open_one.compose(lines)
    told = f"optimizer has to be chosen{told}: the config leaves it open. Write optimizer=.., with several options"
    assert str(refused.value) == f"{told} to search over them. Options: adam, sgd."


def test_what_a_key_is(composer):
    assert composer.current("optimizer") == "adam"
    assert composer.current("words") == "[a,b]"
    assert composer.current("nothing") is None
    assert composer.options("optimizer") == ["adam", "sgd"]
    assert composer.options("x") == []


@dataclass
class Typed:
    n: int = 1
    p: float = 0.5


def test_whole_numbers_of_structured_configs(composer):
    ConfigStore.instance().store(group="extra", name="typed", node=Typed)
    config = composer.compose(["+extra=typed"])
    keys = ("extra.n", "extra.p", "extra.q", "x", "deep.a", "no.where", "x.y")
    assert [key for key in keys if is_integer(config, key)] == ["extra.n"]


@pytest.mark.parametrize(
    "lines",
    [
        ["optimizer=sgd", "optimizer.lr=0.5", "+extra=more", "words=[q]", "++deep.d=8"],
        ["optimizer.betas.0=0.8", "words.1=q", "words.0=p"],
        ["layers.1.size=7", "optimizer@other=sgd", "+extra@deep.e=more"],
        ["words=[c,d,e]", "words.1=q", "deep.b={c: 7}", "deep.b.c=8", "x='a, b'"],
    ],
)
def test_a_recipe_composes_to_the_same(composer, tmp_path, lines):
    text = composer.recipe(lines, "Found by hand.")
    assert text.startswith("# @package _global_\n# Found by hand.\n")
    source = composer.loader.get_sources()[1].path
    folder = Path(source) / "experiment"
    folder.mkdir(exist_ok=True)
    (folder / "best.yaml").write_text(text)
    recipe = composer.loader.load_sweep_config(composer.master, ["+experiment=best"])
    typed = composer.loader.load_sweep_config(composer.master, lines)
    for config in (recipe, typed):
        OmegaConf.set_struct(config, False)
        config.pop("hydra")
    assert recipe == typed
