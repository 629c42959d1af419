"""libbpf's answer to each CO-RE relocation of an object on a BTF, in a neutral form to compare an engine with.

`answers({"x.bpf.o": data}, [btf, ...])` gives, per object and BTF, one dict for *each* record of .BTF.ext, in order:

    number      position among all records of the object
    section, function, insn_off (bytes in the section), type_id (local), access, kind (0..12), kind_name (libbpf's)
    outcome     "value"      the relocation yields `value` (with "exists: no" and types not found: 0)
                "missing"    no candidate matches: the instruction is poisoned
                "ambiguous"  several candidates match and disagree: libbpf refuses the object
                "error"      libbpf refuses the object for another `reason`; `value` is what it wanted to write,
                             if it got that far
                "unseen"     libbpf never looked (function dropped, or stopped before and `alone="never"`)
    value       unsigned 64 bits, or None
    found       whether any candidate matched
    poisoned    whether the instruction was replaced by an invalid one: with "missing", and with "value" where a load
                or store cannot be made to fit (`bad_mem_size`)
    mem_size    (old, new) where the width of a load or store was changed, else None
    candidates  those libbpf looked at: {"in": "vmlinux" or module, "id", "kind", "name", "match", and for fields
                "path", "raw", "bit_off", for enumerators "enumerator", "value"}
    alone       whether the answer comes from a copy of the object that has only this relocation
    in_object   then, the answer in the whole object, or None if libbpf stopped before
    doubt       why libbpf is no judge here, or ""

What one has to know: libbpf narrows the candidates of a local type with each relocation that matches, so in the whole
object an answer depends on the relocations before it, and it stops at the first that fails. With alone="needed" (the
default) each relocation that could be touched by that is asked again in an object of its own (`isolate_relocation`);
"all" asks every one alone, "never" none. ELF and .BTF.ext are read here: the judge shares no code with the judged.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from peer_tools import Input, oracle_relo_log

KIND_NAMES = (
    "byte_off",
    "byte_sz",
    "field_exists",
    "signed",
    "lshift_u64",
    "rshift_u64",
    "local_type_id",
    "target_type_id",
    "type_exists",
    "type_size",
    "enumval_exists",
    "enumval_value",
    "type_matches",
)
BYTE_OFF, LSHIFT = 0, 4
MASK = (1 << 64) - 1

Answer = dict[str, Any]


class Record(NamedTuple):
    """One record of .BTF.ext; `in_section` counts within its group, `pos` is its offset in the file."""

    number: int
    section: str
    function: str
    in_section: int
    insn_off: int
    type_id: int
    access: str
    kind: int
    pos: int


class _Object(NamedTuple):
    """Where the CO-RE part of an ELF object is: file offsets."""

    order: str
    ext_pos: int
    core_pos: int
    record_size: int
    groups: list[tuple[int, int]]
    records: list[Record]


def _sections(data: bytes) -> tuple[str, list[tuple[str, int, int]]]:
    """Byte order, and name, position and size of every section."""
    if data[:5] != b"\x7fELF\x02":
        raise ValueError("not a 64-bit ELF object")
    order = "<" if data[5] == 1 else ">"
    table, size, count, names = (
        *struct.unpack_from(order + "Q", data, 40),
        *struct.unpack_from(order + "HHH", data, 58),
    )
    rows = [struct.unpack_from(order + "IIQQQQ", data, table + i * size) for i in range(count)]
    text = rows[names][4]
    return order, [(_text(data, text + r[0]), r[4], r[5]) for r in rows]


def _text(data: bytes, pos: int) -> str:
    return data[pos : data.index(b"\0", pos)].decode()


def _functions(data: bytes, order: str, sections: list[tuple[str, int, int]]) -> dict[str, list[tuple[int, int, str]]]:
    """By section: start, end and name of every function."""
    at = {name: (pos, size) for name, pos, size in sections}
    out: dict[str, list[tuple[int, int, str]]] = {}
    pos, size = at.get(".symtab", (0, 0))
    for i in range(0, size, 24):
        name, info, _, section, value, length = struct.unpack_from(order + "IBBHQQ", data, pos + i)
        if info & 15 == 2:
            out.setdefault(sections[section][0], []).append(
                (value, value + length, _text(data, at[".strtab"][0] + name))
            )
    return out


def _parse(data: bytes) -> _Object:
    order, sections = _sections(data)
    functions = _functions(data, order, sections)
    at = {name: pos for name, pos, _ in sections}
    btf, ext = at[".BTF"], at[".BTF.ext"]
    hdr_len, _, _, str_off = struct.unpack_from(order + "IIII", data, btf + 4)
    strings = btf + hdr_len + str_off

    def text(off: int) -> str:
        return _text(data, strings + off)

    def function(section: str, off: int) -> str:
        return next((name for start, end, name in functions.get(section, ()) if start <= off < end), "")

    (ext_hdr,) = struct.unpack_from(order + "I", data, ext + 4)
    core_off, core_len = struct.unpack_from(order + "II", data, ext + 24) if ext_hdr >= 32 else (0, 0)
    core = ext + ext_hdr + core_off
    groups: list[tuple[int, int]] = []
    records: list[Record] = []
    if not core_len:
        return _Object(order, ext, core, 16, groups, records)
    (size,) = struct.unpack_from(order + "I", data, core)
    pos = core + 4
    while pos < core + core_len:
        name_off, count = struct.unpack_from(order + "II", data, pos)
        groups.append((name_off, count))
        pos += 8
        for i in range(count):
            insn_off, type_id, access_off, kind = struct.unpack_from(order + "IIII", data, pos)
            section = text(name_off)
            where = (section, function(section, insn_off), i, insn_off)
            records.append(Record(len(records), *where, type_id, text(access_off), kind, pos))
            pos += size
    return _Object(order, ext, core, size, groups, records)


def records(data: bytes) -> list[Record]:
    """The CO-RE records of an object, in file order."""
    return _parse(data).records


def isolate_relocation(data: bytes, number: int) -> bytes:
    """A copy of an object with only relocation `number`: the CO-RE part of .BTF.ext cut to one record in place."""
    parts = _parse(data)
    wanted = parts.records[number]
    section_names = [name_off for name_off, count in parts.groups for _ in range(count)]
    group = struct.pack(parts.order + "III", parts.record_size, section_names[number], 1)
    body = group + data[wanted.pos : wanted.pos + parts.record_size]
    out = bytearray(data)
    out[parts.core_pos : parts.core_pos + len(body)] = body
    struct.pack_into(parts.order + "I", out, parts.ext_pos + 28, len(body))
    return bytes(out)


def _unseen(record: Record) -> Answer:
    return {
        "number": record.number,
        "section": record.section,
        "function": record.function,
        "insn_off": record.insn_off,
        "type_id": record.type_id,
        "access": record.access,
        "kind": record.kind,
        "kind_name": KIND_NAMES[record.kind] if record.kind < len(KIND_NAMES) else f"kind_{record.kind}",
        "outcome": "unseen",
        "value": None,
        "found": False,
        "poisoned": False,
        "bad_mem_size": False,
        "mem_size": None,
        "candidates": [],
        "alone": False,
        "in_object": None,
        "doubt": "",
        "reason": "",
    }


def _candidates(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"in": c["in"], "match": c["match"], **c["spec"]} for c in event["cands"]]


def _wanted(reason: str) -> int | None:
    """The value libbpf failed to write, where its warning shows it."""
    found = re.search(r"exp \d+ -> (\d+)", reason) or re.search(r"value too big: (\d+)", reason)
    return int(found[1]) & MASK if found else None


def _fill(answer: Answer, event: Mapping[str, Any]) -> None:
    """Takes over what one relo event says."""
    answer["candidates"] = _candidates(event)
    matches = [c for c in answer["candidates"] if c["match"]]
    answer["found"] = bool(matches)
    answer["bad_mem_size"] = bool(event.get("bad_mem_sz"))
    result = event["result"]
    if result == "patched":
        answer["outcome"], answer["value"] = "value", event["new"] & MASK
        if "mem_sz_old" in event:
            answer["mem_size"] = (event["mem_sz_old"], event["mem_sz_new"])
    elif result == "poison" and answer["bad_mem_size"]:
        answer["outcome"], answer["poisoned"] = "value", True
        answer["value"] = matches[0]["bit_off"] // 8 if answer["kind"] == BYTE_OFF and matches else None
    elif result == "poison":
        answer["outcome"], answer["poisoned"] = "missing", True


def _blame(answer: Answer, reason: str) -> None:
    """Turns libbpf's last words into an outcome."""
    answer["reason"] = reason
    answer["outcome"] = "ambiguous" if "ambiguity" in reason else "error"
    answer["value"] = _wanted(reason)


