"""Inputs that nobody means well with: commands, option files, tables and run folders, drawn by Hypothesis."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from runner.config.options import Options

OPTIONS = Options()
GROUPS = OPTIONS.groups()

# A few of what Hydra's grammar, OmegaConf, YAML and a terminal take for something else than text.
WORDS = r"""
/ .. ../.. ~ + @ : = , ' " \ ${ } ${seed} ${nothing} ${.lr} ${oc.env:HOME} ${oc.env:NOT_SET} ${oc.create:{a:1}}
${oc.decode:'[1'} ${oc.select:a} ${now:%Y} ${hydra:job.num} ${hydra.runtime.cwd} ${a:${b:${c}}} [ ] { } [[]]
{a:{b:c}} () ??? null true nan inf -inf 1e300 1e-300 -0 0x10 1_000 1e9999 glob(*) choice(1,2) range(1,3) interval(0,1)
shuffle(1,2) sort(2,1) tag(a,1) extend_list(1) int(a) json_str(1) str( a,b _target_ _self_ _global_ * &a *a
!!python/name:os.system << % --- é 漢字 🙂
"""
STRANGE = st.sampled_from(
    [*WORDS.split(), "", "a b", "n" * 300, "9" * 30, *"\0\x1b\x7f\r\n\t\u202e", "\x1b[31m", "\ud800", "\udcff"]
)
TEXT = st.text(max_size=12) | st.text("abc=/.,:[]{}()'\"\\$~+@ *&!%#<>|-_0159eE", max_size=14) | STRANGE
NUMBER = st.integers().map(str) | st.floats().map(str)
OPTION = st.sampled_from(GROUPS).flatmap(lambda group: st.sampled_from(OPTIONS.names(group)))
VALUE = (
    STRANGE | TEXT | NUMBER | OPTION | st.lists(STRANGE | NUMBER, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
)


def _keys() -> list[str]:
    keys = ["hydra", "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.job.name", "hydra.job.env_copy"]
    keys += [
        "hydra.sweeper",
        "hydra.launcher",
        "hydra.mode",
        "hydra.verbose",
        "hydra.searchpath",
        "hydra.output_subdir",
    ]
    keys += [
        "hydra.hydra_logging.root",
        "hydra.job_logging",
        "hydra.callbacks",
        "hydra.job.chdir",
        "hydra.sweeper.params",
    ]
    keys += ["hydra/sweeper", "hydra/launcher", "hydra/job_logging", "hydra.sweeper.n_trials", "hydra.runtime.choices"]
    keys += [*GROUPS, *OPTIONS.top_level_keys()]
    for group in ("optimizer", "model", "data", "trainer", "scheduler", "warmup", "init", "loss"):
        keys += [f"{group}.{key}" for name in OPTIONS.names(group) for key in _content(group, name)]
    return sorted({*keys, *(f"{group}._target_" for group in GROUPS)})


@cache
def _told(text: str) -> Any:
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _content(group: str, name: str) -> list[str]:
    content = _told(OPTIONS.text(group, name))
    return [str(key) for key in content] if isinstance(content, dict) else []


KEY = st.sampled_from(_keys())
OVERRIDE = st.one_of(
    st.tuples(st.sampled_from(["", "", "", "+", "++", "~"]), KEY, st.just("="), VALUE).map("".join),
    st.sampled_from(GROUPS).flatmap(
        lambda group: st.sampled_from(OPTIONS.names(group)).map(lambda name: f"{group}={name}")
    ),
    st.tuples(KEY, STRANGE, st.just("="), VALUE).map("".join),
    st.tuples(st.just("~"), KEY).map("".join),
    TEXT,
)
FLAGS = """
-m --multirun --resolve --cfg job all --info --package optimizer --run -r -c --config-name --config-dir conf --version
-- - -x --json --help --shell-completion
"""
FLAG = st.sampled_from(FLAGS.split())


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    """Words of a command with which nothing is trained."""
    words = draw(st.lists(OVERRIDE, min_size=1, max_size=3)) + draw(st.lists(FLAG, max_size=2) | st.just([]))
    first = draw(st.sampled_from(["check", "check", "check", "list", "show", "--cfg job", "--info config"]))
    return [*first.split(), *draw(st.permutations(words))]


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
NODE = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)


@st.composite
def option_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """The name of an option file in somebody's folder, and its content."""
    group = draw(
        st.sampled_from(["experiment", "optimizer", "model", "regularization", "data", "space", "hydra/sweeper"])
    )
    name = draw(st.sampled_from(OPTIONS.names(group) if group in GROUPS else ["bayes"]))
    text = OPTIONS.text(group, name) if group in GROUPS else "_target_: os.system\n"
    how = draw(st.sampled_from(["key", "whole", "cut", "bytes", "defaults", "line"]))
    if how == "key":
        try:
            content = {**(_told(text) or {}), draw(KEY | TEXT): draw(NODE)}
            text = "# @package _global_\n" * (group in ("experiment", "space")) + yaml.safe_dump(content)
        except (yaml.YAMLError, UnicodeError):
            text = "a: [\n"
    elif how == "whole":
        text = draw(TEXT)
    elif how == "cut":
        text = text[: draw(st.integers(0, len(text)))]
    elif how == "defaults":
        text = f"defaults: {json.dumps(draw(NODE))}\n{text}"
    elif how == "line":
        text += f"{draw(KEY)}: {draw(VALUE)}\n"
    content = text.encode("utf-8", "surrogatepass")
    if how == "bytes":
        place = draw(st.integers(0, len(content)))
        content = content[:place] + draw(st.binary(max_size=6)) + content[place:]
    return f"{group}/mine.yaml", content


CELL = (
    NUMBER | TEXT | st.sampled_from(["", "NA", "nan", "?", "2020-01-01", "1,5", "1e400", '"', '"a', "=1+1", "<script>"])
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A CSV file, mostly with columns a, b and y, and mostly not as one would wish."""
    separator, end = (
        draw(st.sampled_from([",", ";", "\t", "|"])),
        draw(st.sampled_from(["\n", "\r\n", "\r", "\n\r", "\0"])),
    )
    head = draw(
        st.sampled_from([["a", "b", "y"], ["y"], ["a", "a", "y"], ["", "b", "y"], ["a", "b"]])
        | st.lists(CELL, max_size=4)
    )
    rows = draw(st.lists(st.lists(CELL, max_size=4) | st.just(["1", "2", "x"]) | st.just(["3", "4", "z"]), max_size=8))
    content = end.join(separator.join(row) for row in [head, *rows]).encode("utf-8", "surrogatepass")
    extra = draw(
        st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PK\x03\x04", b"\0" * 9, b"\xff"])
    )
    return extra + content[: draw(st.sampled_from([None, None, -1, -7]))]


FILES = ["config.yaml", "manifest.json", "result.json", "metrics.jsonl", "stop.json", "run.lock", "checkpoints/last.pt"]
FILES += [
    "checkpoints/last.pt.sha256",
    "checkpoints/best.pt",
    "evaluation/evaluation.json",
    "checkpoints/best.pt.sha256",
]


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, str, Callable[[bytes], bytes]]:
    """A file of a run folder, in words what is done to it, and what becomes of its content."""
    name, how = draw(st.sampled_from(FILES)), draw(st.sampled_from(["byte", "cut", "junk", "insert", "value", "key"]))
    place, junk = draw(st.floats(0, 1)), draw(st.binary(min_size=1, max_size=20))

    def change(content: bytes) -> bytes:
        at = int(place * max(len(content) - 1, 0))
        if how in ("value", "key") and name.endswith((".json", ".yaml", ".jsonl")):
            try:
                return _changed(content, name, how, place, node)
            except (ValueError, yaml.YAMLError, UnicodeError, AttributeError):
                return junk
        if how == "byte":
            return content[:at] + junk[:1] + content[at + 1 :]
        return {"cut": content[:at], "junk": junk, "insert": content[:at] + junk + content[at:]}.get(how, junk * 3)

    node = draw(NODE)
    return name, f"{how} at {place:.2f}, {junk!r}, {node!r}", change


def _changed(content: bytes, name: str, how: str, place: float, node: Any) -> bytes:
    """The same names and values with another one in one place."""
    read, write = (yaml.safe_load, yaml.safe_dump) if name.endswith(".yaml") else (json.loads, json.dumps)
    lines = content.splitlines() if name.endswith(".jsonl") else [content]
    told = [read(line) for line in lines]
    inner = told[int(place * (len(told) - 1))]
    while True:
        keys = list(inner)
        key = keys[int(place * (len(keys) - 1))]
        if not isinstance(inner[key], dict) or not inner[key] or how == "key":
            break
        inner = inner[key]
    inner[key] = node
    return "\n".join(write(entry) for entry in told).encode("utf-8", "surrogatepass")


def put(folder: Path, name: str, content: bytes) -> Path:
    """Write a file, and give its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
