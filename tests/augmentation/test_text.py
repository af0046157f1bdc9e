"""What all augmentations of texts have in common, and what they are refused with."""

import pytest
import torch
from hypothesis import given, settings
from torch.overrides import TorchFunctionMode

from runner.augmentation.random_deletion import RandomDeletion
from runner.augmentation.random_insertion import RandomInsertion
from runner.augmentation.random_swap import RandomSwap
from runner.engine.spec import END, PADDING, START
from runner.errors import ConfigError
from tests.augmentation.texts import BATCHES, batch_of_texts, texts_of

NAMES = ("random_deletion", "random_insertion", "random_swap")
TECHNIQUES = [RandomDeletion(0.4), RandomInsertion(0.4), RandomSwap(0.4)]
each = pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.name)
SMALL = ("data=python_functions", "data.packages=[json,urllib,http]", "data.longest=20", "model=gru", "model.hidden=8")


@each
@settings(max_examples=40)
@given(BATCHES)
def test_padding_start_and_end_stay_and_so_do_classes(technique, texts):
    batch = batch_of_texts(texts)
    inputs = batch.inputs.clone()
    made = technique.on_batch(batch)
    assert torch.equal(batch.inputs, inputs)
    assert torch.equal(made.targets, batch.targets)
    assert torch.equal(made.more["groups"], batch.more["lengths"])
    assert (made.examples, made.units) == (batch.examples, batch.units)
    assert made.more["lengths"].dtype == torch.int64 and (made.more["lengths"] >= 1).all()
    behind = torch.arange(made.inputs.shape[1]) >= made.more["lengths"][:, None]
    assert torch.equal(made.inputs == PADDING, behind)
    for before, after in zip(texts, texts_of(made), strict=True):
        for special, place in ((START, 0), (END, -1)):
            assert after.count(special) == before.count(special)
            assert (after[place] == special) == (before[place] == special)


class Unread(TorchFunctionMode):
    """Refuses what has to wait for the device: numbers that are read, and shapes that hang on values."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        reads = ("item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "__index__", "__getitem__")
        assert func.__name__ not in (*reads, "nonzero", "masked_select", "unique", "repeat_interleave"), func
        return func(*args, **(kwargs or {}))


@each
def test_nothing_waits_for_the_device(technique):
    batch = batch_of_texts([[START, *range(5, 12), END], [5], [START]])
    with Unread():
        technique.on_batch(batch)
    with pytest.raises(AssertionError), Unread():
        bool(batch.inputs.max() > 0)


@each
def test_each_text_has_draws_of_its_own_that_go_by_the_seed(technique):
    batch, drawn = batch_of_texts([list(range(10, 40))] * 8), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(texts_of(technique.on_batch(batch)))
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(map(tuple, drawn[0]))) == 8


def test_evaluation_sees_texts_as_they_are(go, tmp_path):
    """Of a network that does not change, training tells another loss and validation the same."""
    rows = [f"{' '.join(map(str, range(i, i + 3 + i % 5)))},{'xy'[i % 2]}" for i in range(60)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]))
    still = (
        "data=text_csv",
        "data.path=texts.csv",
        "model=gru",
        "model.hidden=8",
        "optimizer=sgd",
        "optimizer.lr=1e-30",
        "trainer.max_epochs=1",
        "trainer.limit_batches=3",
    )
    plain = go(*still, folder="plain")
    changed = go(*still, f"augmentation=[{','.join(NAMES)}]", folder="changed")
    assert changed["train"]["loss"] != plain["train"]["loss"]
    assert (changed["val"], changed["test"]) == (plain["val"], plain["test"])


@pytest.mark.parametrize("name", [*NAMES, "synonym_replacement"])
@pytest.mark.parametrize(
    ("words", "task", "reason"),
    [
        (("data=python_source", "model=gru"), "tokens", "which token comes next"),
        (("data=brown", "data.task=tagging", "model=gru"), "tagging", "at the places of the tokens"),
        (("data=digit_sequences", "model=seq2seq"), "sequence", "goes with the wording"),
        (("data=python_functions", "data.masked=0.15", "model=encoder"), "masked", "at the places of the tokens"),
    ],
)
def test_what_is_told_of_single_tokens_is_refused(go, name, words, task, reason):
    with pytest.raises(ConfigError, match=rf"augmentation={name}: is not for {task}: .*{reason}"):
        go(*words, f"augmentation=[{name}]")


def test_images_are_refused(go):
    with pytest.raises(ConfigError, match="augmentation=random_swap takes tokens, and these data are images"):
        go("augmentation=[random_swap]")


def test_nothing_is_drawn_of_texts():
    from runner.plots.augmentation import before_and_after

    with pytest.raises(ConfigError, match="random_swap: changes texts, of which nothing is drawn"):
        before_and_after("random_swap", list(SMALL), None)
