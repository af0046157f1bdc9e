"""Folders like those of sweeps of an application."""

import json

import yaml


def write_sweep(folder, values, pruned=(), failed=0, repeats=1):
    """A sweep over ``lr``: a trial for each value, then those that were pruned, then those that failed."""
    told = [("completed", v) for v in values] + [("pruned", v) for v in pruned] + [("failed", None)] * failed
    for number, (status, value) in enumerate(told):
        trial = {
            "number": number,
            "point": number // repeats,
            "index": number,
            "repeat": number % repeats,
            "params": {"lr": repr(0.1 * (number + 1))},
            "overrides": [f"lr={0.1 * (number + 1)!r}"],
            "folder": f"{number:04d}-x",
            "config": {"lr": 0.1 * (number + 1)},
            "status": status,
            "values": None if value is None else [value],
            "scores": {},
        }
        place = folder / "trials" / trial["folder"]
        place.mkdir(parents=True)
        (place / "trial.json").write_text(json.dumps(trial))
    settings = {
        "name": "s",
        "created": "2026-01-01T00:00:00",
        "study": "s",
        "sampler": "random",
        "seed": 0,
        "repeats": repeats,
        "objectives": ["val/loss"],
        "directions": ["minimize"],
        "fixed": [],
        "space": {"lr": {"kind": "interval", "log": False}},
        "config_name": "c",
        "arguments": [],
        "hydra_arguments": [],
    }
    (folder / "sweep.yaml").write_text(yaml.safe_dump(settings))
    return folder
