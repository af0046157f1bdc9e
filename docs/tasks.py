"""Writes tasks.md: a thin path through every task, trained by one command beside a trivial baseline.

    python docs/tasks.py [TASK ...]

Each command is run as it stands in the table, in one thread; its score is that of the test part, and the baseline is
computed on the same part. That a run resumes exactly, and that raw files are predicted as evaluation saw them, is held
by the tests that are named in `PATHS`; they are run too. Rows that are not asked for stay as they are.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from runner.baseline.tags import TagOfWord
from runner.config.check import check_run
from runner.engine.data import Data
from runner.engine.spec import IGNORED
from runner.run import compose

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "tasks.md"

HEAD = """\
# Every task

Written by `python docs/tasks.py`; not to be edited by hand. Each command trains the plainest network that fits real
data which need no download, but for `brown` (3 MB) and `solubility` (0.5 MB), which are fetched. Scores are of the test
part, the trivial baseline beside them is computed on the same part; seconds are those of the processor ({processor})
for the whole run, start included. *Resumed* says that an interrupted run ends bit for bit as an uninterrupted one,
*predicted* that `predict` on raw files gives what evaluation saw: the tests named below the table hold both.

| task | command, behind `python -m runner` | score | trivial baseline | seconds | resumed | predicted |
|---|---|---|---|---|---|---|
"""


def targets(data: Data, part: str = "test") -> Tensor:
    """All targets of a part."""
    split = data.parts[part]
    return split.read(torch.arange(len(split))).targets


def most_frequent_class(data: Data) -> float:
    """Accuracy of the class that the training part has most often."""
    return float((targets(data) == targets(data, "train").mode().values).float().mean())


def no_label(data: Data) -> float:
    """Hamming accuracy of telling no label."""
    return 1 - float(targets(data).float().mean())


def the_mean(data: Data) -> float:
    """RMSE of the training part's mean, in units, the mean of the targets."""
    unit = torch.tensor(data.spec.targets.std, dtype=torch.float64)
    error = (targets(data).double() - targets(data, "train").double().mean(0)) * unit
    return float(error.square().mean(0).sqrt().mean())


def all_background(data: Data) -> float:
    """Mean IoU over the classes that occur of telling the background everywhere."""
    true = targets(data)[targets(data) != IGNORED]
    return float((true == 0).float().mean()) / len(true.unique())


def nothing(data: Data) -> float:
    """Mean average precision without any box."""
    return 0.0


def frequencies(data: Data) -> float:
    """Bits per character of how often characters are in the training part."""
    counts = torch.bincount(targets(data, "train").flatten(), minlength=data.spec.targets.size or 0) + 1.0
    return float(-(counts / counts.sum()).log()[targets(data)].mean()) / math.log(2)


def tag_of_word(data: Data) -> float:
    """Share of words whose tag is the one that they had most often in the training part."""
    batch = data.parts["test"].read(torch.arange(len(data.parts["test"])))
    model = TagOfWord(data.spec.inputs.size or 0, data.spec.num_outputs).fit(data.train)
    hits = model.outputs(batch).argmax(-1) == batch.targets
    return float(hits.sum() / (batch.targets != IGNORED).sum())


def unchanged(data: Data) -> float:
    """Exact matches of giving the sequence back as it came."""
    split = data.parts["test"]
    batch = split.read(torch.arange(len(split)))
    same = 0
    for tokens, answer, length in zip(batch.inputs, batch.targets, batch.more["lengths"].tolist(), strict=True):
        wanted = answer[answer != IGNORED].tolist()[:length]
        same += tokens[:length].tolist() == wanted
    return same / len(split)


def last_value(data: Data) -> float:
    """MAE of telling the last value again, in units."""
    split = data.parts["test"]
    batch = split.read(torch.arange(len(split)))
    error = (batch.targets - batch.inputs[:, -1:]).double() * torch.tensor(data.spec.targets.std, dtype=torch.float64)
    return float(error.abs().mean())


@dataclass(frozen=True)
class Line:
    """A row: what is done, the score that is shown, the baseline, and the tests that hold the rest."""

    command: str
    score: str
    baseline: Callable[[Data], float]
    resumed: str
    predicted: str


