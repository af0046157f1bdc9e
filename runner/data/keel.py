"""Any of the balanced tables of KEEL."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.keel import KeelTable
from runner.data.table.keel_names import BALANCED
from runner.errors import ConfigError, did_you_mean


@dataclass(kw_only=True)
class Keel(KeelTable):
    """A table of the KEEL repository, by its name.

    Source: Alcalá-Fdez et al. 2011, "KEEL Data-Mining Software Tool: Data Set Repository, Integration of Algorithms and
    Experimental Analysis Framework".

    Attributes:
        name: of the table.
        names: those that there are.

    Raises:
        ConfigError: there is no such table.
    """

    name: str
    names: ClassVar[tuple[str, ...]] = BALANCED

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name not in self.names:
            raise ConfigError(
                f"data.name={self.name}: no such table.{did_you_mean(self.name, self.names)} "
                f"There are: {', '.join(self.names)}."
            )

    def chosen(self) -> str:
        """The name of the table."""
        return self.name
