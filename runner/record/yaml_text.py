"""YAML that may come from somebody else: what it unfolds to is counted before anything is built of it."""

from __future__ import annotations

from typing import Any

import yaml

LONGEST = 1 << 24  # characters
MOST = 100_000  # entries, those that aliases repeat included
DEEPEST = 50  # lists and mappings inside of one another

_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_unfolded(text: str) -> None:
    """Refuse a text of a few lines that stands for gigabytes, or for what has no end.

    An alias (``*name``) repeats what its anchor (``&name``) marks; aliases inside of such parts multiply. The text is
    read as a stream of events, in one pass: a tenth of a millisecond for an option file.

    Args:
        text: need not be valid YAML; what is wrong with it otherwise is told by who reads it.

    Raises:
        ValueError: says which bound it is beyond; a sentence that follows the file's name.
    """
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text):,} characters, and at most {LONGEST:,} are read.")
    known: dict[str | None, int] = {}
    around: list[tuple[str | None, int]] = []  # anchors of what is open here, and the entries counted before it
    count = 0
    try:
        for event in yaml.parse(text, Loader=_FAST):
            if isinstance(event, yaml.AliasEvent):
                if any(event.anchor == anchor for anchor, _ in around):
                    raise ValueError(f"contains itself: *{event.anchor} stands inside of &{event.anchor}.")
                count += known.get(event.anchor, 1)
            elif isinstance(event, yaml.CollectionStartEvent):
                around.append((event.anchor, count))
                count += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = around.pop()
                known |= {anchor: count - before} if anchor else {}
            elif isinstance(event, yaml.ScalarEvent):
                count += 1
            if len(around) > DEEPEST:
                raise ValueError(f"is nested more than {DEEPEST} deep.")
            if count > MOST:
                raise ValueError(f"stands for more than {MOST:,} entries.")
    except yaml.YAMLError:
        return
