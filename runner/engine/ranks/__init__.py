"""One run on many devices: every process ("rank") runs the same loop and takes its share of every batch.

Seed, order and decisions are the same on all ranks; rank 0 alone looks at clocks and files, and writes.
"""

from runner.engine.ranks.base import Ranks, Strategy
from runner.engine.ranks.join import chosen, joined

__all__ = ["Ranks", "Strategy", "chosen", "joined"]
