"""Scores of a network on a part of its data, and in the same pass what is seen of it; written into the run folder."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.meter import Meter
from runner.engine.settings import EvaluationLevel
from runner.errors import ConfigError, RunnerError
from runner.evaluation.examples import Examples
from runner.evaluation.gallery import gallery
from runner.evaluation.learning_curves import draw, learning_curves
from runner.evaluation.section import sections_of
from runner.evaluation.section.base import Findings
from runner.model.base import declared
from runner.record.files import as_csv, finite, write_bytes, write_json, write_text
from runner.record.links import refuse_links
from runner.record.tensorboard import Figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from runner.engine.batches import Batches
    from runner.engine.loss import Loss
    from runner.engine.metric import Metric, Statistic
    from runner.engine.precision import Precision
    from runner.engine.spec import Spec
    from runner.engine.task import Task
    from runner.engine.transform import Transform
    from runner.record.folder import RunFolder

log = logging.getLogger(__name__)

FOLDER = "evaluation"
FILE = "evaluation.json"


class Evaluation:
    """What is seen of a network on one part of its data.

    A summary costs little: it is made of sums that the pass over the part adds up besides those of the scores, and
    is one JSON file. The full one also looks at every example, and draws.

    Args:
        task: what is predicted.
        loss: the loss.
        batches: the part.
        transform: from raw examples to inputs; None where there is nothing raw.
        full: whether examples, curves and pictures are wanted.

    Attributes:
        statistics: makers of what the pass must add up.
        scores: of the pass.
    """

    def __init__(self, task: Task, loss: Loss, batches: Batches, transform: Transform | None, full: bool) -> None:
        self.task, self.full = task, full
        self.count = batches.whole
        series = batches.split.series()
        if series is not None:
            series = series[0], series[1][batches.rows_in_order()]
        self.sections = sections_of(task, full, series)
        self.examples = Examples(task, loss, batches, transform) if full else None
        self.statistics: list[Callable[[Spec], Statistic]] = [
            make for section in self.sections for make in section.statistics()
        ]
        self.scores: dict[str, float] = {}
        self.found = Findings()

    def take(self, meter: Meter, scores: dict[str, float]) -> None:
        """Read what a pass has added up."""
        self.scores = scores
        totals = {
            make: statistic.total.cpu() for make, statistic in meter.statistics.items() if statistic.total is not None
        }
        if scores["loss"] != scores["loss"]:
            self.found.notes.append("the loss is no finite number")
        for section in self.sections if self.count else ():
            section.find(totals, self.found)
        if self.examples is not None:
            self.found.tables["worst"] = self.examples.table()

    def write(self, run: RunFolder, part: str, checkpoint: str, into: str = FOLDER) -> Path:
        """Write ``evaluation.json`` and, of a full one, CSV files, pictures and TensorBoard's figures.

        What an earlier evaluation left there and this one does not have is removed.

        Args:
            run: the run's folder, which this process has claimed.
            part: of the data.
            checkpoint: whose weights they were.
            into: the folder in it.

        Returns:
            The folder.

        Raises:
            ConfigError: a link leads out of the folder.
        """
        folder = run.path / into
        folder.mkdir(parents=True, exist_ok=True)
        for inner in (run.path / FOLDER, folder):
            refuse_links(inner)
        rows, found = run.read_metrics(), self.found
        curves = learning_curves(rows)
        before = _files_of(run, folder)
        written = dict.fromkeys([FILE])
        pictures: dict[str, bytes] = {}
        if self.full:
            for name, table in {**found.tables, **found.files}.items():
                if table:
                    write_text(folder / f"{name}.csv", _csv(table))
                    written[f"{name}.csv"] = None
            pictures = _pictures(self, curves)
            for name, picture in pictures.items():
                write_bytes(folder / f"{name}.png", picture)
                written[f"{name}.png"] = None
        shown = "/".join([FOLDER, *Path(into).parts[1:]])
        figures = Figures(run.path, shown.replace("/", "."))
        figures.replace({f"{shown}/{name}": png for name, png in pictures.items()}, rows[-1]["step"] if rows else 0)
        content = {
            "part": part,
            "checkpoint": checkpoint,
            "task": self.task.name,
            "step": rows[-1]["step"] if rows else 0,
            "examples": self.count,
            "level": "full" if self.full else "summary",
            "scores": self.scores,
            "notes": found.notes,
            **found.facts,
            **found.tables,
            "learning_curves": curves,
            "files": list(written),
        }
        write_json(folder / FILE, content)
        for name in before - set(written):
            (folder / name).unlink(missing_ok=True)
        return folder


def scored(
    network: nn.Module,
    batches: Batches,
    task: Task,
    metrics: list[Metric],
    loss: Loss,
    precision: Precision,
    level: EvaluationLevel,
    transform: Transform | None = None,
    hear: Callable[[int], None] = lambda examples: None,
) -> tuple[dict[str, float], Evaluation | None]:
    """Loss and metrics over all of `batches`, and what else is seen in the same pass.

    Scores are not lost with it: where it fails, they are computed without, and the log tells why.

    Args:
        network: what is called.
        batches: the examples.
        task: what is predicted.
        metrics: which.
        loss: the loss.
        precision: number format.
        level: how much is wanted.
        transform: see `Evaluation`.
        hear: hears how many examples there were so far, after every batch of a full evaluation.

    Returns:
        Scores, and the evaluation; None where none is wanted or it failed.
    """
    from runner.engine import evaluate as engine

    if level != "off":
        try:
            evaluation = Evaluation(task, loss, batches, transform, level == "full")
            meter = Meter(task, metrics, evaluation.statistics)

            def see(outputs: Any, batch: Any) -> None:
                assert evaluation.examples is not None
                evaluation.examples.see(outputs, batch)
                hear(evaluation.examples.seen)

            scores = engine.evaluate(
                network, batches, meter, loss, precision, see if evaluation.examples is not None else None
            )
            evaluation.take(meter, scores)
            if meter.decoded and (beams := declared(network).beams):
                evaluation.found.facts["beams"] = beams
                evaluation.found.facts["length_penalty"] = declared(network).length_penalty
        except RunnerError:
            raise
        except Exception:  # of a task or a loss of one's own; a night's training must not be lost by it
            log.exception("the evaluation failed; trainer.evaluation=off leaves it out")
        else:
            return scores, evaluation
    return engine.evaluate(network, batches, Meter(task, metrics), loss, precision), None


def remove(run: RunFolder) -> None:
    """Remove what an earlier evaluation wrote of weights that are no longer the run's; other files stay."""
    folder = run.path / FOLDER
    if not folder.is_dir():
        return
    for name in _files_of(run, folder) | {FILE}:
        (folder / name).unlink(missing_ok=True)
    Figures(run.path, FOLDER).replace({}, 0)
    with suppress(OSError):
        folder.rmdir()


