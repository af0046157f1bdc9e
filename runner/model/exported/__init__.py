"""Networks that run outside of torch's modules: files that ``python -m runner export`` wrote."""

from runner.model.exported.network import Exported, checkpoint_of, exported_in, open_exported

__all__ = ["Exported", "checkpoint_of", "exported_in", "open_exported"]
