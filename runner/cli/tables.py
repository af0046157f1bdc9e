"""Tables on the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.table import Table

from runner.analysis.numbers import number as number
from runner.analysis.numbers import plus_minus as plus_minus
from runner.errors import ConfigError
from runner.printing import Console

if TYPE_CHECKING:
    from runner.config.options import Options


_STYLE = re.compile(r"\x1b\[[\d;]*m")
_PADDING = re.compile(rf"(?: |{_STYLE.pattern})+$")


def console() -> Console:
    """Standard output, never cut to 80 columns when it is no terminal."""
    out = Console(highlight=False, markup=False)  # what is printed may hold brackets
    if not out.is_terminal:
        out.width = 160
    return out


def put(table: Table, least: int = 0) -> None:
    """Print a table without the spaces that fill its last column.

    Args:
        table: what is printed.
        least: the width, in characters, into which it is never squeezed.
    """
    out = console()
    out.width = max(out.width, least)
    for column in table.columns:
        column._cells = [cell.replace("\n", "\\n") if isinstance(cell, str) else cell for cell in column._cells]
    with out.capture() as captured:
        out.print(table)
    for line in captured.get().splitlines():
        print(_PADDING.sub(lambda end: "".join(_STYLE.findall(end[0])), line))


def plain_table(*columns: str) -> Table:
    """A table without lines between rows."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def score_table(scores: dict[str, dict[str, float]]) -> None:
    """One row per split, one column per score."""
    names = list(dict.fromkeys(name for row in scores.values() for name in row))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    for split, row in scores.items():
        table.add_row(split, *(number(row.get(name)) for name in names))
    if names:
        put(table)


def fact_table(facts: list[tuple[str, str]]) -> None:
    """Names and what is to be said of each."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, fact in facts:
        table.add_row(name, fact)
    put(table)


def option_table(options: Options, groups: list[str]) -> None:
    """The options of groups with their one-line descriptions."""
    table = plain_table("option", "what it is and when to choose it")
    for place, group in enumerate(groups):
        if place:
            table.add_row("", "")
        for name in options.names(group):
            table.add_row(f"{group}={name}", options.description(group, name))
    put(table)


def show_option(options: Options, group: str, name: str, trusted: list[str]) -> None:
    """An option's file, arguments with types and defaults, and source.

    Args:
        options: where it is looked for.
        group: its group.
        name: its name.
        trusted: modules that the user trusts; of others nothing is imported, so types are not known.
    """
    import yaml

    from runner.config.targets import is_trusted

    out = console()
    out.print(f"{group}={name}", style="bold", end="")
    out.print(f"  ({options.file(group, name)})")
    for line in options.comments(group, name):
        out.print(line)
    try:
        node: Any = yaml.safe_load(options.text(group, name)) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{options.file(group, name)}: not valid YAML: {problem}.") from error
    if not isinstance(node, dict):
        raise ConfigError(f"{options.file(group, name)}: expected keys and values in it.")
    prefix = group.replace("/", ".")
    if set(node) == {name} and isinstance(node[name], dict):
        node, prefix = node[name], f"{group}.{name}"
    if "_target_" not in node:
        text = yaml.safe_dump(node, sort_keys=False) if node else "Sets nothing.\n"
        out.print(text, end="")
        return
    out.print(f"\n{node['_target_']}")
    table = plain_table("key", "default", "takes")
    table.columns[0].no_wrap = True  # to be copied
    _add_rows(table, node, prefix, trusted, options.remarks(group, name))
    for entry in node.get("defaults", ()):  # choices inside this one, such as optimizer/params
        for inner, chosen in entry.items() if isinstance(entry, dict) else ():
            within = f"{group}/{inner}"
            part = yaml.safe_load(options.text(within, chosen))
            if part:  # `none` is empty
                _add_rows(table, part, f"{prefix}.{inner}", trusted, options.remarks(within, chosen))
    put(table)
    if not is_trusted(node["_target_"], trusted):
        module = str(node["_target_"]).rpartition(".")[0]
        out.print(f"What they take is in {module}, which is not imported: trusted_targets=[{module}] has it looked at.")


def _add_rows(table: Table, node: dict[str, Any], prefix: str, trusted: list[str], remarks: dict[str, str]) -> None:
    from runner.config.signature import describe, signature_of
    from runner.config.targets import is_trusted, resolve

    target = node["_target_"]
    arguments = {}
    if is_trusted(target, trusted):
        arguments = signature_of(resolve(target, f"{prefix}._target_", trusted)).arguments
    left_to_class = {name: a.default for name, a in arguments.items() if name not in node and a.has_plain_default}
    for key, value in (node | left_to_class).items():
        if key in ("_target_", "defaults"):
            continue
        if isinstance(value, dict) and "_target_" in value:
            _add_rows(table, value, f"{prefix}.{key}", trusted, remarks)
        else:
            takes = describe(arguments[key].hint if key in arguments else None)
            remark = remarks.get(key, "")
            if not set(re.findall(r"\w+", takes)) <= set(re.findall(r"\w+", remark)):  # it does not say so itself
                remark = f"{takes}; {remark}" if remark else takes
            table.add_row(f"{prefix}.{key}", _default(value), remark)


def _default(value: Any) -> str:
    return (
        "required"
        if value == "???"
        else "null"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def doctor_tables(report: dict[str, list[tuple[str, str]]]) -> None:
    """Sections of facts."""
    out = console()
    for section, facts in report.items():
        out.print(section, style="bold")
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column()
        for name, fact in facts:
            table.add_row(f"  {name}", fact)
        put(table)
