"""Whatever polars reads is what Python's csv module reads."""

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.data.table.blocks import Block, read_blocks
from runner.data.table.header import Header
from runner.errors import RunFailed

HEADER = Header(("a", "b", "c"), ",")


def reference(content, header=HEADER, first=2):
    """Line numbers with rows, and the numbers of bad lines."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=header.delimiter, skipinitialspace=True)
    good, bad = [], []
    for row in reader:
        if row and len(row) == len(header.names):
            good.append((first + reader.line_num - 1, tuple(row)))
        elif row:
            bad.append(first + reader.line_num - 1)
    return good, bad


def read(blocks, columns=HEADER.names):
    good, bad = [], []
    for block in blocks:
        values = block.texts(columns)
        good += [(line, tuple(row)) for line, row in zip(values.lines, values.frame.rows(), strict=True)]
        bad += [line for line, _ in values.bad]
    return good, bad


def stripped(rows):
    return [(line, tuple(value.strip() for value in row)) for line, row in rows]


FIELDS = st.sampled_from(
    ["", "1", "x y", " z ", '"q"', '"a,b"', '"l\nm"', '"say ""no"""', 'in"ch', '5"', ' "s"', "é", "x\ty"]
)


@pytest.mark.slow
@given(
    st.lists(st.lists(FIELDS, min_size=2, max_size=4).map(",".join) | st.sampled_from(["", "  "]), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@example(["1,2,3", '"a,b",2', "x,y,z"], "\n", True)
@example(["1,2", "1,2,3,4"], "\n", True)
@example(["1,2,3", "", "4,5,6", ""], "\r\n", True)
@settings(deadline=None, max_examples=600)
def test_any_content_is_read_as_the_csv_module_reads_it(lines, newline, ends):
    content = newline.join(lines) + (newline if ends else "")
    good, bad = read([Block(content.encode(), 2, HEADER, "x")])
    expected, refused = reference(content)
    assert stripped(good) == stripped(expected)
    assert bad == refused


@given(st.text(alphabet='a1 ,;"\n\r\té', max_size=40))
@settings(deadline=None, max_examples=600)
def test_so_is_any_text(content):
    good, bad = read([Block(content.encode(), 2, HEADER, "x")])
    assert (stripped(good), bad) == (stripped(reference(content)[0]), reference(content)[1])


WORDS = st.text(alphabet='ab,"\n\r é', max_size=8)


@pytest.mark.slow
@given(
    st.lists(st.tuples(WORDS, WORDS, st.integers()), max_size=30), st.integers(1, 60), st.sampled_from([",", ";", "\t"])
)
@settings(deadline=None, max_examples=300)
def test_blocks_of_any_size_give_what_the_whole_gives(rows, size, delimiter):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(rows)
    header = Header(HEADER.names, delimiter)
    content = file.getvalue()
    found = list(read_blocks(io.BytesIO(content.encode()), header, "x", size))
    assert b"".join(block.content for block in found) == content.encode()
    assert stripped(read(found)[0]) == stripped(reference(content, header)[0])
    assert not read(found)[1]


def test_only_the_columns_that_are_wanted_are_read():
    block = Block(b"1,2,3\n4,5,6\n", 2, HEADER, "x")
    assert read([block], ("c", "a"))[0] == [(2, ("3", "1")), (3, ("6", "4"))]
    for columns in (("c", "a"), ("a",)):  # as many delimiters as three whole lines have
        ragged = Block(b"1,2,3\n4,5\n6,7,8,9\n", 2, HEADER, "x").texts(columns)
        assert (ragged.lines, [line for line, _ in ragged.bad]) == ([2], [3, 4])


@pytest.mark.parametrize("content", [b"1.5,x,\n,NA,2\n", b'1.5,"x, y",\n"NA",z,2\n'])
def test_typed_values_are_those_of_the_texts(content):
    block = Block(content, 2, HEADER, "x")
    typed = block.typed(HEADER.names, ("a", "c"), ("", "NA"))
    assert typed is not None
    assert typed.frame["a"].to_list() == [1.5, None]
    assert typed.frame["c"].to_list() == [None, 2.0]


@pytest.mark.parametrize("content", [b"x,1,1\n", b"inf,1,1\n", b"nan,1,1\n", b"1,1\n", b"1,1,1,1\n", b'5",1,1\n'])
def test_what_is_not_plain_is_looked_at(content):
    assert Block(content, 2, HEADER, "x").typed(HEADER.names, ("a",), ("",)) is None


def test_a_mark_that_is_never_closed_does_not_take_the_whole_file():
    content = b'1,5",3\n' + b"1,2,3\n" * 600_000
    sizes = [len(block.content) for block in read_blocks(io.BytesIO(content), HEADER, "x", 1000)]
    assert sum(sizes) == len(content)
    assert max(sizes) < 1.1 * 2**20


def test_other_encodings_are_refused():
    with pytest.raises(RunFailed, match="UTF-8"):
        Block("ä,1,2\n".encode("latin1"), 2, HEADER, "x").texts(HEADER.names)
