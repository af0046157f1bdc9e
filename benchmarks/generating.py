"""Tokens per second of a language model and of what was exported of it: python benchmarks/generating.py RUN VARIANT...

    python benchmarks/generating.py outputs/runs/writer outputs/variants/first [--tokens 200] [--rounds 5]

Each network tells the same text with what it has read kept (`follow`), and with all of it read anew for each token, in
turn, round after round, in one process and one thread, so that what else the machine does falls on all alike. All must
tell the same tokens as the first. Printed are medians of tokens per second of the processor.
"""

import argparse
import statistics
import time
from functools import partial
from pathlib import Path

import torch

from runner.engine.spec import END, START
from runner.generate.sampling import Sampling
from runner.generate.text import tell
from runner.model.base import Network
from runner.run import load


def endless(follow):
    """`follow` of a network that never ends a text."""

    def outputs(tokens, state):
        said, state = follow(tokens, state)
        return said.index_fill(-1, torch.tensor([START, END]), -100.0), state

    return outputs


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    networks = {Path(folder).resolve().name: load(folder) for folder in given.folders}
    ways = {}
    for name, network in networks.items():
        ways[f"{name}, kept"] = network.context, endless(network.model.follow)
        ways[f"{name}, anew"] = network.context, endless(partial(Network.follow, network.model))
    rates, first = {way: [] for way in ways}, None
    for _ in range(given.rounds):
        for way, (context, follow) in ways.items():
            begin = time.process_time()
            told = list(tell(follow, [START], context, Sampling(), given.tokens, 0))
            rates[way].append(len(told) / (time.process_time() - begin))
            first = told if first is None else first
            assert told == first, f"{way}: other tokens"
    slowest = statistics.median(rates[next(reversed(ways))])
    print(f"{len(first)} tokens")
    for way, found in rates.items():
        rate = statistics.median(found)
        print(f"{way:60} {rate:8,.0f} tokens/s {rate / slowest:8.2f} x the last")


if __name__ == "__main__":
    main()
