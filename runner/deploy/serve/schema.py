"""What is asked and answered, as JSON schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.deploy.serve.bounds import Bounds

if TYPE_CHECKING:
    from runner.deploy.serve.forms import Form
    from runner.run.trained import TrainedNetwork

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMED = 1000  # classes that are named


def schema(name: str, network: TrainedNetwork, form: Form, row: dict[str, Any], bounds: Bounds) -> dict[str, Any]:
    """What ``/schema`` says.

    Args:
        name: of the network.
        network: that is asked.
        form: how its examples come.
        row: a prediction.
        bounds: of a request.
    """
    inputs = network.spec.inputs
    request = {
        "$schema": DIALECT,
        "type": "object",
        "properties": {form.key: {"type": "array", "minItems": 1, "maxItems": bounds.rows, "items": form.schema()}},
        "required": [form.key],
        "additionalProperties": False,
    }
    answer = {
        "$schema": DIALECT,
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": of_row(row, network)}},
        "required": ["predictions"],
    }
    return {
        "network": name,
        "task": network.task.name,
        "kind": inputs.kind if inputs else None,
        "key": form.key,
        "media": list(form.media),
        "facts": form.facts(),
        "example": form.sample(),
        "classes": list(network.task.class_names[:NAMED]),
        "bounds": {"bytes": bounds.max_body, "examples": bounds.rows, "seconds": bounds.timeout},
        "input": request,
        "output": answer,
    }


def of_row(row: dict[str, Any], network: TrainedNetwork) -> dict[str, Any]:
    """The schema of a prediction, from one."""
    properties = {name: of_value(value) for name, value in row.items()}
    names = network.task.class_names
    if network.task.name == "classification" and len(names) <= NAMED:
        properties["prediction"] = {"enum": list(names)}
    return {"type": "object", "properties": properties, "required": list(row)}


def of_value(value: Any) -> dict[str, Any]:
    """The schema of a plain value, from one; of an empty list nothing is known of what could be in it."""
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        return {"type": "integer" if isinstance(value, int) else "number"}
    if isinstance(value, list):
        return {"type": "array", **({"items": of_value(value[0])} if value else {})}
    if isinstance(value, dict):
        return {"type": "object", "properties": {name: of_value(held) for name, held in value.items()}}
    return {"type": "string"}
