"""Tokens per second of a small decoder: runner as a user runs it, and nanoGPT's model and loop written by hand.

    python benchmarks/decoder.py [--rounds 5] [--batch 16] [--updates 50]

Both train 4 layers of 4 heads, 128 wide, on windows of 128 characters of Python's library, in one process and one
thread, in turn, round after round: the same number of weights, fused AdamW, a cosine schedule, gradients clipped to a
norm of 1. The loop by hand does what nanoGPT's does: it takes windows at random offsets, writes the rate, and reads the
loss every ten updates. runner has metrics, TensorBoard and progress on; neither evaluates or saves. Seconds are
those of the processor, since other programs may run beside; what runner does in other threads counts. The first updates
of each round are not counted, nor the last. The last line is the bar: at least 0.97.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from runner.cli.progress import Terminal
from runner.config.check import resolved
from runner.config.recipe import Recipe
from runner.run import compose, run

LAYERS, HEADS, WIDTH, CONTEXT = 4, 4, 128, 128
EPOCHS = 4  # of `updates` each; neither the first counts, nor the last, behind which runner evaluates


class Block(nn.Module):
    """nanoGPT's block: attention and a perceptron, each behind a layer norm and beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.c_attn, self.attn_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.c_fc, self.mlp_proj = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        """``(B, T, C)`` to the same shape."""
        B, T, C = x.shape
        parts = self.c_attn(self.ln_1(x)).split(WIDTH, dim=2)
        q, k, v = (part.view(B, T, HEADS, C // HEADS).transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_proj(y.transpose(1, 2).contiguous().view(B, T, C))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x))))


class GPT(nn.Module):
    """nanoGPT's network, without dropout."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.h = nn.ModuleList(Block() for _ in range(LAYERS))
        self.ln_f = nn.LayerNorm(WIDTH)
        self.lm_head = nn.Linear(WIDTH, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                std = 0.02 / math.sqrt(2 * LAYERS) if name.endswith("proj.weight") else 0.02
                nn.init.normal_(weight, 0.0, std)

    def forward(self, idx, targets):
        """The mean loss of tokens ``(B, T)``."""
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def overrides(batch: int, updates: int) -> list[str]:
    """The command."""
    return [
        "data=python_source",
        f"data.batch_size={batch}",
        f"data.length={CONTEXT}",
        "model=decoder",
        f"model.layers={LAYERS}",
        f"model.heads={HEADS}",
        f"model.hidden={WIDTH}",
        "model.positions=learned",
        f"model.context={CONTEXT}",
        "optimizer=adamw",
        "scheduler=cosine",
        "trainer.clip_norm=1.0",
        "trainer.threads=1",
        "trainer.device=cpu",
        f"trainer.max_epochs={EPOCHS}",
        f"trainer.limit_batches={updates}",
        "trainer.eval_every=1000",
        "trainer.evaluation=off",
        "trainer.checkpoint.every_seconds=null",  # nanoGPT saves where it evaluates
    ]


def by_hand(stream: torch.Tensor, vocabulary: int, batch: int, updates: int) -> tuple[float, int]:
    """Tokens per second of the loop by hand, and the number of weights."""
    torch.manual_seed(0)
    model = GPT(vocabulary)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-4, fused=True)

    def get_batch():
        ix = torch.randint(len(stream) - CONTEXT, (batch,))
        x = torch.stack([stream[i : i + CONTEXT] for i in ix])
        y = torch.stack([stream[i + 1 : i + 1 + CONTEXT] for i in ix])
        return x, y

    times = []
    x, y = get_batch()
    for step in range(EPOCHS * updates):
        if step % updates == 0:
            begin = time.process_time()
        for group in optimizer.param_groups:
            group["lr"] = 3e-4 * (1 + math.cos(math.pi * step / (EPOCHS * updates))) / 2
        loss = model(x, y)
        x, y = get_batch()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 10 == 0:
            loss.item()
        if step % updates == updates - 1:
            times.append(time.process_time() - begin)
    seconds = statistics.median(times[1:-1])
    return batch * CONTEXT * updates / seconds, sum(p.numel() for p in model.parameters())


def by_runner(batch: int, updates: int, folder: Path) -> float:
    """Tokens per second of runner, from the times of whole epochs."""
    moments = []

    class Watch(Terminal):
        def epoch(self, fit, row):
            super().epoch(fit, row)
            moments.append((row["step"], time.process_time()))

    with contextlib.redirect_stdout(io.StringIO()):
        run(compose(overrides(batch, updates)), folder, Watch())
    pairs = list(zip(moments, moments[1:]))[:-1]
    return statistics.median(batch * CONTEXT * (m - n) / (t - s) for (n, s), (m, t) in pairs)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--updates", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe(resolved(compose(overrides(arguments.batch, arguments.updates))))
    data = recipe.data.load()
    vocabulary, stream = data.spec.num_outputs, data.train.stream
    ours = sum(p.numel() for p in recipe["model"].make(spec=data.spec).parameters())
    figures, ratios = {"by hand": [], "runner": []}, []
    with tempfile.TemporaryDirectory() as name:
        for number in range(arguments.rounds):
            hand, weights = by_hand(stream, vocabulary, arguments.batch, arguments.updates)
            assert weights == ours, (weights, ours)
            runner = by_runner(arguments.batch, arguments.updates, Path(name) / str(number))
            figures["by hand"].append(hand)
            figures["runner"].append(runner)
            ratios.append(runner / hand)
            print(
                f"round {number + 1}: by hand {hand:,.0f}, runner {runner:,.0f} tokens/s: {ratios[-1]:.3f}", flush=True
            )
    for name, found in figures.items():
        print(f"{name:>8}: {statistics.median(found):>8,.0f} tokens/s ({min(found):,.0f} to {max(found):,.0f})")
    print(f"   ratio: {statistics.median(ratios):>8.3f} ({min(ratios):.3f} to {max(ratios):.3f}), {ours:,} weights")


if __name__ == "__main__":
    main()
