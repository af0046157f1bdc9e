"""The base of all forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from runner.deploy.serve.bounds import Refused


class Form:
    """How examples of a kind come over HTTP.

    Attributes:
        key: what they stand under in JSON.
        media: content types of a body that is one example by itself.
    """

    key: ClassVar[str]
    media: ClassVar[tuple[str, ...]] = ()

    def one(self, value: Any) -> Any:
        """An example as JSON has it, as `together` takes it.

        Raises:
            ValueError: it is none, with what is wrong in a sentence that follows its place.
        """
        raise NotImplementedError

    def file(self, content: bytes) -> Any:
        """The same of a file that is an example by itself.

        Raises:
            ValueError: it can't be read, with the reason, which follows what the file is called.
        """
        raise NotImplementedError

    def read(self, values: Sequence[Any]) -> list[Any]:
        """The examples of a request.

        Raises:
            Refused: one of them is none.
        """
        return [self._placed(place, value) for place, value in enumerate(values)]

    def _placed(self, place: int, value: Any) -> Any:
        try:
            return self.one(value)
        except ValueError as error:
            raise Refused(422, f"{self.key}[{place}]: {str(error).lstrip(' ,')}") from error

    def together(self, examples: Sequence[Any]) -> Any:
        """Examples of any requests as `TrainedNetwork.predict` takes them."""
        raise NotImplementedError

    def refused(self, examples: Sequence[Any]) -> dict[int, str]:
        """What is wrong with some of the examples, by their places, where the network refused them together."""
        return {}

    def sample(self) -> Any:
        """An example, as JSON has it: the plainest there is."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """The JSON schema of an example."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What a page needs to know besides to ask for one."""
        return {}
