"""Paraphrases and back-translation: what is written, by a small network of the test's own; how it is kept and drawn."""

import json
import shutil
import threading
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from runner.augmentation.back_translation import BackTranslation
from runner.augmentation.paraphrase import Paraphrase
from runner.augmentation.text import rewriting
from runner.data.parts.split import Parts
from runner.data.text.documents import documents
from runner.data.text.tokenizer import Tokenizer
from runner.engine.interrupt import Interrupt
from runner.engine.progress import Progress
from runner.engine.split.rewritten import RewrittenSplit
from runner.engine.split.rows import RowsSplit
from runner.engine.split.sequences import SequenceSplit
from runner.errors import ConfigError
from runner.record.lock import Lock
from tests.augmentation.writers import WORDS, write_writer

transformers = pytest.importorskip("transformers")
TEXTS = [" ".join(WORDS[3 + (i * 7 + j * j * (i + 1)) % 16] for j in range(1 + i % 5)) for i in range(20)]
TEXTS += ["", "car", " ".join(WORDS[3:])]  # an empty one, one that comes twice, and one that is too long
CPU, LONGEST = torch.device("cpu"), 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_writer(tmp_path_factory.mktemp("data") / "t5")


@pytest.fixture(scope="module")
def data():
    """The texts above to learn from, with a class each, and two to choose by."""
    texts, labels = [*TEXTS, "car", "tree"], np.arange(len(TEXTS) + 2) % 2
    parts = Parts(*map(np.array, (list(range(len(TEXTS))), [len(TEXTS), len(TEXTS) + 1], [])))
    parts = Parts(*(part.astype(np.int64) for part in parts))
    return documents(Tokenizer("words"), texts, labels, parts, class_names=["x", "y"], fingerprint="")


@pytest.fixture
def written(folder, data, tmp_path):
    """The data with copies, as a technique makes them in an empty cache."""

    def make(given=data, kind=Paraphrase, interrupt=None, tell=lambda text: None, **settings):
        places = (folder,) if kind is Paraphrase else (folder, folder)
        settings = {
            "temperature": 0.0,
            "longest": LONGEST,
            "batch_size": 4,
            "cache": str(tmp_path / "copies"),
        } | settings
        progress = Progress()
        progress.message = tell
        technique = kind(*map(str, places), **settings)
        return technique.on_data(given, CPU, progress, interrupt or Interrupt())

    return make


@cache
def loaded(folder):
    return (
        transformers.AutoModelForSeq2SeqLM.from_pretrained(folder),
        transformers.AutoTokenizer.from_pretrained(folder),
    )


def alone(folder, text):
    """What transformers writes for one text by itself; None where that is nothing or does not end."""
    model, tokenizer = loaded(folder)
    given = tokenizer(text, return_tensors="pt")
    if not text or given["input_ids"].shape[1] > LONGEST:
        return None
    made = model.generate(**given, max_new_tokens=LONGEST, do_sample=False)[0].tolist()
    return (tokenizer.decode(made, skip_special_tokens=True) or None) if tokenizer.eos_token_id in made else None


def copies_of(made, data, number=0):
    split = made.train
    batch = split.inner.read(split.rows[:, 1 + number])
    return [data.transform.decode(row) for row in batch.inputs.tolist()]


def kept_of(data, copies):
    """Copies as the vocabulary of the data has them, and the text in place of one that there is not."""
    known = set(data.transform.vocabulary)
    named = [copy and " ".join(word if word in known else "<unknown>" for word in copy.split()) for copy in copies]
    return [copy or text for text, copy in zip(TEXTS, named, strict=True)]


def test_a_copy_is_what_the_network_writes_for_the_text_alone(folder, data, written):
    expected = [alone(folder, text) for text in TEXTS]
    assert alone(folder, "car") == "auto" and len(set(expected)) > 5 and None in expected
    assert copies_of(written(), data) == kept_of(data, expected)


def test_back_translation_reads_what_it_wrote(folder, data, written):
    there = [alone(folder, text) for text in TEXTS]
    back = [text and alone(folder, text) for text in there]
    assert back[0] == "text"  # car, auto, text
    assert copies_of(written(kind=BackTranslation), data) == kept_of(data, back)


def test_all_but_training_stays_and_so_do_classes_and_vocabulary(data, written):
    before = data.transform.vocabulary
    made = written()
    assert made.val is data.val and made.spec == data.spec and made.transform.vocabulary == before
    assert len(made.train) == len(data.train)
    assert torch.equal(made.train.classes(), data.train.classes())
    rows = torch.arange(len(TEXTS))
    for batch in made.train.opened(CPU, 3, 0).batches(1, rows, 5, iter):
        assert int(batch.inputs.max()) < data.spec.inputs.size
    read = torch.cat([batch.targets for batch in replace(made.train, p=1.0).batches(1, rows, 5, iter)])
    assert torch.equal(read, data.train.classes())


