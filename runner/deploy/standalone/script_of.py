"""One script out of its parts."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

PARTS = Path(__file__).parent / "script"

_INSTALLED = ("numpy", "onnxruntime", "tokenizers")

_HEAD = '''"""Predict files with the network beside this script: numpy and ONNX Runtime are all it needs{besides}.

    python predict.py FILE... [--output FILE.csv]

Each example becomes raw numbers here, inputs in prepare.onnx, outputs in the network, and a row of the answer here.
What it reads: {reads}
"""
'''
_TAIL = """

if __name__ == "__main__":
    sys.exit(main(read, answer))
"""


def script_of(parts: Sequence[str], besides: str = "") -> str:
    """The source of ``predict.py``.

    Args:
        parts: names of files below ``script``, without ``.py``; the first one says what is read.
        besides: a library that a part needs.
    """
    whole: set[str] = set()
    named: dict[str, set[str]] = {}
    bodies, told = [], ""
    for part in parts:
        source = (PARTS / f"{part}.py").read_text(encoding="utf-8")
        tree = ast.parse(source)
        told = told or (ast.get_docstring(tree) or "")
        heads = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        for node in heads:
            names = {name.name for name in node.names}
            if isinstance(node, ast.Import):
                whole |= names
            elif not (node.module or "").startswith("runner."):  # in the script all of them are one module
                named.setdefault(node.module or "", set()).update(names)
        body = source.splitlines()[max(node.end_lineno or 0 for node in heads) :]
        bodies.append("\n".join(line.partition("  # type: ignore")[0] for line in body).strip())
    lines = {name: f"import {name}" + (" as np" if name == "numpy" else "") for name in sorted(whole)}
    lines |= {name: f"from {name} import {', '.join(sorted(names))}" for name, names in sorted(named.items())}
    blocks = [[line for name, line in lines.items() if (name in _INSTALLED) == other] for other in (False, True)]
    head = _HEAD.format(besides=f", and {besides}" if besides else "", reads=told[:1].lower() + told[1:])
    imports = "\n\n".join("\n".join(block) for block in blocks)
    return f"{head}\n{imports}\n\n" + "\n\n\n".join(reversed(bodies)) + "\n" + _TAIL