def _files_of(run: RunFolder, folder: Path) -> set[str]:
    """The files that an earlier evaluation names as its own and that lie there; folders may come from anybody."""
    try:
        named = run.read_json(folder / FILE).get("files")
    except ConfigError:
        return set()
    here = {name for name in os.listdir(folder) if name.endswith((".csv", ".png"))}
    return here.intersection(name for name in named if isinstance(name, str)) if isinstance(named, list) else set()


def _csv(rows: list[dict[str, Any]]) -> str:
    names = dict.fromkeys(name for row in rows for name in row)
    return as_csv([names, *([row.get(name) for name in names] for row in finite(rows))])


def _pictures(evaluation: Evaluation, curves: dict[str, Any]) -> dict[str, bytes]:
    """All pictures as PNG, by name."""
    import matplotlib

    task, examples = evaluation.task, evaluation.examples
    # Names of classes are no formulas; a letter that the font lacks is a box.
    with matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures: dict[str, Figure | None] = {"learning_curves": draw([curves])}
        for section in evaluation.sections if evaluation.count else ():
            figures |= section.draw(evaluation.found)
        if examples is not None:
            figures["highest_loss"] = gallery(task, examples.highest_loss, "Highest loss")
            figures["confident_mistakes"] = gallery(task, examples.confident_mistakes, "Most confident mistakes")
        return {name: _png(figure) for name, figure in figures.items() if figure is not None}


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
