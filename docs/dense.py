"""The figures and pictures of docs/dense.md: ``python docs/dense.py FOLDER``; runs that lie in FOLDER are not repeated.

Takes half an hour on one core. The emoji are fetched where they are not on the machine.
"""

import json
import sys
from pathlib import Path

import torch

from runner.cli.verbs import answer
from runner.evaluation.examples import Example
from runner.evaluation.gallery import gallery
from runner.run import load
from runner.run.assembly import load_data

PICTURES = Path(__file__).resolve().parent / "pictures/dense"
SHOWN = 6  # images
SMALL = "model.width=0.5 optimizer.lr=0.003 trainer.max_epochs=8"
TRAINED = {
    "deeplab": f"data=digit_composites data.batch_size=8 model=deeplab model.output_stride=2 {SMALL}",
    "fcos": f"data=digit_composites data.task=detection data.batch_size=16 model=fcos model.channels=32 {SMALL}",
    "retinanet": (
        f"data=digit_composites data.task=detection data.batch_size=16 model=retinanet model.channels=32 {SMALL}"
    ),
    "faster_rcnn": (
        f"data=digit_composites data.task=detection data.batch_size=16 model=faster_rcnn model.channels=32 {SMALL}"
    ),
    "mask_rcnn": (
        "data=digit_composites data.task=instance_segmentation data.batch_size=16 model=mask_rcnn model.channels=32 "
        f"{SMALL}"
    ),
    "emoji_fcos": (
        "data=emoji_composites data.task=detection data.images=1200 data.batch_size=16 model=fcos model.channels=32 "
        f"{SMALL}"
    ),
}


def main(folder: Path) -> None:
    """Train what is not trained yet, write the pictures, print the scores."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, words in TRAINED.items():
        run = folder / name
        if not (run / "result.json").is_file():
            assert answer([*words.split(), "trainer.threads=1", f"hydra.run.dir={run}"]) == 0
        result = json.loads((run / "result.json").read_text())
        scores = {key: round(value, 3) for key, value in result["test"].items()}
        sys.stdout.write(f"{name} {scores} {result['seconds']:.0f} s\n")
        network = load(run)
        batch = load_data(network.recipe).parts["test"].read(torch.arange(SHOWN))
        with torch.no_grad():
            outputs = network.model(batch.inputs)
        told = [a | b for a, b in zip(network.task.true_rows(batch.targets), network.task.rows(outputs), strict=True)]
        losses = network.loss.by_example(outputs, batch).tolist()
        parts = zip(batch.inputs, batch.targets, network.task.predict(outputs), told, losses, strict=True)
        examples = [Example(0.0, n, loss, None, x, y, found, row) for n, (x, y, found, row, loss) in enumerate(parts)]
        figure = gallery(network.task, examples, "Test images")
        assert figure is not None
        figure.savefig(PICTURES / f"{name}.png", dpi=80)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
