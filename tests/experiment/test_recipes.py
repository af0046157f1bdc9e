"""Recipes override and define nothing, and the words that their comments recommend are words that work."""

import re
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from runner.config.options import Options
from runner.run import compose

OPTIONS = Options()
NAMES = OPTIONS.names("experiment")
PRESETS = "override /"


def recipe(name):
    return yaml.safe_load(OPTIONS.file("experiment", name).read_text())


def leaves(node, path=""):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}".lstrip("."))
    else:
        yield path


def recommended(name):
    """What the comments say may be typed, each alternative by itself."""
    text = " ".join(OPTIONS.comments("experiment", name))
    for clause in re.split(r",\s|;\s|\.\s|:\s|\sor\s", f"{text} "):
        words = [word.rstrip(".,") for word in re.findall(r"[\w/.]+=\S+", clause)]
        if words:
            yield words


@pytest.mark.parametrize("name", NAMES)
def test_it_only_overrides(name):
    content = recipe(name)
    choices = content.pop("defaults")
    assert all(len(entry) == 1 and next(iter(entry)).startswith(PRESETS) for entry in choices)
    typed = [f"{key.removeprefix(PRESETS)}={value}" for entry in choices for key, value in entry.items()]
    there = compose([word.replace("'", "") for word in typed])
    for key in leaves(content):
        assert "_target_" not in key
        assert OmegaConf.select(there, key, default="missing") != "missing", f"{key} is not there to be overridden"


@pytest.mark.parametrize("name", NAMES)
def test_what_it_recommends_can_be_typed(name):
    for words in recommended(name):
        start = [] if words[0].startswith("experiment=") else [f"experiment={name}"]
        compose([*start, *words])


def test_each_effect_names_its_other_side():
    """The two sides of a comparison are a recipe and the words in its comment."""
    assert len(NAMES) >= 16
    assert all(list(recommended(name)) for name in NAMES)


def test_what_is_typed_comes_before_what_a_recipe_holds():
    config = compose(["experiment=mlp_all_tricks", "optimizer.lr=0.5", "regularization=[label_smoothing]"])
    assert config.optimizer.lr == 0.5
    assert list(config.regularization) == ["label_smoothing"]  # the recipe's values for the others are dropped


def test_the_page_of_effects_shows_every_recipe_and_every_picture():
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "effects.md").read_text()
    assert [name for name in NAMES if f"experiment={name}" not in page] == []
    linked = re.findall(r"\]\((pictures/effects/\S+\.png)\)", page)
    assert sorted(linked) == sorted(p.relative_to(docs).as_posix() for p in docs.glob("pictures/effects/*.png"))
    assert len(linked) == page.count("<!-- figures: ") == page.count("seeds. `python benchmarks/effects.py --only")
