import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.analysis.settings import flat_settings, flatten
from runner.config.options import Options
from runner.run import compose
from runner.run.hyperparameters import hyperparameters

COMMANDS = [
    ["model=cnn", "optimizer=momentum", "regularization=[mixup,label_smoothing]", "augmentation=[flip]"],
    ["data=iris", "optimizer=adamw", "optimizer/wrapper=sam", "scheduler=constant", "metric=[top_k]", "warmup=linear"],
    ["data=diabetes", "loss=huber", "init=he", "data.batch_size=full", "tracking=[csv]"],
]
EVERY = ["mixup", "label_smoothing", "flip", "csv"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_settings_are_those_of_the_run(command):
    """The columns of TensorBoard's HParams page are made from the recipe; these from the file alone."""
    from runner.config.check import check_run

    recipe = check_run(compose(command))
    found = flat_settings(recipe.text)
    expected = hyperparameters(recipe, Options())
    for key, value in expected.items():
        name = key.removesuffix(" (word)")
        if name != "optimizer.params" and not str(value).startswith("["):
            assert found[name] == value, name
    techniques = {f"{group}.{name}" for group in ("regularization", "augmentation", "tracking") for name in EVERY}
    assert not techniques & found.keys(), "the group names them"
    assert {key for key in found if found[key] is not None} >= {key.removesuffix(" (word)") for key in expected}


NAMES = st.sampled_from(["seed", "data", "model", "regularization", "optimizer", "a", "_b", "x.y", "with space", "ünï"])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=30), st.dates()
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_parts_are_read_as_the_whole(config):
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=None, allow_unicode=True, width=40)
    assert flat_settings(text) == flatten(yaml.safe_load(text) or {})


def test_parts_that_refer_to_each_other():
    assert flat_settings("a: &x {b: 1}\nc: *x\n") == {"a.b": 1, "c.b": 1}


def test_what_comes_from_the_environment_stays_a_reference(monkeypatch):
    monkeypatch.setenv("SECRET", "s3cr3t")
    assert flat_settings("data: {path: '${oc.env:SECRET}/x'}\n") == {"data.path": "${oc.env:SECRET}/x"}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi")
)

DICT_BOMB = "a: &a {}\n" + "".join(
    f"{new}: &{new} {{{', '.join(f'k{i}: *{old}' for i in range(9))}}}\n" for old, new in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "- 1\n",
        "just words\n",
        "a: &a {b: *a}\n",
        "a: &a [*a]\n",
        BOMB,
        DICT_BOMB,
        "a: " + "[" * 2000 + "]" * 2000,
        "a: " + "{b: " * 2000 + "1" + "}" * 2000,
        "a: !!python/object/apply:os.system ['touch hacked']\n",
        "{a: 1}: 2\n",
        "[1, 2]\n",
    ],
)
def test_what_is_no_configuration_is_refused_at_once(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r".+"):
        flat_settings(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["evil.Evil", "runner.", "", 3, None, ["x"], {"a": 1}, "torch.optim.Adam"])
def test_classes_are_named_and_not_looked_at(target):
    found = flat_settings(yaml.safe_dump({"optimizer": {"_target_": target, "wrapper": 3, "params": [1]}}))
    assert "optimizer" in found


def test_an_empty_file_has_none():
    assert flat_settings("") == flat_settings("# nothing\n") == {}
