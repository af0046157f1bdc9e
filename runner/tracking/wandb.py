"""Weights & Biases."""

from __future__ import annotations

import os
import secrets
from typing import Any, Literal

from runner.tracking.base import Status, TrackedRun, Tracker, files_of, final_scores, numbers, plain_names, require


class WandB(Tracker):
    """Sends runs to Weights & Biases; the trials of a sweep are a group. Its files lie in the run folder.

    Args:
        project: name of the project.
        entity: user or team; None is that of the key.
        mode: None is the environment variable WANDB_MODE, or online.
        files: names of files of the run folder that are sent along at the end.
    """

    def __init__(
        self,
        project: str = "runner",
        entity: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        files: tuple[str, ...] = (),
    ) -> None:
        require("wandb")
        self.project, self.entity, self.mode = project, entity, mode
        self.files = plain_names(files)

    def begin(self, run: TrackedRun) -> str:
        """Begin the run, or the one that is there again."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        place = run.folder / "tracking"
        self.folder, identity = run.folder, run.id or secrets.token_hex(4)
        # Neither the command nor the code, the environment or git's remotes: secrets hide in all of them.
        kept = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=30,
            disable_code=True,
            disable_git=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        self.run = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            id=identity,
            resume="allow",
            name=run.name,
            group=run.sweep.name if run.sweep else None,
            dir=str(place),
            config={**run.settings, **run.tags},
            settings=kept,
        )
        return identity

    def scores(self, rows: list[dict[str, Any]]) -> None:
        """Send scores by step."""
        for row in rows:
            self.run.log(numbers(row), step=row["step"])

    def end(self, status: Status, result: dict[str, Any]) -> None:
        """Send the test scores and the files, and end the run."""
        self.run.summary.update({**final_scores(result), "status": status})
        for path in files_of(self.folder, self.files):
            self.run.save(str(path), base_path=str(self.folder), policy="now")
        self.run.finish(exit_code=0 if status == "finished" else 1)
