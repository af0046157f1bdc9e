"""runner: a config-driven experiment runner for neural networks."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """``runner.open``, which is imported when it is asked for."""
    if name == "open":
        from importlib import import_module

        return import_module("runner.analysis.opened").open
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
