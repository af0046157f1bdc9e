"""Packages of AOTInductor: machine code, run by torch."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from runner.errors import RunFailed
from runner.model.exported.network import Exported, ExportedNetwork, shortened


class Network(ExportedNetwork):
    """Machine code, for processors with the instructions of the one that it was made on.

    Raises:
        RunFailed: the file is none.
    """

    def __init__(self, path: Path, exported: Exported, content: bytes) -> None:
        super().__init__(path, exported)
        from torch._inductor import aoti_load_package

        try:
            self.compiled = aoti_load_package(io.BytesIO(content))
        except Exception as error:  # of many kinds
            raise RunFailed(f"{path}: torch can't run it ({shortened(error)}).") from error

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See `ExportedNetwork.run`."""
        outputs: Tensor = self.compiled(*given)
        return outputs.float()
