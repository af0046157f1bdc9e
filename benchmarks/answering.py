"""How much faster an encoder-decoder answers with what it has read kept, and with beams: seconds of the processor.

    python benchmarks/answering.py [--rounds 5] [--source 64] [--steps 100]

An untrained `model=encoder_decoder` of its default size answers one source token by token: with the memory and the
keys and values kept (`EncoderDecoder.follow`), and with all of it read anew for each token (`Network.follow`), in turn,
round after round, in one process and one thread. The tokens must be the same. Then four beams, with the same cache,
beside one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from runner.engine.batch import Batch
from runner.engine.spec import END, START, Field, Spec
from runner.model.base import Network
from runner.model.encoder_decoder import EncoderDecoder

VOCABULARY = 8000


def network(longest: int) -> EncoderDecoder:
    """One that never ends an answer by itself."""
    torch.manual_seed(0)
    field = Field("tokens", (None,), VOCABULARY)
    spec = Spec("sequence", field, field, {"lengths": Field("values", ()), "decoder_inputs": field}, VOCABULARY)
    made = EncoderDecoder(spec, longest=longest).eval()
    with torch.no_grad():
        made.bias[END] = -100.0
    return made


def told(follow: Callable[..., tuple[torch.Tensor, object]], source: Batch, steps: int) -> list[int]:
    """The most probable tokens, one after the other."""
    tokens, state = [START], None
    for _ in range(steps):
        outputs, state = follow(torch.tensor([tokens[-1:]]), state, source)
        tokens.append(int(outputs[0, -1].argmax()))
    return tokens


def seconds(call: Callable[[], object]) -> float:
    """Of the processor."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


@torch.inference_mode()
def main() -> None:
    """Measure, and print medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--source", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    torch.set_num_threads(1)
    net = network(given.steps)
    x = torch.randint(4, VOCABULARY, (1, given.source))
    source = Batch(x, x, {"lengths": torch.tensor([given.source])})

    def searched(beams: int) -> None:
        net.beams = beams
        net(x, source.more["lengths"])

    ways = {
        "kept": lambda: told(net.follow, source, given.steps),
        "anew": lambda: told(partial(Network.follow, net), source, given.steps),
        "one beam": lambda: searched(1),
        "four beams": lambda: searched(4),
    }
    assert ways["kept"]() == ways["anew"](), "other tokens"
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            taken[name].append(seconds(way))
    for name, values in taken.items():
        print(f"{name:>10}: {statistics.median(values):.3f} s for {given.steps} tokens")
    ratio = statistics.median(a / b for a, b in zip(taken["anew"], taken["kept"], strict=True))
    beams = statistics.median(a / b for a, b in zip(taken["four beams"], taken["one beam"], strict=True))
    print(f"kept is {ratio:.1f} x as fast as anew; four beams take {beams:.2f} x as long as one")


if __name__ == "__main__":
    main()
