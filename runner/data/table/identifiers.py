"""Columns that tell rows apart and say nothing of them: identifiers, and free text."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from runner.errors import RunFailed

if TYPE_CHECKING:
    import polars as pl

FREE_TEXT = 50  # a column of more words than this, most of them different, is no category
FIRST = 100  # rows that are looked at before all of them are


def refuse_free_text(frame: pl.DataFrame, categorical: Collection[str], source: str) -> None:
    """See that words are categories.

    Args:
        frame: the columns that features are made of.
        categorical: those that are categories whatever they hold.
        source: the file's name, for messages.

    Raises:
        RunFailed: words are mostly different, or look like numbers with a decimal comma.
    """
    import polars as pl

    for column in frame:
        name, texts = column.name, column.drop_nulls()
        if name in categorical or column.dtype.is_numeric() or column.dtype.is_temporal() or not len(texts):
            continue
        different = texts.unique()
        words = len(different)
        if different.str.contains(r"^[-+]?\d+,\d+$").all():
            raise RunFailed(
                f"{source}: column {name!r} holds texts such as {texts.min()!r}, which look like numbers "
                "with a decimal comma. Read them as such with \"data.decimal=','\", or say "
                f"data.kinds={{{name}:category}}."
            )
        none = different.filter(different.cast(pl.Float64, strict=False).is_null())
        if words > FREE_TEXT and 0 < len(none) < words / 2:
            raise RunFailed(
                f"{source}: column {name!r} holds {words - len(none):,} different numbers, and texts that are none, "
                f"such as {none.min()!r}. Name those that mean that there is no value in data.na_values, or say "
                f"data.kinds={{{name}:category}}."
            )
        if words > FREE_TEXT and words > len(texts) / 2:
            raise RunFailed(
                f"{source}: column {name!r} holds {words:,} different texts in {len(texts):,} rows, such as "
                f"{texts.min()!r}: an identifier or free text. Leave it out with data.exclude=[{name}] "
                f"or say data.kinds={{{name}:category}} if each text is one. "
                "A network reads such texts with data=text_csv."
            )


def counts_rows(column: pl.Series) -> bool:
    """Whether a column goes up by one from row to row."""
    if not column.dtype.is_numeric() or column.has_nulls():
        return False
    return all(bool((some.diff().drop_nulls() == 1).all()) for some in (column.head(FIRST), column))
