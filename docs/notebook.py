"""Runs notebook.ipynb from its beginning to its end, and stores what it shows.

    python docs/notebook.py

Its cells are executed in one namespace, in a folder of their own, without Jupyter; a line that begins with ``!`` is a
command. It takes half a minute on one core.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).resolve().with_suffix(".ipynb")

Output = dict[str, Any]


def command(line: str) -> None:
    """Run a command of the notebook, and print what it says."""
    words = [sys.executable if word == "python" else word for word in shlex.split(line)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    sys.stdout.write(done.stdout)


def execute(source: str, names: dict[str, Any]) -> list[Output]:
    """What a cell shows: what it prints, and the value of its last line."""
    names["_command"] = command
    code = ast.parse(re.sub(r"^!(.*)$", lambda line: f"_command({line[1]!r})", source, flags=re.MULTILINE))
    last = code.body.pop() if code.body and isinstance(code.body[-1], ast.Expr) else None
    value, printed = None, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<cell>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    outputs: list[Output] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": lines(printed.getvalue())})
    if value is not None:
        data: dict[str, Any] = {"text/plain": lines(repr(value))}
        if hasattr(value, "_repr_png_"):
            data["image/png"] = base64.b64encode(value._repr_png_()).decode()
        outputs.append({"output_type": "execute_result", "data": data, "metadata": {}})
    return outputs


def lines(text: str) -> list[str]:
    """A text as notebooks keep it."""
    return text.splitlines(keepends=True)


def executed(notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook with what its cells show now, in the working directory."""
    names: dict[str, Any] = {}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            outputs = execute("".join(cell["source"]), names)
            for output in outputs:
                if output["output_type"] == "execute_result":
                    output["execution_count"] = count
            cell = {**cell, "execution_count": count, "outputs": outputs}
        cells.append(cell)
    return {**notebook, "cells": cells}


if __name__ == "__main__":
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    os.chdir(tempfile.mkdtemp())
    NOTEBOOK.write_text(json.dumps(executed(content), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
