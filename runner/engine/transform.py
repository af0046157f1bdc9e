"""What stands between raw examples and the network: fitted once, kept in every checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from runner.engine.batch import Batch


class Raw(NamedTuple):
    """Some raw examples.

    Attributes:
        examples: in the form that the transform takes.
        places: where each was found, for messages and outputs: ``table.csv:17``, ``photo.jpg``.
        beside: what stands beside the prediction of each, by the names of columns; empty where nothing does.
    """

    examples: Any
    places: list[str]
    beside: Sequence[dict[str, Any]] = ()


class Bad(NamedTuple):
    """A raw example that can't be read.

    Attributes:
        place: where it was found.
        reason: why, in a sentence.
    """

    place: str
    reason: str


class Transform:
    """From raw examples to what a network takes.

    A data option makes one from its settings, fits it on the training part and applies it to all parts. Its state goes
    into every checkpoint, so that a trained network can be given raw examples when the data are gone. Settings are
    arguments of ``__init__``; what was fitted is in `state_dict`.

    Attributes:
        notes: what raw examples had that the training part had not (an unseen category), in words; each is said once.
    """

    def __init__(self) -> None:
        self.notes: dict[str, None] = {}  # in the order in which they were met

    @property
    def vocabulary_numbers(self) -> tuple[int, ...]:
        """Of texts, the number that the vocabulary's own file has for each entry of ours, -1 where it has none.

        Empty where there is no such file.
        """
        return ()

    @property
    def tokens(self) -> tuple[str, ...]:
        """Of texts, the entries of the vocabulary, by their numbers; empty where there is none."""
        return ()

    def fit(self, raw: Any) -> None:
        """Learn from the raw examples of the training part. For transforms that learn nothing it does nothing."""

    def __call__(self, raw: Any) -> Tensor:
        """Apply to raw examples, of any part or never seen: inputs ``(N, ...)``."""
        raise NotImplementedError

    def batch(self, raw: Any) -> Batch:
        """Raw examples as a batch without targets; for those that need more than inputs, such as lengths."""
        from runner.engine.batch import Batch

        inputs = self(raw)
        return Batch(inputs, inputs.new_empty(0), {}, len(inputs))

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Raw examples from files of a user, in their order, without holding more than about `size` at a time.

        Args:
            sources: paths of files or folders, or ``-`` for the standard input.
            size: examples that are given at once, at most.

        Raises:
            ConfigError: a file is not there, or of a form that these data do not have.
        """
        raise ConfigError("predict: the data of this run have no raw form that files could hold.")

    def undo(self, inputs: Tensor) -> list[dict[str, Any]]:
        """Inputs as a person reads them: raw values under the names of columns, or a text; a dict per example.

        Empty dicts where they are nothing that is read, such as images.

        Args:
            inputs: ``(N, ...)`` on the CPU.
        """
        return [{} for _ in inputs]

    def module(self) -> nn.Module | None:
        """The same from raw numbers to inputs as a module that an export can hold; None where it can't be one."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """What was fitted, in plain containers and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
