"""Words that mean the same, out of the files of WordNet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from runner.errors import ConfigError, RunFailed, no_file
from runner.fetch.fetching import ready
from runner.fetch.sets.wordnet import WORDNET


def files(root: str | None) -> list[Path]:
    """The files ``data.noun``, ``data.verb``, ``data.adj`` and ``data.adv``.

    Args:
        root: their folder; None: WordNet 3.0, fetched where it is not on this machine.

    Raises:
        ConfigError: there is no such folder, or one of them is not in it.
        RunFailed: they can't be fetched, or are not those that were published.
    """
    if root is None:
        paths, _ = ready(WORDNET)
        WORDNET.check(paths)
        return list(paths.values())
    folder = Path(root).expanduser()
    for name in WORDNET.files:
        if not (folder / name).is_file():
            raise ConfigError(
                f"augmentation.synonym_replacement.root={root}: {no_file(folder / name)} Expected the folder with "
                f"{', '.join(WORDNET.files)} of WordNet; null takes that of `python -m runner fetch {WORDNET.name}`."
            )
    return [folder / name for name in WORDNET.files]


def synsets(file: Path) -> Iterator[list[str]]:
    """The single words in lower case of each set of words that mean the same; see wndb(5WN) for the form.

    Raises:
        RunFailed: a line is none of WordNet.
    """
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.startswith(b"  "):  # the licence
                continue
            try:
                offset, _, kind, number_of_words, rest = line.split(b" ", 4)
                count = int(number_of_words, 16)
                words = [word.decode() for word in rest.split(b" ", 2 * count)[: 2 * count : 2]]
                if not (offset.isdigit() and kind in (b"n", b"v", b"a", b"s", b"r") and len(words) == count):
                    raise ValueError
            except ValueError as error:
                raise RunFailed(f"{file}:{number}: is no line of WordNet's data files. Expected them whole.") from error
            # An adjective may say behind it where it stands: "galore(ip)".
            yield [word.partition("(")[0].lower() for word in words if "_" not in word]


def synonyms(files: Iterable[Path], vocabulary: Sequence[str]) -> list[list[int]]:
    """The entries of a vocabulary that mean the same as each of them in any sense; none for one that is no word.

    Words are looked for as they stand, in lower case; what is found is spelled as the word is: ``Car``, ``Auto``.

    Args:
        files: see `files`.
        vocabulary: its entries.

    Returns:
        Numbers of entries, in ascending order, for each entry.
    """
    numbers = {name: number for number, name in enumerate(vocabulary)}
    known = {name.lower() for name in vocabulary}
    alike: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for words in synsets(file):
            if len(inside := known.intersection(words)) > 1:
                for word in inside:
                    alike[word] |= inside - {word}
    found = []
    for name in vocabulary:
        others = (spelled_as(name, other) for other in alike.get(name.lower(), ()))
        found.append(sorted({numbers[other] for other in others if other in numbers}))
    return found


def spelled_as(name: str, other: str) -> str:
    """A word of lower case spelled as another one: ``car``, ``Car`` or ``CAR``; empty where that is none of them."""
    spellings = {name.upper(): other.upper(), name.capitalize(): other.capitalize(), name.lower(): other}
    return spellings.get(name, "")
