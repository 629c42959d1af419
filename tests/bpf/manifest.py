"""Writes manifest.json and expected/*.tsv after a build: the C compiler's expectations beside libbpf's answers.

Usage, by build.sh: manifest.py BUILD_DIR, with BUILD_DIR/expect and BUILD_DIR/tools as build.sh leaves them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import struct
import sys
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "peers")]

from cases import COLUMNS, Expected, write_cell  # noqa: E402
from libbpf_answers import MASK, Answer, answers, read_value  # noqa: E402

EXPECT = struct.Struct("<16s40sBQ")
KINDS_OF_BITS = ("off", "size", "signed", "lshift", "rshift")
LSHIFT = 4

TARGETS = {
    "a": "everything is there, elsewhere than the programs think",
    "b": "members moved, removed, of another type or kind; other types",
    "dup": "two units with types of the same names: differing duplicates",
}
ARCHES = {
    "x86_64": ("little", 8, "clang"),
    "x86_64-gcc": ("little", 8, "gcc: other names of integers, no type tags"),
    "i386": ("little", 4, "clang, 32 bits: other pointer size, other alignment"),
    "s390x": ("big", 8, "clang, big-endian; char is unsigned"),
    "mips": ("big", 4, "clang, big-endian, 32 bits"),
}
BUILT = {"a": tuple(ARCHES), "b": ("x86_64", "i386", "s390x"), "dup": ("x86_64", "s390x")}
WITH_MODULES = ("x86_64", "s390x")
MEANT_FOR = {"dups": ("dup",), "ambiguous": ("dup",), "module": ("a", "a+modules")}


def targets() -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for kernel, purpose in TARGETS.items():
        for arch in BUILT[kernel]:
            order, pointer, made = ARCHES[arch]
            entry = {
                "file": f"btf/{kernel}.{arch}.btf",
                "byte_order": order,
                "pointer_size": pointer,
                "made_by": made,
                "purpose": purpose,
            }
            out[f"{kernel}.{arch}"] = entry
            if kernel == "a" and arch in WITH_MODULES:
                paths = [f"btf/modules.{arch}/{m}" for m in ("mod_one", "mod_two")]
                out[f"a.{arch}+modules"] = {
                    **entry,
                    "modules": paths,
                    "purpose": "kernel a with two modules (split BTF)",
                }
    return out


def meant_for(name: str, order: str, every: dict[str, dict[str, Any]]) -> list[str]:
    """The targets of one object: of its byte order, of the kernels that it is written for."""
    kernels = MEANT_FOR.get(name, ("a", "b"))
    return [
        t
        for t, e in every.items()
        if e["byte_order"] == order and (t.split(".")[0] + "+modules" * ("modules" in e)) in kernels
    ]


def table(path: str) -> dict[tuple[str, str], Expected]:
    with open(path, "rb") as f:
        data = f.read()
    out = {}
    for obj, name, how, value in EXPECT.iter_unpack(data[: len(data) // EXPECT.size * EXPECT.size]):
        key = obj.rstrip(b"\0").decode(), name.rstrip(b"\0").decode()
        out[key] = Expected("value", value, "offsetof") if how else Expected("missing", None, "offsetof")
    return out


def big_endian_shift(answer: Answer, all_answers: list[Answer]) -> int | None:
    """The left shift that a big-endian machine needs (FORMAT.md 3.8), from the other answers about the same member."""

    def of(kind: int) -> Answer | None:
        same = (answer["type_id"], answer["access"])
        return next((a for a in all_answers if a["kind"] == kind and (a["type_id"], a["access"]) == same), None)

    off, size = of(0), of(1)
    match = next((c for c in answer["candidates"] if c["match"]), None)
    if match is None or off is None or off["value"] is None:
        return None
    byte_size = size["value"] if size else (64 - (of(5) or {"value": 0})["value"]) // 8
    return 8 * (8 - byte_size) + match["bit_off"] - 8 * off["value"]


def from_libbpf(answer: Answer, all_answers: list[Answer]) -> Expected:
    if answer["doubt"] and (shift := big_endian_shift(answer, all_answers)) != answer["value"]:
        return Expected("value", shift, "rule", libbpf=str(answer["value"]))
    value = answer["value"] if answer["outcome"] == "value" else None
    return Expected(answer["outcome"], value, "libbpf", answer["bad_mem_size"], answer["mem_size"])


def merge(c: Expected, libbpf: Expected, where: str) -> Expected:
    """The compiler's word stands; libbpf's is noted where it differs."""
    if (c.outcome, c.value) == (libbpf.outcome, libbpf.value):
        return dataclasses.replace(libbpf, by="offsetof")
    print(f"libbpf differs: {where}: C says {c.value if c.value is not None else c.outcome}, libbpf {libbpf}")
    said = str(libbpf.value) if libbpf.outcome == "value" else libbpf.outcome
    return dataclasses.replace(c, libbpf=said)


def by_sample(rows: list[Answer], expected: list[Expected], build: str, target: str, order: str) -> None:
    """Marks the answers about bit-fields that read the initialised sample right."""
    with open(os.path.join(build, "expect", target + ".sample"), "rb") as f:
        memory = f.read()
    by_name = {a["function"]: i for i, a in enumerate(rows)}
    for (_, member), want in table(os.path.join(build, "expect", target + ".sampled")).items():
        five = [by_name[f"{k}_{member}"] for k in KINDS_OF_BITS]
        off, size, signed, lshift, rshift = five
        if any(expected[i].outcome != "value" for i in five):
            print("no reading of", target, member)
            continue
        got = read_value(rows[off], rows[size], expected[lshift].value or 0, rows[rshift], rows[signed], memory, order)
        if got & MASK != want.value:
            print(f"sample differs: {target} {member}: {got:#x}, not {want.value:#x}")
            continue
        for i in five:
            expected[i] = dataclasses.replace(expected[i], by="sample")


def main(build: str) -> None:
    every = targets()
    objects: dict[str, Any] = {}
    shutil.rmtree(os.path.join(HERE, "expected"), ignore_errors=True)
    os.makedirs(os.path.join(HERE, "expected"))
    for file in sorted(os.listdir(os.path.join(HERE, "obj"))):
        name = file.removesuffix(".bpf.o")
        short, suffix = name.split(".")
        order = "little" if suffix == "el" else "big"
        with open(os.path.join(HERE, "src", short + ".bpf.c"), encoding="utf-8") as f:
            purpose = f.readline().strip("/* \n")
        mine = meant_for(short, order, every)
        columns = [column(build, short, file, t, every) for t in mine]
        rows = columns[0][0]
        lines = ["\t".join((*COLUMNS, *mine))]
        for i, row in enumerate(rows):
            head = [row["number"], row["function"], row["section"], row["insn_off"], row["kind"], row["access"]]
            lines.append("\t".join([str(h) for h in head] + [write_cell(expected[i]) for _, expected in columns]))
        with open(os.path.join(HERE, "expected", name + ".tsv"), "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        in_order = {
            t: differ
            for t in mine
            if (differ := order_matters(file, t, every, dict(zip(mine, columns, strict=True))[t][1]))
        }
        objects[name] = {
            "file": "obj/" + file,
            "source": f"src/{short}.bpf.c",
            "byte_order": order,
            "purpose": purpose,
            "targets": mine,
            "expected": f"expected/{name}.tsv",
            **({"in_order": in_order} if in_order else {}),
        }
    with open(os.path.join(build, "tools"), encoding="utf-8") as f:
        tools = f.read().splitlines()
    with open(os.path.join(HERE, "manifest.json"), "w", encoding="utf-8") as f:
        json.dump({"built_with": tools, "targets": every, "objects": objects}, f, indent=1)
        f.write("\n")


def twin(build: str, short: str, target: str, every: dict[str, Any]) -> tuple[list[Answer], list[Expected]]:
    """The little-endian answers, for big-endian modules: they end btf-oracle on a little-endian machine (SIGSEGV)."""
    rows, expected = column(build, short, short + ".el.bpf.o", target.replace("s390x", "x86_64"), every)
    return rows, [dataclasses.replace(e, by="twin") for e in expected]


def order_matters(file: str, target: str, every: dict[str, Any], alone: list[Expected]) -> dict[str, str]:
    """By number: what libbpf says of a relocation in the whole object where that is not what it says of it alone."""
    if "modules" in every[target]:
        return {}
    with open(os.path.join(HERE, "obj", file), "rb") as f:
        data = f.read()
    rows = answers({file: data}, [os.path.join(HERE, every[target]["file"])], alone="never")[file, 0]
    whole = {a["number"]: from_libbpf(a, rows) for a in rows if a["outcome"] in ("value", "missing")}
    return {
        str(n): write_cell(e)
        for n, e in whole.items()
        if not alone[n].libbpf and (e.outcome, e.value) != (alone[n].outcome, alone[n].value)
    }


def column(
    build: str, short: str, file: str, target: str, every: dict[str, Any]
) -> tuple[list[Answer], list[Expected]]:
    """libbpf's answers of one object on one target, and what is to be expected."""
    entry = every[target]
    order = entry["byte_order"]
    if "modules" in entry and order == "big":
        return twin(build, short, target, every)
    with open(os.path.join(HERE, "obj", file), "rb") as f:
        data = f.read()
    modules = {os.path.basename(p): os.path.join(HERE, p) for p in entry["modules"]} if "modules" in entry else None
    rows = answers({file: data}, [os.path.join(HERE, entry["file"])], modules, alone="all")[file, 0]
    expected = [from_libbpf(a, rows) for a in rows]
    path = os.path.join(build, "expect", target + ".expect")
    known = table(path) if os.path.exists(path) else {}
    count: dict[str, int] = {}
    for a in rows:
        count[a["function"]] = count.get(a["function"], 0) + 1
    names = {name for obj, name in known if obj == short}
    if unknown := names - count.keys():
        raise SystemExit(f"expectations about functions that {file} lacks: {sorted(unknown)}")
    for i, a in enumerate(rows):
        c = known.get((short, a["function"]))
        if c is not None:
            if count[a["function"]] != 1:
                raise SystemExit(f"{file}: {a['function']} has several relocations")
            expected[i] = merge(c, expected[i], f"{file} {target} {a['function']}")
    if short == "bits":
        by_sample(rows, expected, build, target, order)
    return rows, expected


if __name__ == "__main__":
    main(sys.argv[1])
