"""Pictures of what an option does: ``python -m runner show GROUP/NAME --plot``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from runner.errors import ConfigError
from runner.record.folder import make

# Groups whose options can be drawn, each by the module of that name.
DRAWN = ("activation", "augmentation", "init", "scheduler", "warmup")

Facts = list[tuple[str, str]]


def draw(
    group: str, name: str, overrides: Sequence[str] = (), file: Path | None = None, config_dir: str | None = None
) -> tuple[Path, Facts]:
    """Draw an option and write the picture as a PNG.

    Args:
        group: one of `DRAWN`.
        name: the option.
        overrides: the rest of the command that the option is a part of.
        file: where to; None: ``outputs/plots/GROUP-NAME.png``.
        config_dir: folder of the user's own options.

    Returns:
        The file, and what the picture shows in words: names and values.

    Raises:
        ConfigError: options of this group can't be drawn, or the command is wrong.
    """
    if group not in DRAWN:
        raise ConfigError(
            f"show {group}/{name} --plot: options of {group} have no picture. Pictures: {', '.join(DRAWN)}."
        )
    path = file or Path("outputs", "plots", f"{group}-{name}.png")
    figure, facts = import_module(f"runner.plots.{group}").picture(name, list(overrides), config_dir)
    make(path.parent)
    figure.savefig(path, dpi=120)
    return path, facts
