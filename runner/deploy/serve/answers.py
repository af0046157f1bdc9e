"""What a network says of some examples, none of which spoils the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from runner.deploy.serve.batching import Answer
from runner.deploy.serve.bounds import Refused
from runner.errors import RunnerError

if TYPE_CHECKING:
    from runner.deploy.serve.forms import Form
    from runner.run.trained import TrainedNetwork


class Answers:
    """Predictions as `TrainedNetwork.predict` gives them.

    Args:
        network: that is asked.
        form: how its examples come.
        tell: hears of what is no fault of an example.
    """

    def __init__(self, network: TrainedNetwork, form: Form, tell: Callable[[str], None]) -> None:
        self.network, self.form, self.tell = network, form, tell

    def __call__(self, examples: Sequence[Any]) -> list[Answer]:
        """The answers for some examples, one each."""
        try:
            return [_finite(row) for row in self.network.predict(self.form.together(examples))]
        except Exception as error:  # of whatever kind: the thread must go on
            return self._apart(examples, error)

    def _apart(self, examples: Sequence[Any], error: Exception) -> list[Answer]:
        """The answers where there are none together: those whose fault it is are told so."""
        refused = self.form.refused(examples) if isinstance(error, RunnerError) else {}
        if refused:
            good = [example for place, example in enumerate(examples) if place not in refused]
            answers = iter(self(good) if good else [])
            return [
                Refused(422, refused[place]) if place in refused else next(answers) for place in range(len(examples))
            ]
        if len(examples) > 1:  # only the network can tell whose fault it is
            return [answer for example in examples for answer in self([example])]
        if isinstance(error, RunnerError):
            return [Refused(422, str(error))]
        self.tell(f"the network failed: {type(error).__name__}: {' '.join(str(error).split())[:500]}")
        return [Refused(500, "The network failed at this example; the log of the server says how.")]


def _finite(row: dict[str, Any]) -> Answer:
    if all(math.isfinite(value) for value in row.values() if isinstance(value, float)):
        return row
    return Refused(422, "What the network gives for it is no finite number.")
