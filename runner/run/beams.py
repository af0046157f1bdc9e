"""Another beam search than that of its run, for a network that answers by itself."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from runner.errors import ConfigError
from runner.model.base import Network
from runner.run.trained import TrainedNetwork


def with_beams(network: TrainedNetwork, beams: int | None, length_penalty: float | None) -> TrainedNetwork:
    """The same network, whose answers another beam search finds.

    Args:
        network: a trained network.
        beams: answers that are followed at once, at least 1, which is the most probable token each time; None: as many
            as in its run.
        length_penalty: by how much longer answers are preferred, at least 0; None: as in its run.

    Raises:
        ConfigError: it gives no answers of a length of their own, or there is one beam, which needs no penalty.
    """
    if beams is None and length_penalty is None:
        return network
    if not isinstance(network.model, Network) or not network.model.beams:
        flag = "--length-penalty" if beams is None else "--beams"
        raise ConfigError(
            f"{flag}: a beam search is for answers of a length of their own, and this network, whose task is "
            f"{network.task.name}, gives none. Leave it out."
        )
    model = copy(network.model)  # the weights are the same
    model.beams = model.beams if beams is None else beams
    if length_penalty is not None and model.beams == 1:
        raise ConfigError(
            f"--length-penalty {length_penalty:g}: with one beam there is one answer, and none is preferred. Give "
            "--beams N too."
        )
    model.length_penalty = model.length_penalty if length_penalty is None else length_penalty
    return replace(network, model=model)