def split_of(examples, copies, p):
    """Example i is the token 4 + i; its copies have its number behind it and their own behind that."""
    rows = torch.arange(examples * (1 + copies))
    inner = SequenceSplit(rows, torch.arange(len(rows) + 1), rows % examples)
    behind = examples + torch.arange(examples)[:, None] * copies + torch.arange(copies)
    return RewrittenSplit(inner, torch.cat((torch.arange(examples)[:, None], behind), 1), p)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_the_unchanged_share_is_as_the_formula_says(p):
    """1 - p of the texts stay, and each of three copies comes as often: within four standard errors."""
    number = 20_000
    split = split_of(number, 3, p).opened(CPU, 0, 0)
    seen = torch.cat([batch.inputs[:, 0] for batch in split.batches(0, torch.arange(number), 512, iter)])
    which = torch.where(seen < number, -1, (seen - number) % 3)
    for copy, expected in ((-1, 1 - p), *((c, p / 3) for c in range(3))):
        share = float((which == copy).double().mean())
        assert abs(share - expected) <= 4 * (expected * (1 - expected) / number) ** 0.5


def test_what_is_drawn_is_a_function_of_seed_epoch_and_example():
    def drawn(seed, epoch, rows, size):
        split = split_of(200, 2, 0.5).opened(CPU, seed, 0)
        return torch.cat([batch.inputs[:, 0] for batch in split.batches(epoch, rows, size, iter)])

    rows = torch.arange(200)
    first = drawn(0, 0, rows, 32)
    assert torch.equal(first.flip(0), drawn(0, 0, rows.flip(0), 7))
    assert not torch.equal(first, drawn(0, 1, rows, 32)) and not torch.equal(first, drawn(1, 0, rows, 32))


def test_examples_that_are_left_out_or_repeated_keep_their_copies(data, written):
    rows = torch.tensor([5, 3, 3, 0])
    some = replace(data, parts={**data.parts, "train": RowsSplit(data.train, rows)})
    whole, made = written(), written(some)
    assert copies_of(made, data) == [copies_of(whole, data)[row] for row in rows.tolist()]
    assert torch.equal(made.train.classes(), data.train.classes()[rows])


def test_copies_are_written_once_and_a_part_of_them_is_gone_on_with(data, written, tmp_path, monkeypatch):
    told = []
    made = written(temperature=2.0, copies=2, tell=told.append)
    assert [text.split(",")[0] for text in told] == ["paraphrase: writing 22 training texts anew", told[1]]
    (file,) = (tmp_path / "copies").glob("*.jsonl")
    whole = file.read_bytes()
    assert [len(copies) for line in whole.splitlines() for copies in json.loads(line)] == [2] * 22
    file.write_bytes(whole[: len(whole) // 2])  # its process was killed while it wrote
    assert copies_of(written(temperature=2.0, copies=2), data, 1) == copies_of(made, data, 1)
    assert file.read_bytes() == whole
    file.write_bytes(whole[:3] + b"?" + whole[4:])  # damaged
    assert copies_of(written(temperature=2.0, copies=2), data, 1) == copies_of(made, data, 1)
    monkeypatch.setattr(rewriting, "_load", None)
    told.clear()
    assert copies_of(written(temperature=2.0, copies=2, tell=told.append), data) == copies_of(made, data)
    assert len(told) == 1 and "training texts have copies" in told[0]


def test_asked_to_stop_it_keeps_what_is_written(written, tmp_path):
    asked = Interrupt()
    asked.requested = "SIGTERM"
    with pytest.raises(KeyboardInterrupt):
        written(interrupt=asked)
    (file,) = (tmp_path / "copies").glob("*.jsonl")
    assert len(file.read_bytes().splitlines()) == 1


def test_while_another_process_writes_them_a_run_waits(data, written, tmp_path):
    before, told = written(), []
    (file,) = (tmp_path / "copies").glob("*.jsonl")
    lock = Lock(file.with_suffix(".lock"))
    assert lock.take() is None
    timer = threading.Timer(0.5, lock.release)
    timer.start()
    assert copies_of(written(tell=told.append), data) == copies_of(before, data)
    timer.join()
    assert "is writing the training texts anew: waiting for it" in told[0] and len(told) == 2


def test_data_without_texts_are_refused(data, written):
    bare = replace(data, parts={**data.parts, "train": replace(data.train, texts=())})
    with pytest.raises(ConfigError, match=r"paraphrase: needs the texts that examples were made of"):
        written(bare)


def test_wrong_folders_and_settings_are_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"augmentation\.paraphrase\.path=nowhere"):
        Paraphrase("nowhere")
    with pytest.raises(ConfigError, match=r"temperature=0: all 2 copies would be the same"):
        Paraphrase(str(folder), copies=2, temperature=0)
    other = shutil.copytree(folder, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"is_encoder_decoder": False}))
    with pytest.raises(ConfigError, match=r"back_translation\.back=.*other: is no network from sequence to sequence"):
        BackTranslation(str(folder), str(other))
    (other / "model.safetensors").rename(other / "model.bin")
    with pytest.raises(ConfigError, match=r"only model\.bin, a pickle that could run a program"):
        Paraphrase(str(other))