def _last_words(answer: Answer, summary: Mapping[str, Any]) -> str:
    """The warnings about one relocation out of the summary's reason ("error -22; prog 'P': relo #N: ...; ...")."""
    parts = summary.get("reason", "").split("; ")
    mine = [p for p in parts if f"relo #{answer['in_section']}:" in p]
    return "; ".join(mine)


def _run(
    objects: Mapping[str, bytes], btfs: Sequence[Input], modules: Mapping[str, Input] | None
) -> dict[tuple[str, int], tuple[list[dict[str, Any]], dict[str, Any]]]:
    out: dict[tuple[str, int], tuple[list[dict[str, Any]], dict[str, Any]]] = {}
    pending: list[dict[str, Any]] = []
    for event in oracle_relo_log(objects, btfs, modules):
        if event["ev"] == "summary":
            out[event["obj"], event["btf"]] = (pending, event)
            pending = []
        else:
            pending.append(event)
    return out


def _whole(parsed: list[Record], events: list[dict[str, Any]], summary: Mapping[str, Any]) -> list[Answer]:
    out = [_unseen(r) for r in parsed]
    at = {(r.section, r.in_section): a for r, a in zip(parsed, out, strict=True)}
    for record, answer in zip(parsed, out, strict=True):
        answer["in_section"] = record.in_section
    for event in events:
        answer = at[event["sec"], event["relo"]]
        _fill(answer, event)
        if event["result"] in ("error", "none"):
            _blame(answer, _last_words(answer, summary) or event.get("warn", ""))
    if not summary["ok"]:
        # a local access string that libbpf cannot follow has no event of its own: it is named in the reason only
        found = re.search(r"prog '[^']*': relo #(\d+): parsing \[(\d+)\]", summary.get("reason", ""))
        for answer in out if found else ():
            same = (answer["in_section"], answer["type_id"]) == (int(found[1]), int(found[2]))
            if same and answer["outcome"] == "unseen":
                _blame(answer, summary["reason"])
                break
    return out


