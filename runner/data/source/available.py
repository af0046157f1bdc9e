"""Which data sets are on this machine, for people who look before they run."""

import importlib
import pkgutil

import runner.data
from runner.data.source import bundled
from runner.fetch.listener import megabytes
from runner.fetch.published import Published

BUNDLED = {
    "digits": "digits.csv.gz",
    "breast_cancer": "breast_cancer.csv",
    "wine": "wine_data.csv",
    "iris": "iris.csv",
    "diabetes": "diabetes_data_raw.csv.gz",
}


def fetched() -> dict[str, tuple[Published, ...]]:
    """What each data option takes of what others publish; those that take nothing are left out."""
    options: dict[str, tuple[Published, ...]] = {}
    for module in pkgutil.iter_modules(runner.data.__path__):
        if not module.ispkg:
            for value in vars(importlib.import_module(f"runner.data.{module.name}")).values():
                if isinstance(value, type) and value.__module__.endswith(f".{module.name}"):
                    options[module.name] = getattr(value, "published", ()) or options.get(module.name, ())
    return {name: published for name, published in options.items() if published}


def available() -> dict[str, str]:
    """Where each preset is on this machine, or how it would be had. Fetches and imports nothing heavy.

    Returns:
        A sentence per option name; it starts with ``missing`` when a run would have to fetch the data first.
    """
    place = bundled.folder()
    answers = {}
    for name, file in BUNDLED.items():
        there = place is not None and (place / file).is_file()
        answers[name] = f"{place}" if there else "missing: comes with scikit-learn (pip install scikit-learn)"
    for name, sets in fetched().items():
        answers[name] = "; ".join(state(published) for published in sets if not published.on_machine()) or ", ".join(
            state(published) for published in sets
        )
    return answers


def state(published: Published) -> str:
    """The folder of a set that is on this machine; else how it would be had."""
    if files := published.on_machine():
        return str(next(iter(files.values())).parent)
    ways = [f"{way.label} ({megabytes(way.size)}{', ' * bool(way.lacks())}{way.lacks()})" for way in published.ways]
    return f"missing: `python -m runner fetch {published.name}` by {' or '.join(ways)}"
