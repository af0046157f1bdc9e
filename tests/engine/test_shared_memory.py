"""Workers that find no room in shared memory end a run with that cause, and are not waited for."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

OWN = 'mount -t tmpfs -o size=$0 tmpfs /dev/shm && exec "$@"'
COMMAND = ["data=image_folder", "data.root=im", "data.image_size=32", "data.batch_size=64", "data.in_memory=false"]
COMMAND += ["data.num_workers=2", "model.hidden=[4]", "trainer.max_epochs=1", "trainer.images=0", "hydra.run.dir=run"]


@pytest.mark.slow
@pytest.mark.parametrize("size", ["16k", "64k"])  # not even for the queues; for those alone
def test_a_full_one_is_named(tmp_path, size):
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("only root can give a process a /dev/shm of its own")
    draw = np.random.default_rng(0)
    for number in range(200):
        folder = tmp_path / "im" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    words = ["unshare", "-m", "sh", "-c", OWN, size, sys.executable, "-m", "runner", *COMMAND]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done
    assert done.stderr.strip().startswith("error: no room in shared memory (/dev/shm), through which workers"), done
    assert "Traceback" not in done.stdout + done.stderr
