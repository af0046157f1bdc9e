"""Images per second that are augmented: crop, flip, rotation, colour jitter and random erasing, drawn for each image.

    python benchmarks/augmentation.py [--sizes 32 64] [--batch 128] [--rounds 5] [--cores 1]

Three ways in turn, round after round, from the same pixels in memory to batches that a network can take:

- runner: batches of scaled images, the techniques one after the other, a thread for each core;
- torchvision: its v2 transforms for each image, in the worker processes of a `DataLoader`, one for each core;
- kornia: batches, a thread for each core.

On a machine that others use too, one core each is what can be compared: threads of one process wait for each other
after every operation. The figure of a way is its median over the rounds, the ratio the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from runner.augmentation.color_jitter import ColorJitter
from runner.augmentation.crop import Crop
from runner.augmentation.flip import Flip
from runner.augmentation.random_erasing import RandomErasing
from runner.augmentation.rotation import Rotation
from runner.engine.batch import Batch
from runner.engine.spec import Field, Spec

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STRENGTHS = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
Way = Callable[[], Iterator[Tensor]]


class Pictures(Dataset[Tensor]):
    """Images in memory, each transformed when it is asked for."""

    def __init__(self, pixels: Tensor, transform: v2.Compose) -> None:
        self.pixels, self.transform = pixels, transform

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        changed: Tensor = self.transform(self.pixels[index])
        return changed


def ours(pixels: Tensor, size: int) -> Way:
    """Runner's techniques, set up as in a run on standardized images."""
    inputs = Field("image", (3, size, size), mean=MEAN, std=STD)
    spec = Spec("classification", inputs, Field("class", (), 2), num_outputs=2)
    fit: Any = SimpleNamespace(spec=spec, device=torch.device("cpu"))
    techniques = [Crop(), Flip(), Rotation(15.0), ColorJitter(**STRENGTHS), RandomErasing(0.5)]
    for technique in techniques:
        technique.setup(fit)
    scaled = (pixels / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)

    def go() -> Iterator[Tensor]:
        order = torch.randperm(len(scaled))
        for rows in order.split(BATCH):
            batch = Batch(scaled[rows], rows)
            for technique in techniques:
                batch = technique.on_batch(batch)
            yield batch.inputs

    return go


def torchvisions(pixels: Tensor, size: int, workers: int) -> Way:
    """torchvision's transforms, image by image, in worker processes that stay."""
    transform = v2.Compose(
        [
            v2.RandomCrop(size, padding=size // 8, padding_mode="reflect"),
            v2.RandomHorizontalFlip(),
            v2.RandomRotation(15, interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(**STRENGTHS),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
            v2.RandomErasing(0.5, value="random"),
        ]
    )
    loader = DataLoader(
        Pictures(pixels, transform), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    return lambda: iter(loader)


def kornias(pixels: Tensor, size: int) -> Way:
    """kornia's batched augmentations, which take pixels in [0, 1]."""
    import kornia.augmentation as K

    pipeline = torch.nn.Sequential(
        K.RandomCrop((size, size), padding=size // 8, padding_mode="reflect", p=1.0),
        K.RandomHorizontalFlip(0.5),
        K.RandomRotation(15.0, p=1.0),
        K.ColorJitter(**STRENGTHS, p=1.0),
        K.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
        K.RandomErasing(p=0.5),
    )

    def go() -> Iterator[Tensor]:
        with torch.no_grad():
            for rows in torch.randperm(len(pixels)).split(BATCH):
                yield pipeline(pixels[rows] / 255)

    return go


def rate(way: Way, count: int) -> float:
    """Images per second of one pass."""
    begin = time.perf_counter()
    seen = sum(len(batch) for batch in way())
    assert seen == count
    return count / (time.perf_counter() - begin)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.cores)
    BATCH = given.batch
    print(f"{given.cores} threads or workers, batches of {BATCH}, torch {torch.__version__.partition('+')[0]}")
    for side in given.sizes:
        number = 8 * BATCH if side < 128 else 2 * BATCH
        pictures = torch.randint(256, (number, 3, side, side), dtype=torch.uint8)
        ways = {
            "runner": ours(pictures, side),
            "torchvision": torchvisions(pictures, side, given.cores),
            "kornia": kornias(pictures, side),
        }
        for one in ways.values():
            rate(one, number)  # starts workers and warms up
        rounds = [{name: rate(one, number) for name, one in ways.items()} for _ in range(given.rounds)]
        print(f"{side} x {side}, {number} images:")
        for name in ways:
            ratio = statistics.median(each["runner"] / each[name] for each in rounds)
            told = "" if name == "runner" else f"   runner is {ratio:.1f} x as fast"
            print(f"  {name:12} {statistics.median(each[name] for each in rounds):9,.0f} images/s{told}")
