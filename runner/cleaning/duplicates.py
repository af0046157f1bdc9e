"""Examples that are there more than once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

from runner.cleaning.base import Cleaning, Found

if TYPE_CHECKING:
    from runner.engine.data import Data
    from runner.engine.split import Split

AT_ONCE = 1024


class Duplicates(Cleaning):
    """Leaves out of train what is in val or test, or earlier in train; out of val what is in test.

    Two examples are the same where all their inputs are equal, bit by bit, whatever their targets.
    """

    takes = ("table", "series", "image", "tokens")  # of a graph every batch holds all of it

    def find(self, data: Data, seed: int) -> Found:
        """See `Cleaning.find`; every example is read once."""
        seen: set[bytes] = set()
        rows = {}
        for name in ("test", "val", "train"):
            if name not in data.parts:
                continue
            again = []
            for row, digest in enumerate(digests(data.parts[name])):
                if digest in seen and name != "test":
                    again.append(row)
                seen.add(digest)
            rows[name] = torch.tensor(again, dtype=torch.int64)
        return Found(rows, "in another part too, or twice in the same")


def digests(split: Split) -> list[bytes]:
    """A hash of the inputs of each example, and of what the network is given beside."""
    found = []
    for rows in torch.arange(len(split)).split(AT_ONCE):
        batch = split.read(rows)
        lengths = batch.more.get("lengths")  # behind which a text is filled up, as far as others of its batch reach
        tensors = [batch.inputs] if lengths is not None else [batch.inputs, *batch.more.values()]
        for row in range(len(rows)):
            end = None if lengths is None else int(lengths[row])
            digest = hashlib.blake2b(digest_size=16)
            for tensor in tensors:
                digest.update(tensor[row][:end].contiguous().numpy().tobytes())
            found.append(digest.digest())
    return found
