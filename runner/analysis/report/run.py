"""The report of one run: how good it is, and where it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from runner.analysis.advice import Record, advise
from runner.analysis.numbers import number
from runner.analysis.report import variant
from runner.analysis.report.document import (
    Block,
    Cell,
    Mark,
    Picture,
    Point,
    Points,
    Report,
    Section,
    Table,
    facts,
    rows_of,
)
from runner.analysis.report.pictures import curves_of_run
from runner.analysis.report.provenance import (
    caveats,
    command,
    configuration,
    failures,
    how_to_reproduce,
    started_with,
)
from runner.analysis.report.reading import names, rows, text, texts
from runner.analysis.run import Run
from runner.analysis.run import number as finite
from runner.errors import ConfigError, counted
from runner.record.reading import read, read_json

CLASSES = 30  # up to so many have a confusion matrix
WORST = 20  # examples
EPOCHS = 500  # rows of the table of epochs
PICTURE = 4 << 20  # bytes
SIGNATURE = b"\x89PNG\r\n\x1a\n"
EXAMPLES = ("highest_loss", "confident_mistakes")
PICTURES = {
    "per_class": "Precision, recall and F1 of each class",
    "roc": "ROC curves",
    "precision_recall": "Precision against recall",
    "calibration": "Reliability: how often it is right, against how sure it is",
    "residuals": "Residuals against predictions",
    "per_step": "Error by steps ahead",
    "tokens": "Loss by token and position",
    "highest_loss": "Examples with the highest loss",
    "confident_mistakes": "Most confident mistakes",
}


def report(folder: Path) -> Report:
    """What a run came to."""
    run = Run.read(folder)
    words = [f"{key}={run.settings[key]}" for key in ("model", "data", "optimizer") if key in run.settings]
    evaluation = _evaluation(folder)
    again = [] if run.variant else [command("rerun", str(folder))]
    return Report(
        "Run",
        folder.resolve().name,
        f"How good is {' '.join(words) or 'this run'}{f' after {run.variant}' if run.variant else ''}?",
        f"Judged by {run.monitor}{f', started {run.started}' if run.started else ''}; {run.status}.",
        _answer(run),
        [
            *variant.sections(run),
            Section("Scores", [_scores(run)]),
            *_curves(run),
            *_what_is_seen(folder, evaluation),
            *_advice(folder),
            *caveats(_caveats(run, evaluation)),
            *_epochs(run),
            *failures([(folder.resolve().name, run)]),
            Section("Configuration", [_chosen(run), *configuration(run, "config.yaml")], folded=True),
            how_to_reproduce([line for line in (started_with(run), *again) if line], [run]),
        ],
    )


def _answer(run: Run) -> list[Point]:
    scores, monitor = run.scores, run.monitor
    direction = {"min": "less is better", "max": "more is better"}.get(str(run.direction(monitor)), "")
    if monitor not in scores:
        return [Point(f"The run is {run.status}: there is no score yet.", "few")]
    how = f" ({direction})" if direction else ""
    when = f" at epoch {run.best_epoch} of {run.epochs}" if run.best_epoch is not None and run.epochs else ""
    said = [Point(f"{monitor} {number(scores[monitor])}{how}{when}; {run.status}.")]
    for part, what in (("val", "validation split"), ("test", "test split, at the end")):
        found = [f"{name.partition('/')[2]} {number(v)}" for name, v in scores.items() if name.startswith(f"{part}/")]
        said += [Point(f"On the {what}: {', '.join(found)}.")] if found else []
    said += variant.answer(run)
    if run.cause:
        said.append(Point(f"Why it ended: {run.cause}", "warning"))
    return said


def _scores(run: Run) -> Table:
    parts = ("train", "val", "test")
    found = dict.fromkeys(name.partition("/")[2] for name in run.scores if "/" in name)
    table = rows_of([(name, *(run.scores.get(f"{part}/{name}") for part in parts)) for name in found])
    return Table("Scores of the best epoch", ("score", *parts), table)


def _curves(run: Run) -> list[Section]:
    pictures = curves_of_run(run)
    return [Section("Learning curves", pictures)] if pictures else []


def _evaluation(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder / "evaluation" / "evaluation.json")
    except ValueError:
        return {}


def _what_is_seen(folder: Path, evaluation: dict[str, Any]) -> list[Section]:
    """What the evaluation of the run saw."""
    if not evaluation:
        return []
    blocks: list[Block] = []
    overall = [(name, finite(evaluation.get(name))) for name in ("roc_auc", "average_precision", "ece")]
    examples, part = evaluation.get("examples"), text(evaluation.get("part"))
    table = facts(f"On the {part} split", [("examples", examples), ("weights", evaluation.get("checkpoint")), *overall])
    blocks += [table] if table.rows else []
    blocks += _confusion(names(evaluation.get("confusion")))
    for name, caption in (
        ("per_class", "By class"),
        ("per_target", "By target"),
        ("per_step", "By steps ahead"),
        ("per_series", "By series"),
        ("most_confused", "Most often taken for each other"),
    ):
        blocks += _table(caption, rows(evaluation.get(name))[:100])
    pictures = {picture.name: picture for picture in _pictures(folder / "evaluation", texts(evaluation.get("files")))}
    worst_seen = [pictures.pop(name) for name in EXAMPLES if name in pictures]
    blocks += pictures.values()
    worst = [
        {k: v for k, v in row.items() if not k.startswith("probability_")} for row in rows(evaluation.get("worst"))
    ]
    more = [*worst_seen, *_table("Examples with the highest loss, and the surest mistakes", worst[: 2 * WORST])]
    more += _table("Calibration", [row for row in rows(evaluation.get("calibration")) if row.get("count")])
    title = f"What it does on the {part} split" if part else "What it does"
    return [Section(title, blocks), *([Section("Worst examples, calibration", more, folded=True)] if more else [])]


def _confusion(confusion: dict[str, Any]) -> list[Block]:
    """True classes down, predicted ones across; the share of its row behind each count."""
    classes, counts = texts(confusion.get("classes")), confusion.get("counts")
    if not classes or len(classes) > CLASSES or not isinstance(counts, list):
        return []
    table = []
    for name, row in zip(classes, counts, strict=False):
        known = [finite(value) or 0 for value in row] if isinstance(row, list) else []
        total = sum(known) or 1
        table.append([Cell(name), *(Cell(f"{v:.0f}", v, share=min(1.0, max(0.0, v / total))) for v in known)])
    if any(len(row) != len(classes) + 1 for row in table):
        return []
    caption = "Confusion matrix: a row for each true class, a column for each that was predicted"
    return [Table(caption, ("true", *classes), table)]


def _table(caption: str, found: list[dict[str, Any]]) -> list[Block]:
    """Rows of an evaluation."""
    columns = list(dict.fromkeys(name for row in found for name in row))
    values = [[row.get(name) for name in columns] for row in found]
    plain = [[value if isinstance(value, (str, int, float)) else None for value in row] for row in values]
    return [Table(caption, columns, rows_of(plain))] if plain and columns else []


def _pictures(folder: Path, files: list[str]) -> list[Picture]:
    """Those that a full evaluation drew, as they lie there."""
    found = []
    for name, caption in PICTURES.items():
        if f"{name}.png" not in files:
            continue
        try:
            content = read(folder / f"{name}.png")
        except OSError:
            continue
        if content.startswith(SIGNATURE) and len(content) <= PICTURE:
            found.append(Picture(name, content, caption, f"{caption}; the numbers are in the tables and in CSV files"))
    return found


def _advice(folder: Path) -> list[Section]:
    """What the checklist says of it, but for what is fine."""
    read_by_it = ("config.yaml", "manifest.json", "result.json", "metrics.jsonl", "evaluation/evaluation.json")
    if not all(os.path.isfile(folder / name) or not os.path.lexists(folder / name) for name in read_by_it):
        return []  # a pipe would be waited for
    try:
        found = advise(Record.read(folder))
    except (ConfigError, OSError, ValueError):
        return []
    marks: dict[str, Mark] = {"fault": "warning", "note": ""}
    points = [
        Point(f"{name}: {finding.says}", marks[verdict])
        for verdict in marks
        for name, finding in found.items()
        if finding.verdict == verdict
    ]
    fine = sum(finding.verdict == "fine" for finding in found.values())
    points.append(Point(f"{counted(fine, 'check')} of {len(found)} found nothing wrong."))
    return [Section("Checklist", [Points(points)])]


def _caveats(run: Run, evaluation: dict[str, Any]) -> list[str]:
    said = ["One run: how much its scores vary with the seed is not known, and it proves nothing about its settings."]
    if "best_value" in run.result and run.monitor and not run.variant:
        said.append(
            f"The epoch was chosen by {run.monitor}, which is therefore a little too good; the test split was not."
        )
    said += [f"Evaluation: {note}." for note in texts(evaluation.get("notes"))]
    said += [f"Its folder: {note}." for note in run.notes]
    return said


def _epochs(run: Run) -> list[Section]:
    if not run.metrics:
        return []
    columns = list(dict.fromkeys(name for row in run.metrics for name in row))
    shown = run.metrics[:EPOCHS]
    table = rows_of([[finite(row.get(name)) for name in columns] for row in shown])
    for line, row in zip(table, shown, strict=True):
        for place, name in enumerate(columns):
            if isinstance(row.get(name), int):
                line[place] = Cell(str(row[name]), float(row[name]))
    return [Section("Epochs", [Table(f"The first {len(shown)} epochs", columns, table)], folded=True)]


def _chosen(run: Run) -> Table:
    """The options of the groups."""
    settings = [(key, value) for key, value in run.settings.items() if "." not in key]
    return facts("Choices", settings)
