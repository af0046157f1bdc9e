"""Synonyms: from a WordNet of the test's own, and the real one where it is on this machine."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.augmentation.synonym_replacement import SynonymReplacement
from runner.augmentation.text.wordnet import files, synonyms
from runner.config.check import check_inputs, resolved
from runner.config.recipe import Recipe
from runner.engine.spec import SPECIAL, Field, Spec
from runner.errors import ConfigError, RunFailed
from runner.fetch.sets.wordnet import WORDNET
from runner.run import compose
from tests.augmentation.texts import BATCHES, batch_of_texts, comes_as, texts_of, words
from tests.augmentation.wordnet import write_wordnet

VOCABULARY = (*SPECIAL, "car", "auto", "machine", "big", "tree", "large", "Car", "Auto", "now", "today", "engine")
NUMBERS = {word: number for number, word in enumerate(VOCABULARY)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_wordnet(tmp_path_factory.mktemp("data") / "wordnet")


@pytest.fixture(scope="module")
def ready(root):
    """A technique that knows the synonyms of a vocabulary."""

    def make(alpha, vocabulary=VOCABULARY, folder=root, tell=lambda text: None):
        spec = Spec("classification", Field("tokens", (None,), len(vocabulary)))
        progress = SimpleNamespace(message=tell)
        technique = SynonymReplacement(alpha, str(folder))
        transform = {"vocabulary": list(vocabulary)}
        technique.setup(SimpleNamespace(spec=spec, about={"transform": transform}, device="cpu", progress=progress))
        return technique

    return make


def numbers(text):
    return [NUMBERS[word] for word in text.split()]


def test_synonyms_are_the_other_single_words_of_all_sets_that_the_vocabulary_has(root):
    found = synonyms(files(str(root)), VOCABULARY)
    named = {VOCABULARY[i]: {VOCABULARY[j] for j in others} for i, others in enumerate(found) if others}
    assert named == {
        "car": {"auto", "machine"},
        "auto": {"car", "machine"},
        "machine": {"car", "auto", "engine"},
        "engine": {"machine"},
        "big": {"large"},
        "large": {"big"},
        "Car": {"Auto"},
        "Auto": {"Car"},
        "now": {"today"},
        "today": {"now"},
    }


def test_spelling_goes_with_the_word():
    from runner.augmentation.text.wordnet import spelled_as

    assert [spelled_as(word, "auto") for word in ("car", "Car", "CAR", "cAr", "C", "1")] == [
        *("auto", "Auto", "AUTO", "", "Auto", "auto")
    ]


def test_any_word_with_synonyms_is_replaced_by_any_of_them_as_often(ready):
    """One of three words that have some, by one of its own: by the formula. Stop words and others stay."""
    torch.manual_seed(0)
    text = numbers("now big tree car machine")
    expected = {}
    for place, others in ((1, "large"), (3, "auto machine"), (4, "car auto engine")):
        for other in numbers(others):
            expected[(*text[:place], other, *text[place + 1 :])] = 1 / 3 / len(others.split())
    assert comes_as(texts_of(ready(0.1).on_batch(batch_of_texts([text] * 12_000))), expected) > 0.01


@pytest.mark.parametrize("alpha", [0.1, 0.35, 1.0])
def test_the_unchanged_share_is_as_the_formula_says(ready, alpha):
    texts = [numbers("car tree") * length for length in range(1, 30)]
    found = texts_of(ready(alpha).on_batch(batch_of_texts(texts)))
    for before, after in zip(texts, found, strict=True):
        changed = sum(a != b for a, b in zip(before, after, strict=True))
        assert changed == min(max(1, int(alpha * len(before))), len(before) // 2)  # every other word has synonyms


@settings(max_examples=40)
@given(BATCHES, st.sampled_from([0.1, 0.5, 1.0]))
def test_length_class_and_vocabulary_stay(ready, texts, alpha):
    technique, batch = ready(alpha), batch_of_texts(texts)
    kept = batch.inputs.clone()
    made = technique.on_batch(batch)
    assert torch.equal(batch.inputs, kept) and torch.equal(made.targets, batch.targets)
    assert torch.equal(made.more["lengths"], batch.more["lengths"])
    alike = synonyms(files(technique.root), VOCABULARY)
    for before, after in zip(texts, texts_of(made), strict=True):
        places = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert all(b in alike[a] for a, b in places)
        able = sum(bool(alike[token]) for token in before)
        assert len(places) == (min(max(1, int(alpha * len(words(before)))), able))


def test_a_text_has_other_synonyms_with_another_seed_only(ready):
    technique, drawn = ready(0.5), []
    batch = batch_of_texts([numbers("car machine big auto large engine")] * 8)
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(texts_of(technique.on_batch(batch)))
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(map(tuple, drawn[0]))) > 4


def test_what_there_is_is_told(ready):
    told = []
    ready(0.1, tell=told.append)
    assert told == ["synonym_replacement: 9 of 15 entries of the vocabulary have synonyms in it"]


@pytest.mark.parametrize("tokenizer", ["bpe", "wordpiece", "characters"])
def test_other_tokens_than_words_are_refused_before_texts_are_read(go, tmp_path, tokenizer):
    (tmp_path / "texts.csv").write_text("these are no columns of texts and classes\n")
    words = ("data=text_csv", "data.path=texts.csv", f"data.tokenizer={tokenizer}", "data.vocabulary=300", "model=gru")
    with pytest.raises(
        ConfigError, match=r"these tokens are pieces of words or characters\. Take data\.tokenizer=words"
    ):
        go(*words, "augmentation=[synonym_replacement]")


def test_other_tokens_than_words_of_a_file_are_refused_when_they_are_known():
    recipe = Recipe(resolved(compose(["data=python_functions", "augmentation=[synonym_replacement]", "model=gru"])))
    for between in ("", "##"):
        with pytest.raises(ConfigError, match="these tokens are pieces of words or characters"):
            check_inputs(recipe, Field("tokens", (None,), between=between))
    check_inputs(recipe, Field("tokens", (None,)))


def test_a_vocabulary_without_synonyms_is_refused(ready):
    with pytest.raises(ConfigError, match="no word of the vocabulary has a synonym in it"):
        ready(0.1, (*SPECIAL, "Baum", "Wagen", "now"))


def test_missing_and_damaged_files_are_told(root, tmp_path):
    with pytest.raises(ConfigError, match=r"root=nowhere: .*`python -m runner fetch wordnet`"):
        files("nowhere")
    folder = write_wordnet(tmp_path / "wordnet")
    (folder / "data.verb").write_text("not\xa0a line\n")
    with pytest.raises(RunFailed, match=r"data\.verb:1: is no line of WordNet"):
        synonyms(files(str(folder)), VOCABULARY)


def test_what_can_not_be_fetched_is_told_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    if WORDNET.on_machine():
        pytest.skip("the system has it")
    with pytest.raises(RunFailed, match=r"wordnet: .*run `python -m runner fetch wordnet`") as said:
        files(None)
    assert "data.root" not in str(said.value)


def test_a_run_is_refused_other_synonyms_than_it_began_with(ready, root, tmp_path):
    state, other = ready(0.1).state_dict(), write_wordnet(tmp_path / "other")
    ready(0.3).load_state_dict(state)
    (other / "data.adj").write_text("")
    with pytest.raises(ConfigError, match=r"root=.*other: .* are not those with which the run began"):
        ready(0.1, folder=other).load_state_dict(state)


def test_words_of_wordnet():
    """Those that its own program `wn -syns` prints for these words, as far as they are single words."""
    if not WORDNET.on_machine():
        pytest.skip("`python -m runner fetch wordnet` brings it")
    vocabulary = (
        *SPECIAL,
        "car",
        "auto",
        "railcar",
        "gondola",
        "motorcar",
        "cable",
        "buy",
        "purchase",
        "galore",
        "dog",
    )
    found = synonyms(files(None), vocabulary)
    named = {vocabulary[i]: [vocabulary[j] for j in others] for i, others in enumerate(found) if others}
    assert named == {
        "car": ["auto", "railcar", "gondola", "motorcar"],
        "auto": ["car", "motorcar"],
        "railcar": ["car"],
        "gondola": ["car"],
        "motorcar": ["car", "auto"],
        "buy": ["purchase"],
        "purchase": ["buy"],
    }
