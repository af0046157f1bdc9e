"""The Brown corpus: from a package of the test's own, and the real one where it is on this machine."""

import dataclasses
import io
import tarfile

import pytest
import torch

from runner.data.brown import Brown
from runner.data.source.available import available
from runner.data.text.brown import part_of_speech
from runner.engine.spec import IGNORED
from runner.errors import ConfigError, RunFailed
from runner.fetch.sets.brown import ARCHIVE, BROWN
from tests.fetch.conftest import file_of

WORDS = "The/at dog/nn barks/vbz ./.", "He's/pps+bez in/in 1/2/cd Rome/np-tl !/."


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A package of 24 texts in two genres, taken for the published one; each text has a word of its own."""
    path = tmp_path / ARCHIVE
    with tarfile.open(path, "w:gz") as archive:
        for genre in "ar":
            for i in range(12):
                content = f"\n\n\t{WORDS[0]}\n\n\n\t{WORDS[1]}\n\ttext{genre}{i:02}/nn ./.\n".encode()
                info = tarfile.TarInfo(f"package/c{genre}{i:02}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        for other in ("package/README", "package/cats.txt", "package/ca"):
            archive.addfile(tarfile.TarInfo(other), io.BytesIO())
    own = dataclasses.replace(BROWN, files={ARCHIVE: file_of(path.read_bytes())})
    monkeypatch.setattr(Brown, "published", (own,))
    return str(tmp_path)


def spelled(data, part):
    split, names = data.parts[part], data.transform.vocabulary
    return [[names[token] for token in split.read(rows).inputs[0]] for rows in torch.arange(len(split)).split(1)]


def test_sentences_with_their_tags(corpus):
    data = Brown(root=corpus, task="tagging").load()
    assert data.spec.class_names == (".", "at", "cd", "in", "nn", "np", "pps", "vbz")
    assert data.spec.task == "tagging" and data.spec.inputs.names == data.transform.vocabulary
    batch = data.train.read(torch.arange(3))
    names = data.spec.class_names
    first, second, third = ([names[c] for c in row if c != IGNORED] for row in batch.targets)
    assert first == ["at", "nn", "vbz", "."] and second == ["pps", "in", "cd", "np", "."] and third == ["nn", "."]
    assert spelled(data, "train")[1] == ["He's", "in", "1/2", "Rome", "!"]
    assert batch.units == 11 and batch.more["lengths"].tolist() == [4, 5, 2]
    assert bool(((batch.targets == IGNORED) == (torch.arange(5) >= batch.more["lengths"][:, None])).all())
    assert data.spec.targets.counts == tuple(17 * n for n in (3, 1, 1, 1, 2, 1, 1, 1))
    assert Brown(root=corpus, task="tagging", marks=True).load().spec.class_names[-3:] == ("np-tl", "pps+bez", "vbz")


@pytest.mark.parametrize("task", ["tagging", "tokens"])
def test_texts_are_divided_whole_and_every_genre_alike(corpus, task):
    data = Brown(root=corpus, task=task, split=(0.5, 0.25, 0.25), length=1).load()
    pieces = {part: {word for row in spelled(data, part) for word in row} for part in data.parts}
    train = {word for word in pieces["train"] if word.startswith("text")}
    assert len(train) == 12 and sum(word.startswith("texta") for word in train) == 6
    assert all("<unknown>" in pieces[part] for part in ("val", "test"))  # their own word is not that of training
    assert len(Brown(root=corpus, task=task, genres=("humor",), length=1).load().train) < len(data.train)


def test_longer_sentences_are_cut_with_their_tags(corpus):
    data = Brown(root=corpus, task="tagging", longest=3).load()
    batch = data.train.read(torch.arange(len(data.train)))
    assert batch.targets.shape == batch.inputs.shape == (51, 3)
    assert any("of 51 texts only the first 3 tokens are read" in note for note in data.notes)


@pytest.mark.parametrize(
    ("tag", "told"),
    [("nn-tl-hl", "nn"), ("fw-in+at-tl", "in"), ("md*", "md"), ("*", "*"), ("--", "--"), ("pp$", "pp$")],
)
def test_parts_of_speech(tag, told):
    assert part_of_speech(tag) == told


def test_wrong_commands():
    with pytest.raises(ConfigError, match=r"no genre 'humour'. Did you mean 'humor'\?"):
        Brown(genres=("humour",))
    with pytest.raises(ConfigError, match=r"data.task=tagging: words have tags.*data.tokenizer=words"):
        Brown(task="tagging", tokenizer="characters")


def test_too_little_text_is_told(corpus):
    with pytest.raises(RunFailed, match=r"data.length=1000: a part of these data"):
        Brown(root=corpus, length=1000).load()


@pytest.mark.slow
@pytest.mark.skipif(available()["brown"].startswith("missing"), reason="not on this machine; `runner fetch brown`")
def test_the_real_corpus():
    """As many sentences and words as its manual states of this form."""
    data = Brown(task="tagging", longest=1000).load()
    assert sum(len(split) for split in data.parts.values()) == 57_340
    assert sum(len(split.values) for split in data.parts.values()) == 1_161_192
    assert 75 <= data.spec.num_classes <= 100


@pytest.mark.parametrize("given", [{"masked": 0.1}, {"stateful": True}])
def test_what_language_models_have_is_refused_where_tags_are_told(given):
    with pytest.raises(
        ConfigError, match=r"data\.task=tagging data\.(masked=0\.1|stateful=true): is of language models"
    ):
        Brown(task="tagging", **given)
    assert Brown(**given).probe().task == ("masked" if "masked" in given else "tokens")
