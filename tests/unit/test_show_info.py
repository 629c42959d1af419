"""`show.info`: what is said of a BTF, whole, split without its base, or broken."""

from __future__ import annotations

import json

import pytest

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import BtfError, ChainError, FormatError
from btfkit.show.info import Summary

ORDERS = ("little", "big")


def kernel(order, **options) -> Builder:
    b = Builder(order=order, **options)
    b.int("char", 1)
    b.int("long unsigned int", 8)
    b.struct("s", 8, [("a", 2, 0)])
    b.struct("t", 8, [("a", 2, 0)])
    b.struct("u", 8, [("a", 2, 0)])
    return b


def module(base: Btf) -> bytes:
    b = Builder(base)
    b.ptr(b.struct("mine", 8, [("a", 2, 0)]))
    return b.to_bytes()


def failure(data: bytes, base: Btf | None = None) -> BtfError:
    with pytest.raises(BtfError) as caught:
        Btf.from_bytes(data, base)
    return caught.value


def shown(info: Summary) -> dict[str, str]:
    """The rendered rows, by label."""
    rows = [line.strip().split("  ", 1) for line in info.lines() if line.startswith("  ")]
    return {row[0]: row[1].strip() for row in rows if len(row) == 2}


@pytest.mark.parametrize("order", ORDERS)
def test_whole(order) -> None:
    data = kernel(order).to_bytes()
    summary = Summary("a.btf", data, Btf.from_bytes(data), layers=("xz", "raw"))
    info = summary.as_json()
    assert json.loads(json.dumps(info)) == info
    assert info["schema"] == 1
    assert info["byte_order"] == order
    assert info["size"] == len(data)
    assert info["pointer_size"] == {"bytes": 8, "from": "type", "type_id": 2}
    types, strings = info["header"]["sections"]
    assert types == {"name": "types", "offset": 24, "size": 2 * 16 + 3 * 24}
    assert strings["offset"] + strings["size"] == len(data)
    assert info["types"] == {"own": 5, "total": 5, "first_id": 1, "kinds": {"STRUCT": 3, "INT": 2}}
    assert info["split"] is False
    assert info["sorted"] is True
    assert info["problem"] is None
    rows = shown(summary)
    assert rows["container"] == "xz > raw"
    assert rows["pointer size"] == "8 bytes (by type 2)"
    assert rows["types"] == "5 (ids 1 to 5)"
    assert rows["base"] == "none: stands alone"
    assert rows["STRUCT"].split() == ["3", "60.0", "%"]


@pytest.mark.parametrize("order", ORDERS)
def test_split(order) -> None:
    base = kernel(order).build()
    base.source = "vmlinux"
    data = module(base)
    summary = Summary("m", data, Btf.from_bytes(data, base))
    info = summary.as_json()
    assert info["split"] is True
    assert info["base"] == {"path": "vmlinux", "types": 5}
    assert info["types"] == {"own": 2, "total": 7, "first_id": 6, "kinds": {"PTR": 1, "STRUCT": 1}}
    assert info["strings"]["total_bytes"] == len(base.strings) + info["strings"]["own_bytes"]
    assert info["pointer_size"] == {"bytes": 8, "from": "base", "type_id": None}
    rows = shown(summary)
    assert rows["types"] == "2 own (ids 6 to 7), 7 with the base"
    assert rows["base"] == "split on vmlinux, 5 types"


@pytest.mark.parametrize("order", ORDERS)
def test_split_without_base(order) -> None:
    data = module(kernel(order).build())
    error = failure(data)
    assert isinstance(error, ChainError)
    summary = Summary("m", data, error, needs_base=True)
    info = summary.as_json()
    assert info["split"] is True
    assert info["types"] == {"own": 2, "total": None, "first_id": None, "kinds": {"PTR": 1, "STRUCT": 1}}
    rows = shown(summary)
    assert rows["base"].startswith("split: needs its base")
    assert rows["types"] == "2 own"
    assert "sorted" not in rows


def test_split_on_another_base() -> None:
    data = module(kernel("little").build())
    small = Builder()
    small.int("int", 4)
    assert shown(Summary("m", data, failure(data, small.build())))["base"] == "split, but not on the given base"


def test_broken_types() -> None:
    b = kernel("little")
    b.record(31, "x")
    data = b.to_bytes()
    summary = Summary("a", data, failure(data))
    info = summary.as_json()
    assert info["types"]["own"] == 5
    assert info["split"] is None
    assert "kind 31" in info["problem"]
    assert shown(summary)["base"] == "unknown"


def test_broken_header() -> None:
    data = kernel("little").to_bytes()
    with pytest.raises(FormatError, match=r"^a\.btf, header"):
        Summary("a.btf", data[:-1], failure(data[:-1]))


@pytest.mark.parametrize("order", ORDERS)
def test_layout(order) -> None:
    b = kernel(order, layout=True)
    data = b.to_bytes()
    summary = Summary("a", data, Btf.from_bytes(data))
    info = summary.as_json()
    assert info["layout"] == 20
    assert [s["name"] for s in info["header"]["sections"]] == ["types", "layout", "strings"]
    assert shown(summary)["layout"] == "20 kinds described"


def test_elf_sections() -> None:
    data = kernel("little").to_bytes()
    words = [1, 0xEB9F | 1 << 16, 32, 0, 20, 0, 0, 20, 28][1:]
    func = [8, 1, 1, 0, 2]
    core = [16, 1, 1, 0, 3, 5, 0]
    ext = b"".join(w.to_bytes(4, "little") for w in words + func + core)
    summary = Summary("o", data, Btf.from_bytes(data, pointer_size=4), pointer_size=4, ext=ext, distilled=data)
    info = summary.as_json()
    assert info["pointer_size"] == {"bytes": 4, "from": "elf", "type_id": None}
    assert info["ext"] == {"size": 80, "func_info": 1, "line_info": 0, "core_relo": 1, "problem": None}
    assert info["distilled_base"] == {"section": ".BTF.base", "size": len(data), "types": 5, "problem": None}
    rows = shown(summary)
    assert rows[".BTF.ext"] == "1 function, 0 lines, 1 CO-RE relocation"
    assert rows[".BTF.base"] == f"5 types, {len(data)} bytes"
    bad = Summary("o", data, Btf.from_bytes(data), ext=b"junk", distilled=b"junk")
    assert bad.ext.problem
    assert bad.distilled.problem
    assert "unreadable" in shown(bad)[".BTF.ext"]


def test_empty_and_unknown_pointer_size() -> None:
    data = Builder().to_bytes()
    rows = shown(Summary("a", data, Btf.from_bytes(data)))
    assert rows["types"] == "none"
    assert rows["pointer size"] == "unknown"


def test_path_is_escaped() -> None:
    data = Builder().to_bytes()
    assert next(Summary("a\x1b", data, Btf.from_bytes(data)).lines()) == "a\\x1b"
