"""Folders like those of real runs, with other values and results."""

import copy
import json
from pathlib import Path

import pytest
import yaml


class Maker:
    """Writes run folders like a real one's.

    Args:
        base: the real one.
    """

    def __init__(self, base: Path) -> None:
        self.config = yaml.safe_load((base / "config.yaml").read_text())
        self.manifest = json.loads((base / "manifest.json").read_text())
        self.result = json.loads((base / "result.json").read_text())
        self.count = 0

    def __call__(self, folder, best=None, manifest=None, result=None, scores=None, **settings):
        """A completed run in `folder`.

        Args:
            folder: where.
            best: its ``val/loss``.
            manifest: entries that differ.
            result: entries that differ.
            scores: such as ``{"val/accuracy": 0.5}``.
            settings: with ``__`` for dots: ``optimizer__lr=0.1``.
        """
        config, said = copy.deepcopy(self.config), copy.deepcopy(self.result)
        for key, value in settings.items():
            *path, name = key.split("__")
            node = config
            for part in path:
                node = node[part]
            node[name] = value
        for key, value in {**({"val/loss": best} if best is not None else {}), **(scores or {})}.items():
            part, _, name = key.partition("/")
            said[part][name] = value
        if best is not None:
            said["best_value"] = best
        self.count += 1
        started = f"2026-01-01T00:{self.count // 60:02d}:{self.count % 60:02d}+0000"
        folder = Path(folder)
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(
            yaml.dump(config, Dumper=yaml.CSafeDumper, sort_keys=False, default_flow_style=None)
        )
        (folder / "manifest.json").write_text(json.dumps({**self.manifest, "started": started, **(manifest or {})}))
        (folder / "result.json").write_text(json.dumps(said | (result or {})))
        (folder / "metrics.jsonl").touch()
        return folder


@pytest.fixture
def make(few_runs):
    """`Maker` of runs like the first one."""
    return Maker(few_runs / "adam")
