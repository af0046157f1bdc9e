"""The pictures of docs/explanation.md: ``python docs/explanation.py`` trains three small networks and explains them.

Takes two minutes on one core; the page of texts is photographed by chromium.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from runner.cli.verbs import answer

PICTURES = Path(__file__).resolve().parent / "pictures/explanation"
QUICK = ("trainer.threads=1", "trainer.images=0", "hydra.run.dir=run")
# What is trained, how it is explained, and which file is kept.
SHOWN = {
    "image": (
        "data=digit_composites data.task=multilabel data.digits=[2,2] data.images=4000 model=cnn "
        "model.channels=[32,64] model.pool_size=3 model.head=[] optimizer.lr=0.003 trainer.max_epochs=15",
        "--method grad_cam --examples 8",
        "grad_cam.png",
    ),
    "pixels": (None, "--method integrated_gradients --examples 8", "integrated_gradients.png"),
    "table": (
        "data=wine model.hidden=[16] trainer.max_epochs=30 optimizer.lr=0.01",
        "--method shap --examples 2",
        "shap.png",
    ),
    "text": (
        "data=python_functions model=gru model.pooling=mean optimizer.lr=0.003 regularization=[dropout] "
        "trainer.max_epochs=8",
        "--examples 3",
        "token_attribution.html",
    ),
}


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, (trained, asked, file) in SHOWN.items():
        if trained is not None:
            os.chdir(tempfile.mkdtemp())
            assert answer([*trained.split(), *QUICK]) == 0
        assert answer(["explain", "run", *asked.split()]) == 0
        found, picture = Path("run/explanations", file).resolve(), PICTURES / f"{name}.png"
        if found.suffix == ".png":
            shutil.copy(found, picture)
            continue
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=800,660")
        subprocess.run(["chromium", *flags, f"--screenshot={picture}", found.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
