"""What reads files that may be damaged or too large: bounds, ends, and what is nested without end."""

import pytest

from runner.record import reading
from runner.record.reading import read, read_json, read_lines, read_yaml

DEEP = "[" * 100_000


def test_as_much_as_is_asked_for_and_no_more_than_is_allowed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert (read(path), read(path, last=2), read(path, last=9)) == (b"12345", b"45", b"12345")
    assert (read(path, largest=5), read(path, last=2, largest=4), read(path, largest=None)) == (
        b"12345",
        b"45",
        b"12345",
    )
    with pytest.raises(OSError, match="has 0 MiB"):
        read(path, largest=4)


def test_a_file_of_text_has_a_bound(tmp_path):
    path = tmp_path / "result.json"
    with open(path, "wb") as file:
        file.truncate(reading.LARGEST + 1)  # takes no room on the disk
    for reader in (read_json, read_lines):
        with pytest.raises(ValueError, match=r"result\.json can't be read \(has 256 MiB\)"):
            reader(path)


def test_what_is_nested_without_end_is_damaged(tmp_path):
    path = tmp_path / "file"
    path.write_text(DEEP)
    with pytest.raises(ValueError, match="file is damaged"):
        read_json(path)
    path.write_text(f'{{"epoch": 1}}\n{DEEP}\n{{"epoch": 2}}\n')
    assert read_lines(path) == [{"epoch": 1}, {"epoch": 2}]


def test_a_yaml_file_is_counted_before_anybody_builds_it(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a: &a [*a]")
    with pytest.raises(ValueError, match="contains itself"):
        read_yaml(path)
    path.write_bytes(b"a: \xff")
    with pytest.raises(ValueError, match=r"is no text in UTF-8 \(byte 4\)"):
        read_yaml(path)