TASK = "tests/task"
PATHS = {
    "multilabel": Line(
        "data=digit_composites data.task=multilabel data.batch_size=16 model=cnn model.channels=[16,32,64] "
        "model.head=[] optimizer.lr=0.005 trainer.max_epochs=12",
        "hamming_accuracy", no_label,
        f"{TASK}/test_masks.py -k 'resumed and multilabel'", f"{TASK}/test_masks.py -k 'evaluation_saw and multilabel'",
    ),
    "regression, three targets": Line(
        "data=diabetes data.targets=[bp,s5]", "rmse", the_mean,
        f"{TASK}/test_several_targets.py -k resumed", f"{TASK}/test_several_targets.py -k evaluation_saw",
    ),
    "segmentation": Line(
        "data=digit_composites data.batch_size=8 model=unet model.channels=8 model.depth=3 optimizer.lr=0.005 "
        "trainer.max_epochs=10",
        "mean_iou", all_background,
        f"{TASK}/test_masks.py -k 'resumed and segmentation'",
        f"{TASK}/test_masks.py -k 'evaluation_saw and segmentation'",
    ),
    "detection": Line(
        "data=digit_composites data.task=detection data.batch_size=16 model=detector optimizer.lr=0.003 "
        "trainer.max_epochs=15",
        "map50", nothing,
        f"{TASK}/test_masks.py -k 'resumed and detection'", f"{TASK}/test_masks.py -k 'evaluation_saw and detection'",
    ),
    "classification of documents": Line(
        "data=python_functions model=gru model.pooling=mean optimizer.lr=0.003 'regularization=[dropout]' "
        "trainer.max_epochs=8",
        "accuracy", most_frequent_class,
        "tests/data/test_python_functions.py -k resumed", "tests/data/test_python_functions.py -k evaluation_saw",
    ),
    "tokens (language model)": Line(
        "data=python_source model=gru optimizer.lr=0.003 trainer.max_epochs=2", "bits_per_token", frequencies,
        f"{TASK}/test_tokens.py -k resumed", f"{TASK}/test_tokens.py -k evaluation_saw",
    ),
    "tagging": Line(
        "data=brown data.task=tagging data.genres=[news] model=gru model.bidirectional=true optimizer.lr=0.003 "
        "trainer.max_epochs=3",
        "token_accuracy", tag_of_word,
        f"{TASK}/test_tagging.py -k resumed", f"{TASK}/test_tagging.py -k evaluation_saw",
    ),
    "sequence to sequence": Line(
        "data=digit_sequences model=seq2seq optimizer.lr=0.003 monitor=val/exact_match trainer.max_epochs=10",
        "exact_match", unchanged,
        f"{TASK}/test_sequence.py -k resumed", f"{TASK}/test_sequence.py -k raw_sequences",
    ),
    "nodes": Line(
        "data=python_imports model=gcn", "accuracy", most_frequent_class,
        f"{TASK}/test_nodes.py -k resumed", f"{TASK}/test_nodes.py -k evaluation_saw",
    ),
    "whole graphs": Line(
        "data=solubility model=gcn 'model.hidden=[64,64,64]' model.pooling=sum optimizer.lr=0.002 "
        "trainer.max_epochs=60",
        "rmse", the_mean,
        "tests/data/test_solubility.py -k resumed", "tests/data/test_solubility.py -k evaluation_saw",
    ),
    "forecasting": Line(
        "data=membrane", "mae", last_value,
        f"{TASK}/test_forecasting.py -k resumed", f"{TASK}/test_forecasting.py -k evaluation_saw",
    ),
}  # fmt: skip


def passes(tests: str) -> str:
    """Whether tests pass: yes or no."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *shlex.split(tests)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout[-2000:])
    return "yes" if done.returncode == 0 else "no"


def row(task: str, path: Line) -> str:
    """Train, compare, and write the line."""
    words = [*shlex.split(path.command), "trainer.threads=1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        begin = os.times()
        command = [sys.executable, "-m", "runner", *words, f"hydra.run.dir={folder}/run"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
        end = os.times()
        seconds = end.children_user + end.children_system - begin.children_user - begin.children_system
        test = json.loads(Path(folder, "run", "result.json").read_text())["test"]
    baseline = path.baseline(check_run(compose(words)).data.load())
    cells = [
        task, f"`{path.command}`", f"{path.score} {test[path.score]:.3g}", f"{baseline:.3g}", f"{seconds:.0f}",
        passes(path.resumed), passes(path.predicted),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def known() -> dict[str, str]:
    """The rows of the page as it is."""
    lines = PAGE.read_text().splitlines() if PAGE.exists() else []
    return {match[1]: line for line in lines if (match := re.match(r"\| ([^|]+?) \| `", line))}


def processor() -> str:
    """Name of the processor."""
    words = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"model name\s*: (.+)", words)
    return found[1] if found else "an unknown processor"


def main() -> None:
    """Write the page."""
    asked = sys.argv[1:] or list(PATHS)
    rows = known()
    for task in asked:
        rows[task] = row(task, PATHS[task])
        sys.stderr.write(f"{rows[task]}\n")
        lines = [rows[name] for name in PATHS if name in rows]
        held = [f"- {name}: `{p.resumed}` and `{p.predicted}`" for name, p in PATHS.items()]
        PAGE.write_text(HEAD.format(processor=processor()) + "\n".join([*lines, "", *held]) + "\n")


if __name__ == "__main__":
    main()
