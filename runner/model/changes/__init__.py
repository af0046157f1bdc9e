"""What was done to networks after they were built: kept in their checkpoints, done again where they are loaded."""

from runner.model.changes.change import Change, changed, changes_in

__all__ = ["Change", "changed", "changes_in"]
