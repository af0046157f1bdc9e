import subprocess
import sys
from pathlib import Path

MODULES = [
    f"runner.{group}.{path.stem}"
    for group in ("scheduler", "warmup")
    for path in sorted(Path(__file__).parents[2].glob(f"runner/{group}/[!_]*.py"))
]


def test_schedules_are_checked_without_torch():
    code = f"import importlib, sys; [importlib.import_module(m) for m in {MODULES}]; assert 'torch' not in sys.modules"
    assert len(MODULES) == 16
    subprocess.run([sys.executable, "-c", code], check=True)
