"""The answers of the real cilium/ebpf and aya libraries to CO-RE relocations; `tools/peers.sh` builds the programs that ask them.

A key is (object's name, function, slot of the instruction in it); a value is an `Answer`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import NamedTuple

from libbpf_answers import Record, isolate_relocation, records

from btfkit.co_re import kinds as k
from btfkit.files.elf import Elf
from peer_tools import Bench, Input, ToolError, bench

MASK = (1 << 64) - 1
POISON_CALL = (0x85, 0xBAD2310)


class Answer(NamedTuple):
    """`status` is "value", "missing" (poisoned) or "error".

    `error` also has the words with which a program or object was rejected as a whole; then the answer is that to the relocation
    alone.
    """

    status: str
    value: int | None = None
    error: str = ""


Key = tuple[str, str, int]


def _run(b: Bench, args: list[str]) -> list[str]:
    done = b.run(args)
    if done.returncode:
        raise ToolError(done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace").splitlines()


def cilium_answers(
    objects: Mapping[str, bytes], vmlinux: Input, modules: Mapping[str, Input] | None = None
) -> tuple[dict[tuple[str, str], dict[Key, Answer]], dict[str, str]]:
    """({(object, program): answers}, {object: error})."""
    with bench("cilium-answers") as b:
        places = {b.put(name, data): name for name, data in objects.items()}
        targets = [b.put("vmlinux.btf", vmlinux), *(b.put(f"m/{name}", data) for name, data in (modules or {}).items())]
        lines = [json.loads(line) for line in _run(b, [*targets, "--", *places])]
    found: dict[tuple[str, str], dict[Key, Answer]] = {}
    errors: dict[str, str] = {}
    whole: dict[tuple[str, str], str] = {}
    for line in lines:
        name = places[line["object"]]
        program = name, line.get("program", "")
        if "function" not in line:
            if program[1]:
                whole[program] = line["error"]
            else:
                errors[name] = line["error"]
            continue
        error = line.get("error", "")
        status = "error" if error else "missing" if line.get("poison") else "value"
        answer = Answer(status, line["value"] & MASK if status == "value" else None, error or whole.get(program, ""))
        found.setdefault(program, {})[name, line["function"], line["slot"]] = answer
    return found, errors


def aya_answers(objects: Mapping[str, bytes], vmlinux: Input) -> dict[str, list[Answer]]:
    """{object: the answers to its records, in order}; those of a rejected object are each asked alone."""
    rows = {name: records(data) for name, data in objects.items()}
    found: dict[str, list[Answer]] = {}
    with bench("aya-answers") as b:
        target = b.put("vmlinux.btf", vmlinux)
        whole = _aya(b, target, objects)
        alone = {
            f"{number:06}-{name}": isolate_relocation(objects[name], number)
            for name, text in whole.items()
            if text.startswith("error: ")
            for number in range(len(rows[name]))
        }
        each = _aya(b, target, alone) if alone else {}
    for name, text in whole.items():
        if text.startswith("error: "):
            found[name] = []
            for row in rows[name]:
                answer = _aya_answer(each[f"{row.number:06}-{name}"], objects[name], row)
                found[name].append(answer if answer.error else answer._replace(error=text))
        else:
            found[name] = [_aya_answer(text, objects[name], row) for row in rows[name]]
    return found


def aya_errors(objects: Mapping[str, bytes], vmlinux: Input) -> dict[str, str]:
    """{object: why it is rejected, or ""}."""
    with bench("aya-answers") as b:
        whole = _aya(b, b.put("vmlinux.btf", vmlinux), objects)
    return {name: text if text.startswith("error: ") else "" for name, text in whole.items()}


def _aya(b: Bench, target: str, objects: Mapping[str, bytes]) -> dict[str, str]:
    found = {}
    names = list(objects)
    for start in range(0, len(names), 500):
        places = {b.put(name, objects[name]): name for name in names[start : start + 500]}
        for line in _run(b, [target, *places]):
            path, _, text = line.partition("\t")
            found[places[path]] = text
    return found


def _aya_answer(text: str, data: bytes, row: Record) -> Answer:
    """The answer in the instruction of a relocation."""
    if text.startswith("error: "):
        return Answer("error", None, text)
    section = Elf(data).index_of(row.section)
    for part in text.split():
        index, start, code = part.split(":")
        at = row.insn_off - int(start)
        insns = bytes.fromhex(code)
        if int(index) == section and 0 <= at < len(insns):
            opcode, _, off, imm = struct.unpack_from("<BBhi", insns, at)
            if (opcode, imm) == POISON_CALL:
                return Answer("missing")
            if opcode == 0x18:
                (high,) = struct.unpack_from("<i", insns, at + 12)
                return Answer("value", imm & 0xFFFFFFFF | (high & 0xFFFFFFFF) << 32)
            return Answer("value", (off if opcode & 7 in (1, 2, 3) else imm) & MASK)
    return Answer("error", None, "no function")


def narrow(kind: int, value: int | None) -> int | None:
    """A value as instructions hold it: 32 bits of all but enumerators."""
    return value if value is None or kind in (k.ENUMVAL_VALUE,) else value & 0xFFFFFFFF
