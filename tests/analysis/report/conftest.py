"""Folders to report on, and words that must not be taken for anything but words."""

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from runner.analysis.ablation import Run
from tests.analysis.ablations import ablation_of
from tests.analysis.conftest import Maker

HOSTILE = (
    '</script></style></code><img src=x onerror="boom()"> & ``` | `code` *b* _u_ [l](http://x.test/) {{ 7*7 }} \u202e'
)
SCORES = {
    "none": (0.871, 0.868, 0.874, 0.866, 0.870),
    "mixup": (0.880, 0.874, 0.885, 0.873, 0.878),
    "swa": (0.869, 0.871, 0.870, None, 0.873),
}


@pytest.fixture(scope="session")
def base(few_runs):
    """A run to copy."""
    return few_runs / "adam"


@pytest.fixture
def run(base, tmp_path):
    """The folder of a run."""
    return Maker(base)(tmp_path / "run", best=0.25, scores={"val/accuracy": 0.9})


def write_ablation(base, folder, arms=SCORES, **changes):
    """The folder of an ablation with such scores: its runs, and ``ablation.json``."""
    make, number, found = Maker(base), 0, {}
    for arm, scores in arms.items():
        for seed, score in enumerate(scores):
            place = f"trials/{number:04d}-seed_{seed}"
            status, cause = ("failed", f"no more memory {HOSTILE}") if score is None else ("completed", None)
            result = {"status": status, "cause": cause}
            make(folder / place, best=0.5, scores={"test/accuracy": score or 0.0}, result=result, seed=seed)
            known = {} if score is None else {"test/accuracy": score, "val/loss": 1 - score}
            found.setdefault(f"regularization={arm}", {})[seed] = Run(place, status, cause, 1.5, known)
            number += 1
    fixed = ["data=iris", "trainer.max_epochs=3"]
    ablation_of(folder, found, fixed, "seed", "test/accuracy", "max", **changes).write()
    return folder


def write_sweep(base, folder, count=12, objectives=("val/loss",), **changes):
    """The folder of a sweep over a rate and a model: trials, the last of which failed."""
    make = Maker(base)
    settings = {
        "name": folder.name,
        "study": "study-1",
        "created": "2026-01-01 00:00:00",
        "sampler": "random",
        "seed": 0,
        "repeats": 1,
        "objectives": list(objectives),
        "directions": ["minimize", "maximize"][: len(objectives)],
        "fixed": ["data=iris"],
        "space": {
            "optimizer.lr": {"space": "interval(1e-4,1)", "kind": "float", "log": True},
            "model": {"space": "mlp,cnn", "kind": "choice", "log": False},
        },
        "config_name": "config",
        "arguments": ["optimizer.lr=interval(1e-4,1)", "model=mlp,cnn", "data=iris"],
        "hydra_arguments": ["hydra/sweeper=random"],
    }
    folder.mkdir(parents=True)
    (folder / "sweep.yaml").write_text(yaml.safe_dump(settings | changes, sort_keys=False))
    for number in range(count):
        failed, loss = number == count - 1, 0.1 + 0.37 * ((number * 7) % count)
        params = {"optimizer.lr": f"{10 ** (-number / 3):.17g}", "model": ("mlp", "cnn")[number % 2]}
        trial = {
            "number": number,
            "point": number,
            "index": number,
            "repeat": 0,
            "params": params,
            "overrides": [f"{key}={value}" for key, value in params.items()],
            "config": {},
            "status": "failed" if failed else "completed",
            "cause": f"diverged {HOSTILE}" if failed else None,
            "values": None if failed else [loss, loss][: len(objectives)],
            "scores": {} if failed else {"val/accuracy": 1 - loss / 10},
            "tested": {"accuracy": 0.75} if number == 0 else None,
            "seconds": 0.5,
        }
        place = make(folder / f"trials/{number:04d}-t", best=loss, result={"status": trial["status"]})
        (place / "trial.json").write_text(json.dumps({**trial, "folder": place.name}))
    with open(folder / "trials.csv", "w", newline="") as file:
        csv.writer(file).writerow(["number", "point", "status"])
    return folder


@pytest.fixture
def ablation(base, tmp_path):
    """The folder of an ablation: mixup is better, swa is not, and has a failed run."""
    return write_ablation(base, tmp_path / "ablation")


@pytest.fixture
def sweep(base, tmp_path):
    """The folder of a sweep of twelve trials, of which trial 0 is best and the last one failed."""
    return write_sweep(base, tmp_path / "sweep")


class Page(HTMLParser):
    """What a browser makes of a page, in short: tags with their attributes, and the text outside style and script."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open, self.tables, self.in_cell = [], [], [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("style", "script", "title"):
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self.open:
            return
        self.texts.append(data)
        if self.in_cell:
            self.tables[-1][-1][-1] += data

    @property
    def cells(self):
        """The tables, as rows of texts."""
        return [[[" ".join(cell.split()) for cell in row] for row in table] for table in self.tables]

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page():
    """Read a page."""
    return lambda path: Page(Path(path).read_text())
