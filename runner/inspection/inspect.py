"""Looking at data, and writing down what was found."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.config.check import check_untrained
from runner.inspection.looks import LOOKS
from runner.inspection.subject import Subject
from runner.record.files import as_csv, write_json, write_text
from runner.record.folder import claim
from runner.run.assembly import clean_data, cleaning_seed

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from runner.engine.progress import Progress
    from runner.inspection.finding import Example, Finding

INSPECTIONS = Path("outputs/inspections")
SECONDS = 2_000  # examples from which on a look takes some
WRITTEN = 1000  # examples of a finding that are written


@dataclass(frozen=True)
class Inspection:
    """What is in the data of a command.

    Attributes:
        subject: the data.
        findings: what each look found, by its name.
    """

    subject: Subject
    findings: Mapping[str, Finding]

    def classes(self) -> dict[str, dict[str, int]]:
        """Examples of each class in each part; nothing where there are none."""
        if self.subject.data.spec.task != "classification":
            return {}
        names = [self.subject.class_name(number) for number in range(self.subject.data.spec.num_classes or 0)]
        return {
            part: {name: int((of == number).sum()) for number, name in enumerate(names)}
            for part, of in self.subject.labels.items()
        }

    def acts(self, *findings: Finding) -> list[str]:
        """The words of a command that act on findings, beside the cleaning that it has already."""
        chosen = self.subject.chosen
        cleaning = list(dict.fromkeys([*chosen, *(option for found in findings for option in found.cleaning)]))
        words = [word for found in findings for word in found.overrides]
        return [f"cleaning=[{','.join(cleaning)}]", *words] if len(cleaning) > len(chosen) else words

    def rows(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Examples as a person reads them: where they are, why they are shown, and what they hold."""
        import torch

        data, made = self.subject.data, []
        for example in examples:
            part = data.parts[example.part]
            inputs = part.read(torch.tensor([example.row])).inputs.cpu()
            held = data.transform.undo(inputs)[0] if data.transform else {}
            place, like = part.place(example.row), ""
            if example.like:
                other, row = example.like
                where = data.parts[other].place(row)
                like = f"{other} {row}, {where}" if where else f"{other} {row}"
            why = {"why": example.why, "like": like, "labels": self.subject.contrary(example)}
            made.append({"part": example.part, "row": example.row, "place": place, **why, **held})
        return made

    def write(self, folder: Path) -> list[Path]:
        """Write ``inspection.json``, a table of each finding's examples, and pictures; returns all but the first."""
        from runner.inspection import drawing

        told: dict[str, Any] = {
            name: {**asdict(found), "overrides": self.acts(found), "examples": len(found.examples)}
            for name, found in self.findings.items()
        }
        write_json(
            folder / "inspection.json", {"parts": self.subject.data.sizes, "classes": self.classes(), "findings": told}
        )
        written: list[Path] = []
        figures = {"classes": drawing.classes(self.subject)}
        for name, found in self.findings.items():
            if rows := self.rows(found.examples[:WRITTEN]):
                columns = list(rows[0])
                table = [columns, *([row.get(column, "") for column in columns] for row in rows)]
                written.append(folder / f"{name.replace(' ', '_')}.csv")
                write_text(written[-1], as_csv(table))
            figures[name.replace(" ", "_")] = drawing.images(self.subject, name, found.examples)
        for name, figure in figures.items():
            if figure is not None:
                figure.savefig(folder / f"{name}.png")
                written.append(folder / f"{name}.png")
        return written


def inspect(config: DictConfig, progress: Progress) -> Inspection:
    """Load the data that a configuration chooses, and look for everything in `LOOKS`; nothing is trained.

    Args:
        config: composed.
        progress: hears of what is looked for, as some of it takes a while.

    Raises:
        ConfigError: the configuration is wrong, or its data come without end.
    """
    from runner.errors import ConfigError

    recipe = check_untrained(config)
    data = clean_data(recipe, progress.message)
    if not all(part.listed for part in data.parts.values()):
        raise ConfigError(
            "inspect-data: these examples come as a stream without end. Expected data that can be listed."
        )
    for note in data.notes:
        progress.message(note)
    subject = Subject(recipe, data, cleaning_seed(recipe))
    findings: dict[str, Finding] = {}
    for name, look in LOOKS.items():
        if subject.size > SECONDS:
            progress.message(f"looking at {name}")
        findings[name] = look(subject)
    return Inspection(subject, findings)


def new_folder(config: DictConfig) -> Path:
    """A folder for an inspection, named for the data."""
    choices = config.hydra.runtime.choices if "hydra" in config else {}
    return claim(INSPECTIONS, config.name or str(choices.get("data", "data")))


def command(overrides: Sequence[str], typed: Sequence[str]) -> str:
    """What to type: the words of the inspection with those that act on what was found, the last of a key in force."""
    keys = {word.partition("=")[0] for word in overrides}
    kept = [word for word in typed if word.lstrip("+").partition("=")[0] not in keys]
    return shlex.join(["python", "-m", "runner", *kept, *overrides])
