"""What the checkpoints of other runs say of their networks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runner.config.recipe import Recipe
from runner.config.run_config import from_environment


def recipe_in(saved: dict[str, Any], trusted: Iterable[str]) -> Recipe:
    """The recipe that a checkpoint holds, with modules that the user trusts; its own list of them is not asked.

    Raises:
        ConfigError: it names a class of another module.
    """
    recipe = Recipe({**from_environment(saved["config"]), "trusted_targets": list(trusted)})
    recipe.refuse_untrusted()
    return recipe
