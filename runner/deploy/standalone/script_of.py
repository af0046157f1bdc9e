"""One script out of its parts."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

PARTS = Path(__file__).parent / "script"

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
    imports: set[str] = set()
    bodies, told = [], ""
    for part in parts:
        source = (PARTS / f"{part}.py").read_text(encoding="utf-8")
        tree = ast.parse(source)
        told = told or (ast.get_docstring(tree) or "")
        heads = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        # They import one another, where they are modules; in the script all of them are one.
        imports |= {ast.unparse(node) for node in heads if not ast.unparse(node).startswith("from runner.")}
        body = source.splitlines()[max(node.end_lineno or 0 for node in heads) :]
        bodies.append("\n".join(line.partition("  # type: ignore")[0] for line in body).strip())
    names = ast.parse("\n".join(sorted(imports))).body
    lines = sorted((ast.unparse(node) for node in names), key=lambda line: (line.startswith("from "), line))
    head = _HEAD.format(besides=f", and {besides}" if besides else "", reads=told[:1].lower() + told[1:])
    return f"{head}\n" + "\n".join(lines) + "\n\n\n" + "\n\n\n".join(bodies) + "\n" + _TAIL
