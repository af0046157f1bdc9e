"""What the arms of an ablation are compared by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.cli.ablate.asked import Asked
from runner.cli.ablate.design import Design
from runner.config.check import resolved, scores_of
from runner.config.compose import settle
from runner.config.groups import BY_NAME
from runner.config.recipe import Recipe
from runner.engine.metric import Direction
from runner.errors import ConfigError, did_you_mean
from runner.metric import all_metrics


def scores(design: Design) -> dict[str, Direction]:
    """What the arms can be compared by, without the part of the data, and how it improves."""
    recipe = _recipe(design)
    return {
        name.removeprefix("val/"): direction
        for name, direction in scores_of(recipe, recipe.data.probe().task).items()
        if name.startswith("val/")
    }


def comparable(design: Design) -> list[str]:
    """Those of the scores that are on one scale on all data; see `runner.engine.metric.Metric`."""
    asked_for = {node.key.partition(".")[2]: node.target for node in _recipe(design).of(BY_NAME["metric"])}
    known = {**all_metrics(), **asked_for}
    return [name for name in scores(design) if getattr(known.get(name), "comparable", False)]


def compared(asked: Asked, design: Design) -> tuple[str, Direction]:
    """The score, without the part of the data on which it is measured, and how it improves.

    By itself a metric: the loss is what arms may change.

    Raises:
        ConfigError: there is no such score, or it can't be compared.
    """
    known = scores(design)
    given = asked.score or next((name for name in known if name != "loss"), "loss")
    name = _without_part(given)
    if name not in known:
        raise ConfigError(f"--score {given}: no such score.{did_you_mean(name, known)} Scores: {', '.join(known)}.")
    differing = [*asked.arms, *(dimension.name for dimension in design.tuned)]
    if name == "loss" and (changing := [key for key in differing if key.partition(".")[0] == "loss"]):
        raise ConfigError(
            f"--score loss: {changing[0]} is what differs, so the losses of the arms can't be compared. "
            f"Take one of {', '.join(other for other in known if other != 'loss')}."
        )
    return name, known[name]


def compared_across(given: str | None, designs: Mapping[str, Design]) -> str:
    """The score of arms on several data sets, by name: one that each of them has, on one scale.

    Raises:
        ConfigError: there is none, or not the one that was asked for.
    """
    known = {name: scores(found) for name, found in designs.items()}
    one_scale = {name: comparable(found) for name, found in designs.items()}
    first, *others = one_scale.values()
    common = [score for score in first if all(score in other for other in others)]
    instead = (
        f"Take one of {', '.join(common)}" if common else f"No score on one scale is that of all: {_listed(one_scale)}"
    )
    if given is None:
        if not common:
            raise ConfigError(f"--across: {instead}. Leave out data of another task, or add a metric with metric=[..].")
        return common[0]
    score = _without_part(given)
    if lacking := [name for name, own in known.items() if score not in own]:
        hint = did_you_mean(score, common) if len(lacking) == len(known) else ""
        raise ConfigError(f"--score {given}: no such score on {', '.join(lacking)}.{hint} {instead}.")
    if score not in common:
        raise ConfigError(
            f"--score {given}: is not on one scale on all data, as shares in [0, 1] are, so its mean over data sets "
            f"means nothing. {instead}."
        )
    return score


def _listed(scores_of: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{name} has {', '.join(own) or 'none'}" for name, own in scores_of.items())


def _without_part(score: str) -> str:
    """``accuracy`` of ``test/accuracy``."""
    return score.removeprefix("test/").removeprefix("val/")


def _recipe(design: Design) -> Recipe:
    config = next(iter(design.configs.values()))
    settle(config)
    return Recipe(resolved(config))
