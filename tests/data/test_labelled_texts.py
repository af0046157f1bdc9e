"""Mails, newsgroups and news: from packages of the test's own, and the real ones where they are on this machine."""

import dataclasses
import io
import json
import tarfile

import numpy as np
import pytest
import torch

from runner.data.newsgroups import Newsgroups
from runner.data.reuters_r8 import ReutersR8
from runner.data.reuters_r52 import ReutersR52
from runner.data.source.available import available
from runner.data.spam import Spam
from runner.data.text.mail import subject_and_body
from runner.data.text.orange import HEADER, OrangeTexts
from runner.errors import ConfigError, RunFailed
from runner.fetch.sets.orange_text import ORANGE_TEXT
from runner.fetch.sets.spam_assassin import ARCHIVE, SPAM_ASSASSIN
from tests.fetch.conftest import file_of

CODED = (
    "Received: from nowhere\nSubject: A latin letter\nContent-Type: text/plain; charset=latin-1\n"
    "Content-Transfer-Encoding: quoted-printable\n\ncaf=E9\n"
)


def texts_of(data, part):
    """The words of every text of a part."""
    split, vocabulary = data.parts[part], data.transform.vocabulary
    return [" ".join(vocabulary[t] for t in split.read(rows).inputs[0]) for rows in torch.arange(len(split)).split(1)]


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Files in Orange's form, taken for the published ones: words that name the class, and where they are from."""
    contents = {}
    for name in ORANGE_TEXT.files:
        part = "test" if "test" in name else "train"
        rows = [f"{c}\tof {c} {part} {i}" for i in range(20) for c in ReutersR8.class_names]
        contents[name] = "\n".join([*HEADER, "\t", *rows]).encode()
        (tmp_path / name).write_bytes(contents[name])
    own = dataclasses.replace(ORANGE_TEXT, files={name: file_of(content) for name, content in contents.items()})
    monkeypatch.setattr(OrangeTexts, "published", (own,))
    return tmp_path


def test_the_published_test_part_is_the_test_part(tables):
    data = ReutersR8(root=str(tables)).load()
    assert [len(data.parts[part]) for part in ("train", "val", "test")] == [136, 24, 160]
    assert all("<unknown>" in text for text in texts_of(data, "test"))  # as training has not the word test
    assert all(" train " in text for part in ("train", "val") for text in texts_of(data, part))
    assert data.spec.targets.counts == (17,) * 8
    first = data.train.read(torch.tensor([0]))
    assert data.spec.class_names[first.targets[0]] in texts_of(data, "train")[0]
    folds = [ReutersR8(root=str(tables), folds=4, fold=fold).load() for fold in range(2)]
    assert texts_of(folds[0], "test") == texts_of(folds[1], "test")
    assert not set(texts_of(folds[0], "val")) & set(texts_of(folds[1], "val"))


def test_a_line_without_a_class_is_told(tables, monkeypatch):
    path = tables / "reuters-r8-train.tab"
    path.write_text("\n".join([*HEADER, "acq\tone", "no class"]))
    published = dataclasses.replace(
        ORANGE_TEXT, files={**OrangeTexts.published[0].files, path.name: file_of(path.read_bytes())}
    )
    monkeypatch.setattr(OrangeTexts, "published", (published,))
    with pytest.raises(RunFailed, match="expected three lines of header, then a class, a tab and a text"):
        ReutersR8(root=str(tables)).load()


def test_another_file_is_not_read(tables):
    (tables / "reuters-r8-test.tab").write_text("\n".join(HEADER))
    with pytest.raises(RunFailed, match="damaged or replaced"):
        ReutersR8(root=str(tables)).load()


@pytest.fixture
def mails(tmp_path, monkeypatch):
    """A package of mails, taken for the published one; some say the same."""
    path = tmp_path / ARCHIVE
    with tarfile.open(path, "w:gz") as archive:
        for group, number in (("easy-ham-1", 40), ("spam-2", 24)):
            for i in range(number):
                text = f"Received: by host{i}\nSubject: {group}\n\nletter {i % 16} of {group}\n"
                content = json.dumps({"id": f"{i}", "group": group, "text": text}).encode()
                info = tarfile.TarInfo(f"package/data/{group}/{i:05}.json")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    own = dataclasses.replace(SPAM_ASSASSIN, files={ARCHIVE: file_of(path.read_bytes())})
    monkeypatch.setattr(Spam, "published", (own,))
    return tmp_path


def test_mails_of_the_same_text_are_in_one_part(mails):
    data = Spam(root=str(mails)).load()
    parts = [set(texts_of(data, part)) for part in ("train", "val", "test")]
    assert sum(map(len, parts)) == 32 and not parts[0] & parts[1] and not (parts[0] | parts[1]) & parts[2]
    assert sum(len(split) for split in data.parts.values()) == 64
    assert "host" not in " ".join(parts[0]) and "Received" not in data.transform.vocabulary
    assert "Received" in Spam(root=str(mails), headers=True).load().transform.vocabulary


def test_what_a_mail_says():
    assert subject_and_body(CODED) == "A latin letter\ncafé\n"
    unknown = CODED.replace("latin-1", "no-such-charset")
    assert subject_and_body(unknown) == "A latin letter\ncafé\n"
    two = (
        'Subject: two\nContent-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/html\n\n<p>hear</p>\n'
        "--x\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--x--\n"
    )
    assert subject_and_body(two) == "two\n<p>hear</p>"
    assert subject_and_body("") == "\n"


@pytest.mark.parametrize("option", [Spam, Newsgroups])
def test_a_folder_without_the_files_is_a_wrong_command(option, tmp_path):
    with pytest.raises(ConfigError, match=r"data.root=.*: expected a folder with"):
        option(root=str(tmp_path)).probe()
    assert option().probe().num_classes == len(option().classes())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "sizes"),
    [(ReutersR8, (5_485, 2_189)), (ReutersR52, (6_532, 2_568)), (Newsgroups, (11_293, 7_528)), (Spam, (5_138, 908))],
)
def test_the_real_texts(option, sizes):
    """As many as the collections are said to have."""
    if available()[option.__module__.rpartition(".")[2]].startswith("missing"):
        pytest.skip(f"not on this machine; `runner fetch {option.published[0].name}`")
    data = option().load()
    assert (len(data.train) + len(data.val), len(data.test)) == sizes
    if option is Spam:
        labels = np.concatenate([part.targets.numpy() for part in data.parts.values()])
        assert np.bincount(labels).tolist() == [4_150, 1_896]
