"""`show.json` against the views, and what becomes of values and names that bpftool gets wrong."""

from __future__ import annotations

import json
import sys

import pytest
from test_show_raw import _name, random_btf
from test_show_raw_golden import everything

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import NotFoundError
from btfkit.show import records
from btfkit.show.json import json_text
from btfkit.show.raw import raw_text

ORDERS = ("little", "big")
INT_ENCODINGS = {0: "(none)", 1: "SIGNED", 2: "CHAR", 4: "BOOL"}


def text(btf: Btf, ids=None, **options) -> str:
    return b"".join(json_text(btf, ids, **options)).decode()


def twin(btf: Btf) -> dict:
    """What `json_text(btf)` has to say."""
    return {"types": [_object(btf[type_id]) for type_id in btf.own_ids]}


def _object(t) -> dict:
    btf = t.btf
    found = {"id": t.id, "kind": t.kind_name, "name": _name(btf, t.words[0])}
    encoding = {"encoding": "SIGNED" if t.kind_flag else "UNSIGNED"}
    if t.kind == spec.INT:
        bits = {"bits_offset": t.bit_offset, "nr_bits": t.bits}
        found |= {"size": t.size, **bits, "encoding": INT_ENCODINGS.get(t.encoding & 15, "UNKN")}
    elif t.kind == spec.ARRAY:
        found |= {"type_id": t.type_id, "index_type_id": t.index_type_id, "nr_elems": t.length}
    elif t.kind in spec.COMPOSITES:
        found |= {"size": t.size, "vlen": t.vlen, "members": [_member(btf, t, m) for m in t.members]}
    elif t.kind in spec.ENUMS:
        step = 2 if t.kind == spec.ENUM else 3
        values = [{"name": _name(btf, t.words[3 + step * i]), "val": e.value} for i, e in enumerate(t.enumerators)]
        found |= encoding | {"size": t.size, "vlen": t.vlen, "values": values}
    elif t.kind == spec.FWD:
        found["fwd_kind"] = t.flavor
    elif t.kind == spec.FUNC_PROTO:
        params = [{"name": _name(btf, t.words[3 + 2 * i]), "type_id": p.type_id} for i, p in enumerate(t.parameters)]
        found |= {"ret_type_id": t.type_id, "vlen": t.vlen, "params": params}
    elif t.kind == spec.DATASEC:
        entries = [{"type_id": e.type_id, "offset": e.offset, "size": e.size} for e in t.entries]
        found |= {"size": t.size, "vlen": t.vlen, "vars": entries}
    elif t.kind == spec.FLOAT:
        found["size"] = t.size
    else:
        found["type_id"] = t.type_id
        if t.kind in (spec.FUNC, spec.VAR):
            found["linkage"] = t.linkage
        elif t.kind == spec.DECL_TAG:
            found["component_idx"] = t.component
    return found


def _member(btf: Btf, t, m) -> dict:
    found = {"name": _name(btf, t.words[3 + 3 * m.index]), "type_id": m.type_id, "bits_offset": m.bit_offset}
    return found | ({"bitfield_size": m.bitfield_size} if m.bitfield_size else {})


def layout(value, depth: int) -> str:
    """How bpftool's -p lays out what -j prints: a line for each key and for each closing bracket of what is not empty."""
    pad = "\n" + "    " * depth
    if isinstance(value, dict):
        return "{" + ",".join(f'{pad}    "{k}": {layout(v, depth + 1)}' for k, v in value.items()) + pad + "}"
    if isinstance(value, list):
        return "[" + ",".join(layout(v, depth + 1) for v in value) + pad + "]" if value else "[]"
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(40))
def test_twin(seed: int, order: str) -> None:
    base = random_btf(seed, order)
    split = random_btf(seed + 1000, order, base)
    for btf in (base, split, random_btf(seed + 2000, order, split)):
        said = twin(btf)
        assert text(btf) == json.dumps(said, separators=(",", ":"), ensure_ascii=False) + "\n"
        assert text(btf, pretty=True) == layout(said, 0) + "\n"


@pytest.mark.parametrize("size", [128, 200, 1000])
def test_any_chunk_gives_the_same_text(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    btf = random_btf(1, "little")
    whole = text(btf)
    monkeypatch.setattr(records, "CHUNK", size)
    assert text(btf) == whole


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("pretty", [False, True])
def test_golden(order, pretty, golden) -> None:
    golden("pretty.json" if pretty else "compact.json", text(everything(order), pretty=pretty))


def test_empty() -> None:
    btf = Builder().build()
    assert text(btf) == '{"types":[]}\n'
    assert text(btf, pretty=True) == '{\n    "types": []\n}\n'


def test_unsigned_values() -> None:
    b = Builder()
    b.enum("e", [("a", 0xFFFFFFFF), ("b", 0x80000000), ("c", 0x7FFFFFFF)], signed=False)
    b.enum("s", [("d", -1)])
    btf = b.build()
    assert [v["val"] for t in json.loads(text(btf))["types"] for v in t["values"]] == [2**32 - 1, 2**31, 2**31 - 1, -1]
    extended = [v["val"] for t in json.loads(text(btf, compat=True))["types"] for v in t["values"]]
    assert extended == [2**64 - 1, 2**64 - 2**31, 2**31 - 1, -1]


NAMES = {
    b"plain": "plain",
    b'q"b\\s/': 'q"b\\s/',
    b"\b\t\n\f\r": "\b\t\n\f\r",
    b"\x01\x1f\x7f": "\x01\x1f\x7f",
    "déjà 名 🎉".encode(): "déjà 名 🎉",
    "\u202eabc\u0085\U000e0001\U000f0000".encode(): "\u202eabc\u0085\U000e0001\U000f0000",
    b"a\xffb\xc3": "a\\xffb\\xc3",
    "\ufeffx\u200b".encode(): "\ufeffx\u200b",
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name: bytes) -> None:
    b = Builder()
    b.record(spec.FWD, name)
    b.struct("s", 0, [("", 1, 0)])
    btf = b.build()
    said = text(btf)
    assert said.rstrip("\n").isprintable()
    assert [t["name"] for t in json.loads(said)["types"]] == [NAMES[name], "s"]
    letters = {0x5C: b"\\\\", 0x22: b'\\"', 0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0C: b"\\f", 0x0D: b"\\r"}
    raw = b"".join(letters.get(c, bytes((c,))) for c in name)
    assert b'"name":"' + raw + b'"' in b"".join(json_text(btf, compat=True))


def test_a_name_that_begins_within_a_character() -> None:
    b = Builder()
    b.fwd("x\u20acy")
    blob = bytearray(b.to_bytes())
    at = blob.index(b"x\xe2\x82\xacy\0") - blob.index(b"\0x\xe2")
    blob[24:28] = (at + 2).to_bytes(4, sys.byteorder)
    btf = Btf.from_bytes(bytes(blob))
    assert json.loads(text(btf))["types"][0]["name"] == "\\x82\\xacy"
    assert b"".join(raw_text(btf)) == b"[1] FWD '\\x82\\xacy' fwd_kind=struct\n"
    assert b'"\x82\xacy"' in b"".join(json_text(btf, compat=True))


def test_some_ids() -> None:
    btf = everything("little")
    assert [t["id"] for t in json.loads(text(btf, [3, 0, 1]))["types"]] == [3, 0, 1]
    assert json.loads(text(btf, [0])) == {"types": [{"id": 0, "kind": "UNKNOWN", "name": "(anon)"}]}
    assert text(btf, []) == '{"types":[]}\n'
    with pytest.raises(NotFoundError):
        text(btf, [len(btf)])
