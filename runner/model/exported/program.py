"""Programs of `torch.export`, run by torch."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from runner.errors import RunFailed
from runner.model.exported.network import Exported, ExportedNetwork, shortened


class Network(ExportedNetwork):
    """A graph of torch's operations.

    Raises:
        RunFailed: the file is none.
    """

    def __init__(self, path: Path, exported: Exported, content: bytes) -> None:
        super().__init__(path, exported)
        try:
            program = torch.export.load(io.BytesIO(content))
        except Exception as error:  # of many kinds
            raise RunFailed(f"{path}: torch can't read it ({shortened(error)}).") from error
        # Not a submodule: its weights are none of this network's to train or to change.
        self.__dict__["graph"] = program.module()

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See `ExportedNetwork.run`."""
        outputs: Tensor = self.__dict__["graph"](*given)
        return outputs.float()
