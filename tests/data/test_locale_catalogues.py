"""Catalogues of gettext: their format, what is taken of them, and what is said where there are none."""

import gettext

import pytest

from runner.data.locale_catalogues import LocaleCatalogues
from runner.data.text.catalogues import catalogues, messages
from runner.errors import ConfigError, RunFailed
from tests.data.pairs import compiled

ENTRIES = {
    "File not found": "Datei nicht gefunden",
    "%d file\0%d files": "%d Datei\0%d Dateien",
    "menu\x04Open": "Öffnen",
}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "locale" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "a.mo").write_bytes(compiled(ENTRIES | {f"error {n}": f"Fehler {n}" for n in range(30)}))
    (folder / "b.mo").write_bytes(compiled({"Open": "Auf", "Close": "Zu", "Long": "L" * 81, "Same": ""}))
    (folder / "iso_639.mo").write_bytes(compiled({"Afar": "Danakil"}))
    (folder / "link.mo").symlink_to("a.mo")
    return tmp_path / "locale"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_messages_are_those_that_gettext_reads(order, charset, tmp_path):
    path = tmp_path / "a.mo"
    path.write_bytes(compiled(ENTRIES, order, charset))
    with path.open("rb") as file:
        theirs = gettext.GNUTranslations(file)
    found = dict(messages(path))
    assert found == {
        "File not found": theirs.gettext("File not found"),
        "%d file": theirs.ngettext("%d file", "%d files", 1),
        "Open": theirs.pgettext("menu", "Open"),
    }


def test_the_first_translation_of_a_message_counts(root):
    data = LocaleCatalogues(root=str(root)).load()
    assert sum(len(split) for split in data.parts.values()) == 34  # 33 of a.mo, Close
    assert data.notes[0] == "34 messages of 2 catalogues"
    assert "1 with an empty side" in data.notes[1] and "1 with a side of more than 80 characters" in data.notes[1]
    assert LocaleCatalogues(root=str(root), exclude=()).load().notes[0] == "35 messages of 3 catalogues"


def test_the_fingerprint_tells_when_the_machine_changed(root):
    option = LocaleCatalogues(root=str(root))
    before = option.load().fingerprint
    assert option.load().fingerprint == before
    (root / "de" / "LC_MESSAGES" / "c.mo").write_bytes(compiled({"New": "Neu"}))
    assert option.load().fingerprint != before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"language": "dee"}, r"data\.language=dee: .* Did you mean 'de'\? There are: de\."),
        ({"exclude": ("*",)}, r"data\.exclude=.* leaves no catalogue of de"),
        ({"root": "/nowhere"}, r"data\.root=/nowhere: there are no translations .*data=translation_pairs"),
    ],
)
def test_where_there_are_none_other_ways_are_named(root, settings, message):
    with pytest.raises(ConfigError, match=message):
        LocaleCatalogues(**{"root": str(root)} | settings).probe()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        compiled(ENTRIES)[:60],
        compiled(ENTRIES)[:-20],
        compiled(ENTRIES).replace(b"charset=utf-8", b"charset=utf-x"),
    ],
    ids=["empty", "text", "tables", "strings", "charset"],
)
def test_a_damaged_catalogue_is_named(tmp_path, content):
    (tmp_path / "a.mo").write_bytes(content)
    with pytest.raises(RunFailed, match=r"a\.mo is no catalogue of gettext, or damaged"):
        list(messages(tmp_path / "a.mo"))


def test_of_this_machine(tmp_path):
    option = LocaleCatalogues()
    try:
        option.probe()
    except ConfigError:
        pytest.skip("no catalogues on this machine")
    path = catalogues(type(tmp_path)(option.root), option.language)[0]
    with path.open("rb") as file:
        theirs = gettext.GNUTranslations(file)
    found = list(messages(path))
    assert found and sum(theirs.gettext(source) == target for source, target in found) >= 0.9 * len(found)
