"""Files of TorchScript, run by torch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from runner.errors import RunFailed
from runner.model.exported.network import Exported, ExportedNetwork, shortened


class Network(ExportedNetwork):
    """A traced network.

    Raises:
        RunFailed: the file is none.
    """

    def __init__(self, path: Path, exported: Exported, content: bytes) -> None:
        super().__init__(path, exported)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's word that the format is deprecated
                script = torch.jit.load(io.BytesIO(content), map_location="cpu")
        except Exception as error:  # of many kinds
            raise RunFailed(f"{path}: torch can't read it ({shortened(error)}).") from error
        # Not a submodule: its weights are none of this network's to train or to change.
        self.__dict__["script"] = script

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See `ExportedNetwork.run`."""
        outputs: Tensor = self.__dict__["script"](*given)
        return outputs.float()
