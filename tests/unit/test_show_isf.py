"""`show.isf` and `files.kernel_symbols`: the document piece by piece. Volatility reads it in tests/peers/test_volatility.py."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest

import btfkit
from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.cli import main
from btfkit.errors import FormatError, NotFoundError
from btfkit.files.kernel_symbols import KernelSymbols, read_kernel_symbols
from btfkit.show import isf
from btfkit.show.isf import isf_text
from code_types import hostile_types
from small_modules import elf

MAP = """\
0000000000001000 D per_cpu_int
ffffffff81000000 T _text
ffffffff81000010 t twice
ffffffff81000020 T twice
ffffffff81000030 t twice
ffffffff82000000 D init_task
ffffffff82000100 D linux_banner
"""


def document(btf: Btf, symbols: KernelSymbols | None = None, **options) -> dict[str, Any]:
    found = json.loads(b"".join(isf_text(btf, symbols, **options)), object_pairs_hook=once)
    assert isinstance(found, dict)
    return found


def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object whose keys differ."""
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def symbols_of(folder, text: str) -> KernelSymbols:
    (folder / "System.map").write_text(text)
    return read_kernel_symbols(folder / "System.map")


def kernel(order="little") -> Btf:
    b = Builder(order=order)
    word = b.int("unsigned int", 4)
    b.int("char", 1, encoding=spec.INT_SIGNED)
    b.int("_Bool", 1, encoding=spec.INT_BOOL)
    b.typedef("text_t", b.array(2, word, 4))
    color = b.enum("color", [("red", -1), ("blue", 3)])
    union = b.union("", 4, [("a", word, 0), ("b", b.const(word), 0)])
    lock = b.typedef("lock_t", b.struct("", 4, [("raw", word, 0)]))
    b.struct("task_struct", 48, [
        ("pid", word, 0), ("comm", 4, 32), ("", union, 64), ("low", word, 96, 3), ("kind", color, 102, 5), ("ok", 3, 128, 1),
        ("next", b.ptr(b.fwd("other")), 192), ("lock", lock, 256), ("call", b.ptr(b.func_proto(0)), 320),
    ])  # fmt: skip
    b.var("per_cpu_int", word)
    b.func("_text", b.func_proto(0))
    return b.build(pointer_size=8)


def test_types() -> None:
    found = document(kernel())
    assert found["metadata"]["format"] == "6.2.0"
    assert found["metadata"]["producer"]["name"] == "btfkit"
    assert found["base_types"] == {
        "void": {"size": 0, "signed": False, "kind": "void", "endian": "little"},
        "pointer": {"size": 8, "signed": False, "kind": "int", "endian": "little"},
        "unsigned int": {"size": 4, "signed": False, "kind": "int", "endian": "little"},
        "char": {"size": 1, "signed": True, "kind": "char", "endian": "little"},
        "_Bool": {"size": 1, "signed": False, "kind": "bool", "endian": "little"},
        "int32": {"size": 4, "signed": True, "kind": "int", "endian": "little"},
    }
    assert found["enums"] == {"color": {"size": 4, "base": "int32", "constants": {"red": -1, "blue": 3}}}
    word = {"kind": "base", "name": "unsigned int"}
    assert found["user_types"]["lock_t"] == {
        "kind": "struct",
        "size": 4,
        "fields": {"raw": {"type": word, "offset": 0}},
    }
    task = found["user_types"]["task_struct"]
    assert (task["kind"], task["size"]) == ("struct", 48)
    union = {"kind": "union", "name": "task_struct__anon_1"}
    assert task["fields"] == {
        "pid": {"type": word, "offset": 0},
        "comm": {"type": {"kind": "array", "count": 4, "subtype": {"kind": "base", "name": "char"}}, "offset": 4},
        "__anon_1": {"type": union, "offset": 8, "anonymous": True},
        "low": {"type": {"kind": "bitfield", "bit_position": 0, "bit_length": 3, "type": word}, "offset": 12},
        "kind": {
            "type": {"kind": "bitfield", "bit_position": 6, "bit_length": 5, "type": {"kind": "enum", "name": "color"}},
            "offset": 12,
        },
        "ok": {
            "type": {"kind": "bitfield", "bit_position": 0, "bit_length": 1, "type": {"kind": "base", "name": "_Bool"}},
            "offset": 16,
        },
        "next": {"type": {"kind": "pointer", "subtype": {"kind": "struct", "name": "other"}}, "offset": 24},
        "lock": {"type": {"kind": "struct", "name": "lock_t"}, "offset": 32},
        "call": {"type": {"kind": "pointer", "subtype": {"kind": "function"}}, "offset": 40},
    }
    assert found["symbols"] == {}


def test_bit_fields_of_big_endian_data_count_from_the_other_end() -> None:
    fields = document(kernel("big"))["user_types"]["task_struct"]["fields"]
    assert fields["low"]["type"]["bit_position"] == 29
    assert fields["kind"]["type"]["bit_position"] == 21
    assert fields["ok"]["type"]["bit_position"] == 7


