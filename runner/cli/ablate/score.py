"""What the arms of an ablation are compared by."""

from __future__ import annotations

from runner.cli.ablate.asked import Asked
from runner.cli.ablate.design import Design
from runner.config.check import resolved, scores_of
from runner.config.compose import settle
from runner.config.recipe import Recipe
from runner.engine.metric import Direction
from runner.errors import ConfigError, did_you_mean


def compared(asked: Asked, design: Design) -> tuple[str, Direction]:
    """The score, without the part of the data on which it is measured, and how it improves.

    By itself a metric: the loss is what arms may change.

    Raises:
        ConfigError: there is no such score, or it can't be compared.
    """
    config = next(iter(design.configs.values()))
    settle(config)
    recipe = Recipe(resolved(config))
    known = {
        name.removeprefix("val/"): direction
        for name, direction in scores_of(recipe, recipe.data.probe().task).items()
        if name.startswith("val/")
    }
    given = asked.score or next((name for name in known if name != "loss"), "loss")
    name = given.removeprefix("test/").removeprefix("val/")
    if name not in known:
        raise ConfigError(f"--score {given}: no such score.{did_you_mean(name, known)} Scores: {', '.join(known)}.")
    differing = [*asked.arms, *(dimension.name for dimension in design.tuned)]
    if name == "loss" and (changing := [key for key in differing if key.partition(".")[0] == "loss"]):
        raise ConfigError(
            f"--score loss: {changing[0]} is what differs, so the losses of the arms can't be compared. "
            f"Take one of {', '.join(other for other in known if other != 'loss')}."
        )
    return name, known[name]
