"""Reads manifest.json and expected/: which relocation of which object should yield what on which target."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS = ("number", "function", "section", "insn_off", "kind", "access")
BY = {"c": "offsetof", "s": "sample", "r": "rule", "t": "twin", "": "libbpf"}
_CELL = re.compile(
    r"(?P<value>-?\d+|\w+)(?P<by> [csrt])?(?P<unfit> unfit)?"
    r"(?: (?P<old>\d+)>(?P<new>\d+))?(?: libbpf:(?P<libbpf>\S+))?"
)


@dataclass(frozen=True)
class Expected:
    """What one relocation yields on one target.

    outcome: "value", "missing", "ambiguous" or "error", of the relocation alone in its object.
    value: unsigned 64 bits, or None.
    by: "offsetof" (the C compiler's offsetof, sizeof, enumerators, or plainly the C source), "sample" (reading
    a bit-field of an initialised struct with this and its four companions gives the initialiser), "rule" (FORMAT.md
    3.8), "libbpf" (it said so), "twin" (it said so of the little-endian object and target of the same layout).
    unfit: a load or store of the wrong width (libbpf poisons it); mem_size: (old, new) where libbpf changes the width.
    libbpf: what libbpf says where that differs ("error", "0", ...), else "".
    """

    outcome: str
    value: int | None
    by: str
    unfit: bool = False
    mem_size: tuple[int, int] | None = None
    libbpf: str = ""


@dataclass(frozen=True)
class Case:
    """One relocation (record `number` of the object's .BTF.ext) on one target."""

    object: str
    target: str
    number: int
    function: str
    section: str
    insn_off: int
    kind: int
    access: str
    expected: Expected


def write_cell(e: Expected) -> str:
    """The text of one answer in expected/*.tsv."""
    letter = {v: k for k, v in BY.items()}[e.by]
    text = str(e.value) if e.outcome == "value" else e.outcome
    text += f" {letter}" if letter else ""
    text += " unfit" if e.unfit else ""
    text += f" {e.mem_size[0]}>{e.mem_size[1]}" if e.mem_size else ""
    return text + (f" libbpf:{e.libbpf}" if e.libbpf else "")


def read_cell(text: str) -> Expected:
    """The inverse of `write_cell`."""
    m = _CELL.fullmatch(text)
    assert m, text
    known = m["value"].lstrip("-").isdigit()
    sizes = (int(m["old"]), int(m["new"])) if m["old"] else None
    by = BY[(m["by"] or "").strip()]
    outcome = "value" if known else m["value"]
    return Expected(outcome, int(m["value"]) if known else None, by, bool(m["unfit"]), sizes, m["libbpf"] or "")


def manifest() -> dict[str, Any]:
    """manifest.json: objects and targets, their files and what they are for."""
    with open(os.path.join(HERE, "manifest.json"), encoding="utf-8") as f:
        return json.load(f)


def object_bytes(name: str) -> bytes:
    """An object ("fields.el": little-endian, "fields.eb": big-endian)."""
    with open(os.path.join(HERE, "obj", name + ".bpf.o"), "rb") as f:
        return f.read()


def target_bytes(name: str) -> tuple[bytes, dict[str, bytes]]:
    """A target's BTF and its modules' split BTFs by name (none, unless the target's name ends in "+modules")."""
    entry = manifest()["targets"][name]

    def read(path: str) -> bytes:
        with open(os.path.join(HERE, path), "rb") as f:
            return f.read()

    return read(entry["file"]), {os.path.basename(p): read(p) for p in entry.get("modules", ())}


def cases(object: str = "", target: str = "") -> Iterator[Case]:
    """Every relocation of every object on every target that it is meant for; `object` and `target` narrow that down."""
    for name, entry in manifest()["objects"].items():
        if object and name != object:
            continue
        with open(os.path.join(HERE, entry["expected"]), encoding="utf-8") as f:
            head, *lines = f.read().splitlines()
        targets = head.split("\t")[len(COLUMNS) :]
        for line in lines:
            number, function, section, insn_off, kind, access, *cells = line.split("\t")
            for where, cell in zip(targets, cells, strict=True):
                if not target or where == target:
                    row = (int(number), function, section, int(insn_off), int(kind), access)
                    yield Case(name, where, *row, read_cell(cell))