def test_bit_fields_across_the_boundaries_of_their_type() -> None:
    b = Builder()
    word = b.int("u32", 4)
    b.struct(
        "packed", 16, [("a", word, 0, 20), ("b", word, 20, 20), ("c", word, 47, 31), ("d", b.int("u64", 8), 41, 64)]
    )
    fields = document(b.build())["user_types"]["packed"]["fields"]
    assert fields["b"] == {
        "type": {"kind": "bitfield", "bit_position": 4, "bit_length": 20, "type": {"kind": "base", "name": "u32"}},
        "offset": 2,
    }
    assert fields["c"]["type"] == {
        "kind": "bitfield", "bit_position": 7, "bit_length": 31, "type": {"kind": "base", "name": "u64"}
    }  # fmt: skip
    assert fields["d"]["type"]["kind"] == "array"
    assert fields["d"]["type"]["count"] == 9


def test_symbols(tmp_path) -> None:
    symbols = symbols_of(tmp_path, MAP)
    found = document(kernel(), symbols, banner=b"Linux version 6.1 (x)\n")
    assert found["metadata"]["linux"]["symbols"] == [
        {"kind": "system-map", "name": "System.map", "hash_type": "sha256", "hash_value": symbols.digest}
    ]
    shown = found["symbols"]
    assert shown["per_cpu_int"] == {"address": 0x1000, "type": {"kind": "base", "name": "unsigned int"}}
    assert shown["_text"] == {"address": 0xFFFFFFFF81000000, "type": {"kind": "function"}}
    assert shown["twice"] == {"address": 0xFFFFFFFF81000020}
    assert shown["init_task"] == {"address": 0xFFFFFFFF82000000, "type": {"kind": "struct", "name": "task_struct"}}
    banner = shown["linux_banner"]
    assert base64.b64decode(banner["constant_data"]) == b"Linux version 6.1 (x)\n\0"
    assert banner["type"]["count"] == 23


def test_what_is_known_of_variables_needs_a_definition(tmp_path) -> None:
    b = Builder()
    b.fwd("task_struct")
    assert document(b.build(), symbols_of(tmp_path, MAP))["symbols"]["init_task"]["address"]
    every = [name for names in isf.KNOWN.values() for name in names.split()]
    twice = {name for name in every if every.count(name) > 1}
    assert twice == set(isf.KNOWN["unsigned long"].split())  # as gcc and as clang spell it


def test_hostile_names() -> None:
    found = document(hostile_types())
    assert "*/ int x; /*" in found["user_types"]
    assert set(found) == {"metadata", "base_types", "user_types", "enums", "symbols"}
    assert {shown["kind"] for shown in found["user_types"].values()} == {"struct", "union"}
    assert "*/ int x; /*" in found["enums"]


def test_some_types() -> None:
    btf = kernel()
    found = document(btf, ids=list(btf.find_ids("lock_t")))
    assert list(found["user_types"]) == ["lock_t"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("0000000000000000 T _text\n0000000000000000 T other\n", "all addresses are 0"),
        ("ffffffff81000000 T _text\nnonsense\n", "line 2 is 'nonsense'"),
        ("ffffffff81000000 T\n", "line 1 is"),
    ],
)
def test_no_symbols(tmp_path, text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        symbols_of(tmp_path, text)


def test_kallsyms_without_its_modules(tmp_path) -> None:
    symbols = symbols_of(tmp_path, "ffffffff91000000 T _text\nffffffffc0000000 t init_task\t[mod]\n")
    assert list(symbols.addresses) == [b"_text"]
    assert symbols.shift == 0x10000000


def test_an_elf_file_without_symbols(tmp_path) -> None:
    (tmp_path / "vmlinux").write_bytes(elf({".BTF": kernel().to_bytes()}))
    with pytest.raises(NotFoundError, match="no symbol table"):
        read_kernel_symbols(tmp_path / "vmlinux")


def test_an_elf_file_with_the_banner(tmp_path) -> None:
    text = b"Linux version 6.1 (x)\n\0"
    (tmp_path / "vmlinux").write_bytes(
        elf({".rodata": b"1234" + text}, symbols=[("linux_banner", ".rodata", 4, len(text))])
    )
    symbols = read_kernel_symbols(tmp_path / "vmlinux")
    assert (symbols.kind, symbols.addresses, symbols.banner) == ("symtab", {b"linux_banner": 4}, text)
    assert base64.b64decode(document(kernel(), symbols)["symbols"]["linux_banner"]["constant_data"]) == text


def test_banner_without_its_symbol(tmp_path) -> None:
    with pytest.raises(NotFoundError, match="linux_banner"):
        document(kernel(), symbols_of(tmp_path, "ffffffff81000000 T _text\n"), banner=b"Linux version 6")


def test_command(tmp_path, capsys) -> None:
    (tmp_path / "vmlinux").write_bytes(kernel().to_bytes())
    (tmp_path / "System.map").write_text(MAP)
    words = ["dump", str(tmp_path / "vmlinux"), "isf", "--symbols", str(tmp_path / "System.map")]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "no banner" in said.err
    assert len(json.loads(said.out)["symbols"]) == 5
    assert main([*words, "--banner", "Linux version 6"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "constant_data" in json.loads(said.out)["symbols"]["linux_banner"]
    assert main([*words[:2], "c", *words[3:]]) == 2
    assert main([*words[:3], "--banner", "x"]) == 2
    assert main([*words, "-o", words[4]]) == 2
    (tmp_path / "moved").write_text(MAP.replace("ffffffff8", "ffffffff9"))
    assert main([*words[:4], str(tmp_path / "moved"), "--banner", "x"]) == 0
    assert "KASLR moved these addresses by 0x10000000" in capsys.readouterr().err
    with pytest.raises(ValueError, match="banner needs symbols"):
        btfkit.dump(kernel(), "isf", banner="x")
    assert os.path.exists(words[4])