def _shared(answers: list[Answer]) -> set[int]:
    """Local types for which libbpf ever had a choice: their answers may depend on the order."""
    return {a["type_id"] for a in answers if len(a["candidates"]) > 1}


def _doubts(answers: list[Answer], order: str) -> None:
    for answer in answers:
        del answer["in_section"]
        if answer["kind"] == LSHIFT and order == ">" and answer["found"]:
            answer["doubt"] = "libbpf shifts for the byte order of the machine it runs on"


def answers(
    objects: Mapping[str, bytes],
    btfs: Sequence[Input],
    modules: Mapping[str, Input] | None = None,
    *,
    alone: str = "needed",
) -> dict[tuple[str, int], list[Answer]]:
    """libbpf's answers by (object's name, position in `btfs`); names end in ".bpf.o". Skips without btf-oracle.

    With `modules` ({name: split BTF}) the BTF is the running kernel's: libbpf searches modules for types it lacks.
    """
    parsed = {name: _parse(data) for name, data in objects.items()}
    asked = {name: data for name, data in objects.items() if parsed[name].records}
    whole = _run(asked, btfs, modules) if asked else {}
    out: dict[tuple[str, int], list[Answer]] = {}
    for name in objects:
        rows = parsed[name].records
        results = [_whole(rows, *whole[name, i]) if rows else [] for i in range(len(btfs))]
        numbers = {n for i, r in enumerate(results) for n in _to_ask(r, whole[name, i][1], alone)} if rows else set()
        if numbers:
            _ask_alone(objects[name], rows, sorted(numbers), results, btfs, modules)
        for i, result in enumerate(results):
            _doubts(result, parsed[name].order)
            out[name, i] = result
    return out


def _to_ask(result: list[Answer], summary: Mapping[str, Any], alone: str) -> Iterator[int]:
    shared = _shared(result)
    for answer in result:
        unknown = answer["outcome"] in ("unseen", "ambiguous", "error") and not summary["ok"]
        if alone == "all" or (alone == "needed" and (unknown or answer["type_id"] in shared)):
            yield answer["number"]


def _ask_alone(
    data: bytes,
    rows: list[Record],
    numbers: list[int],
    results: list[list[Answer]],
    btfs: Sequence[Input],
    modules: Mapping[str, Input] | None,
) -> None:
    """Replaces the answers to `numbers` by those of objects that have only that relocation: one run for all."""
    copies = {f"{n:06}.bpf.o": isolate_relocation(data, n) for n in numbers}
    for (name, i), (events, summary) in _run(copies, btfs, modules).items():
        record = rows[int(name[:6])]
        (answer,) = _whole([record._replace(in_section=0)], events, summary)
        answer["alone"] = True
        whole = results[i][record.number]
        answer["in_object"] = whole if whole["outcome"] in ("value", "missing") else None
        results[i][record.number] = answer


def read_value(
    answer: Answer, size: Answer, lshift: int, rshift: Answer, signed: Answer, memory: bytes, order: str
) -> int:
    """A bit-field as a BPF program reads it from `memory`, following the five answers; `order` is "little" or "big"."""
    at = memory[answer["value"] : answer["value"] + size["value"]]
    word = int.from_bytes(at, order) << lshift & MASK
    if signed["value"] and word >> 63:
        word -= 1 << 64
    return word >> rshift["value"]


if __name__ == "__main__":
    import json

    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} OBJECT BTF... (one line of JSON per relocation and BTF)")
    with open(sys.argv[1], "rb") as f:
        content = f.read()
    for (_, which), rows_ in answers({"object.bpf.o": content}, sys.argv[2:]).items():
        for row in rows_:
            print(json.dumps({"btf": sys.argv[2 + which], **row}))
