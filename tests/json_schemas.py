"""The JSON Schema files of docs/schemas, against which what a command prints with --json is checked."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import needs

SCHEMAS = Path(__file__).resolve().parents[1] / "docs" / "schemas"
FREE = {"decode", "dump", "bpftool", "btf"}
"""Commands without a schema: values of the user's own types, and documents in bpftool's form."""


def strict(schema: Any) -> Any:
    """The schema, which readers may not rely on to be complete, as one that allows no key that it does not describe."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {**closed, **{key: strict(value) for key, value in schema.items()}}


@functools.cache
def validators(command: str) -> dict[str, Any]:
    """A validator for each document that a command prints, by the name of its file."""
    jsonschema = needs.module("jsonschema")
    found = {}
    for path in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(path.read_text())
        if schema["title"].split()[1] == command:
            found[path.stem] = jsonschema.Draft202012Validator(strict(schema))
    return found


def check(command: str, text: str) -> str:
    """The name of the schema that a document of a command fits; an AssertionError says why it fits none."""
    document = json.loads(text)
    complaints = {}
    for name, validator in validators(command).items():
        errors = [
            f"{name}: {'/'.join(map(str, error.absolute_path))}: {error.message:.300}"
            for error in validator.iter_errors(document)
        ]
        if not errors:
            return name
        complaints[name] = errors
    assert complaints, f"no schema in docs/schemas for the JSON of {command}"
    raise AssertionError("\n".join(min(complaints.values(), key=len)))
