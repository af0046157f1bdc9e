"""Networks that run outside of torch's modules: files that ``python -m runner export`` wrote."""

from runner.model.exported.network import Exported, open_exported

__all__ = ["Exported", "open_exported"]
