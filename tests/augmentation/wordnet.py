"""A WordNet of a few words, in the form of its files."""

from __future__ import annotations

from pathlib import Path

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by  \n"
WORDS = {
    "data.noun": [
        ("n", "car", "auto", "motor_car", "Machine"),
        ("n", "machine", "engine"),
        ("n", "Paris"),
        ("n", "name", "value"),
    ],
    "data.verb": [("v", "shop", "buy")],
    "data.adj": [("a", "big", "large"), ("s", "ample", "large(p)")],
    "data.adv": [("r", "now", "today")],
}


def write_wordnet(folder: Path) -> Path:
    """Write the four files into a new folder."""
    folder.mkdir()
    for name, sets in WORDS.items():
        lines = [
            f"{number:08} 03 {kind} {len(words):02x} {''.join(f'{word} 0 ' for word in words)}001 @ 00000001 n 0000 | a"
            ' gloss; "of words, such as auto"  \n'
            for number, (kind, *words) in enumerate(sets)
        ]
        (folder / name).write_text("".join([LICENCE, *lines]))
    return folder
