"""What kernels take of a module's BTF and what they refuse, tried: the facts behind docs/distill.md, `btfkit explain` and
`judges.kernel`. A case is the module of tests/vm/module with another `.BTF` (and `.BTF.base`); each kernel is asked all."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from judge import verdicts
from machine import Kernel, require_kernel
from workshop import encoded

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf_file import open as open_btf
from btfkit.file_ops.module_on_kernel import TAKES, WRONG, judge, read_module

pytestmark = pytest.mark.slow

ROLES = ("old", "now", "new")  # 6.1, 6.12, 7.2: an answer of each, y or n, in this order
ALL, NONE, SINCE_6_12, SINCE_7_2, UNTIL_6_1 = "yyy", "nnn", "nyy", "nny", "ynn"

Case = tuple[str, bytes, bytes | None]  # what is to be expected, .BTF, .BTF.base


class Cases:
    """The cases for a kernel with the BTF `base`, by name."""

    def __init__(self, base: Btf) -> None:
        self.base = base
        self.end = len(base)
        self.missing = len(base) + 1000
        self.uint = base.find_id("unsigned int")
        self.mutex = base.find_id("struct mutex")
        self.function = base.find_id("vfs_read", "FUNC")
        self.good = self.built(self._plain)
        self.all: dict[str, Case] = {}
        for group in (self.sections, self.references, self.records, self.names, self.news, self.chains, self.bases):
            group()

    def built(self, make: Callable[[Builder], object], **how) -> bytes:
        b = Builder(self.base, **how)
        make(b)
        return b.to_bytes()

    def _plain(self, b: Builder) -> None:
        file = b.ptr(self.base.find_id("struct file"))
        own = b.struct("own", 64, [("lock", self.mutex, 0), ("file", file, 448)])
        b.func("own_probe", b.func_proto(self.uint, [("dev", b.ptr(own))]))

    def add(self, name: str, expected: str, blob: bytes | Callable[[Builder], object], **how) -> None:
        self.all[name] = (expected, blob if isinstance(blob, bytes) else self.built(blob, **how), None)

    def sections(self) -> None:
        """The header and what it tells of."""
        good = self.good

        def header(types: int, offset: int, strings: int, length: int = 24) -> bytes:
            return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, length, 0, types, offset, strings)

        self.add("good", ALL, good)
        self.add("empty", NONE, b"")  # loaded without a word
        self.add("header only", ALL, header(0, 0, 0))
        self.add("strings only", ALL, header(0, 0, 4) + b"abc\0")
        self.add("cut short", NONE, good[:-3])
        self.add("cut within the header", NONE, good[:10])
        self.add("zeros", NONE, bytes(len(good)))
        self.add("other byte order", NONE, good[1::-1] + good[2:])
        self.add("version 2", NONE, good[:2] + b"\2" + good[3:])
        self.add("flags", NONE, good[:3] + b"\1" + good[4:])
        self.add("bytes behind", NONE, good + bytes(4))
        self.add("last string without an end", NONE, good[:-1] + b"x")
        self.add("32 bytes of header", ALL, good[:4] + struct.pack("<I", 32) + good[8:24] + bytes(8) + good[24:])
        whole = Builder()
        whole.int("int", 4)
        self.add("whole instead of split", ALL, whole.to_bytes())

    def references(self) -> None:
        """Where references lead is not looked at; only the chains of modifiers are walked."""
        missing, add = self.missing, self.add
        add("pointer to nothing", ALL, lambda b: b.ptr(missing))
        add("member of nothing", ALL, lambda b: b.struct("own", 8, [("m", missing, 0)]))
        add("prototype of nothing", ALL, lambda b: b.func_proto(missing, [("p", missing)]))
        add("function of nothing", ALL, lambda b: b.func("f", missing))
        add("array of nothing", ALL, lambda b: b.array(missing, self.uint, 4))
        add("variable of nothing", ALL, lambda b: b.var("v", missing))
        add("tag on nothing", ALL, lambda b: b.decl_tag("t", missing))
        add("section of nothing", ALL, lambda b: b.datasec(".data", 8, [(missing, 0, 8)]))
        add("pointer to a function", ALL, lambda b: b.ptr(self.function))
        add("member that is a function", ALL, lambda b: b.struct("own", 8, [("m", self.function, 0)]))
        add("function of an int", ALL, lambda b: b.func("f", self.uint))
        add("function of void", ALL, lambda b: b.func("f", 0))
        add("member too large", ALL, lambda b: b.struct("own", 8, [("m", self.mutex, 0)]))
        add("members that overlap", ALL, lambda b: b.struct("own", 64, [("m", self.mutex, 0), ("n", self.mutex, 32)]))
        add("two of a name", ALL, lambda b: (b.struct("file", 8), b.struct("file", 8)))
        add("const of nothing", NONE, lambda b: b.const(missing))
        add("typedef of nothing", NONE, lambda b: b.typedef("t", missing))
        add("type tag of nothing", NONE, lambda b: b.type_tag("user", missing))
        add("volatile pointer to nothing", ALL, lambda b: b.volatile(b.ptr(missing)))

    def records(self) -> None:
        """Each record in itself."""
        add, uint = self.add, self.uint
        add("member of void", NONE, lambda b: b.struct("own", 8, [("m", 0, 0)]))
        add("member behind the end", NONE, lambda b: b.struct("own", 8, [("m", uint, 128)]))
        add("members not in order", NONE, lambda b: b.struct("own", 64, [("m", uint, 64), ("n", uint, 0)]))
        add("extern function", NONE, lambda b: b.func("f", b.func_proto(0), 2))
        add("extern variable", NONE, lambda b: b.var("v", uint, 2))
        add("empty section", NONE, lambda b: b.datasec(".data", 0))
        add("enum of 3 bytes", NONE, lambda b: b.enum("e", [("A", 1)], size=3))
        add("enum of 64 bits", ALL, lambda b: b.enum64("e", [("A", 1 << 40)]))
        add("kind 25", NONE, self._patched(4, 25 << 24))
        add("more members than there are", NONE, self._patched(4, spec.STRUCT << 24 | 1 << 16))

    def names(self) -> None:
        add = self.add
        strings = bytes(self.base.strings)
        add("name behind the end", NONE, self._patched(0, 0x7FFFFFFF))
        add("name inside another", ALL, self._patched(0, strings.index(b"\0mutex_lock\0") + 3))
        for name, told in {"my-dev": "-", "9dev": "a digit", "d\u00e9v": "UTF-8", "a" * 600: "600 letters"}.items():
            add(f"name with {told}", NONE, lambda b, name=name: b.struct(name, 8))
        add("name with a dot", ALL, lambda b: b.func("f.isra.0", b.func_proto(0)))
        add("nameless function", NONE, lambda b: b.func("", b.func_proto(0)))
        add("nameless parameter", ALL, lambda b: b.func("f", b.func_proto(0, [("", self.uint)])))
        add("nameless enumerator", NONE, lambda b: b.enum("e", [("", 1)]))
        add("tag with spaces", ALL, lambda b: b.decl_tag("a b c", b.struct("own", 8)))
        section = [(self.end + 1, 0, 4)]
        add("section with a space", SINCE_6_12, lambda b: (b.datasec(".data x", 8, section), b.var("v", self.uint)))

    def news(self) -> None:
        """What newer kernels know."""
        add = self.add
        add("attribute as tag", SINCE_7_2, lambda b: b.decl_tag("bpf_fastcall", b.struct("own", 8), attribute=True))
        add("attribute as type tag", SINCE_7_2, lambda b: b.ptr(b.type_tag("x(1)", self.uint, attribute=True)))
        add("layout", SINCE_7_2, self._plain, layout=True)
        add("type tag behind const", SINCE_7_2, lambda b: b.ptr(b.const(b.type_tag("user", self.uint))))
        add("type tag before const", ALL, lambda b: b.ptr(b.type_tag("user", b.const(self.uint))))

    def chains(self) -> None:
        def chain(b: Builder, step: Callable[[Builder, int], int], length: int) -> None:
            last = self.uint
            for _ in range(length):
                last = step(b, last)

        self.add("40 consts, the innermost first", ALL, lambda b: chain(b, Builder.const, 40))
        self.add("40 pointers", ALL, lambda b: chain(b, Builder.ptr, 40))
        self.add("a const of itself", NONE, lambda b: b.const(self.end))

    def bases(self) -> None:
        """`.BTF.base`: 6.1 does not look at it, and reads `.BTF` on its vmlinux."""
        self.all["base of no bytes"] = (UNTIL_6_1, self.good, b"")
        self.all["base of other bytes"] = (UNTIL_6_1, self.good, b"garbage!" * 8)

        def add(
            name: str, expected: str, below: Callable[[Builder], int], above: Callable[[Builder, int], object]
        ) -> None:
            base = Builder()
            target = below(base)
            b = Builder(base.build())
            above(b, target)
            self.all[name] = (expected, b.to_bytes(), base.to_bytes())

        def pointer(b: Builder, target: int) -> None:
            b.ptr(target)

        def by_value(b: Builder, target: int) -> None:
            b.struct("own", 48, [("m", target, 0)])

        add("base: int", ALL, lambda b: b.int("unsigned int", 4), pointer)
        add("base: int, signed now", UNTIL_6_1, lambda b: b.int("unsigned int", 4, encoding=spec.INT_SIGNED), pointer)
        add("base: unknown name", UNTIL_6_1, lambda b: b.struct("no_such_struct", 4), pointer)
        add("base: other size, behind a pointer", ALL, lambda b: b.struct("mutex", 48), pointer)
        add("base: other size, by value", UNTIL_6_1, lambda b: b.struct("mutex", 48), by_value)
        in_array = lambda b, t: b.struct("own", 96, [("m", b.array(t, b.int("own_int", 4), 2), 0)])  # noqa: E731
        add("base: other size, in an array", UNTIL_6_1, lambda b: b.struct("mutex", 48), in_array)
        add("base: other size, a variable", ALL, lambda b: b.struct("mutex", 48), lambda b, t: b.var("v", t))
        add("base: a union then", ALL, lambda b: b.union("mutex", 32), pointer)
        add("base: an enum then", UNTIL_6_1, lambda b: b.enum("mutex"), pointer)
        add("base: declared, bitfields now", UNTIL_6_1, lambda b: b.fwd("task_struct"), pointer)
        add("base: declared", ALL, lambda b: b.fwd("mutex"), pointer)
        add("base: nameless", UNTIL_6_1, lambda b: b.struct("", 4), pointer)
        add("base: typedef", UNTIL_6_1, lambda b: b.typedef("own_t", b.int("unsigned int", 4)), pointer)
        members = lambda b: b.struct("mutex", 32, [("m", b.int("unsigned int", 4), 0)])  # noqa: E731
        add("base: members", ALL, members, pointer)

    def _patched(self, at: int, word: int) -> bytes:
        """A struct with another word at byte `at` of its record."""
        blob = bytearray(self.built(lambda b: b.struct("marker", 8)))
        blob[24 + at : 28 + at] = struct.pack("<I", word)
        return bytes(blob)


@pytest.mark.parametrize("role", ROLES)
def test_rules(role, tmp_path) -> None:
    kernel = require_kernel(role)
    module = encoded(kernel, kernel)
    cases = Cases(kernel.btf).all
    files = {}
    for number, (_, blob, base) in enumerate(cases.values()):
        sections: dict[str, bytes | memoryview | None] = {".BTF": blob}
        if base is not None:
            sections[".BTF.base"] = base
        files[f"{number:03}"] = open_btf(module).with_sections(sections)
    found = verdicts(kernel, files)
    wrong = []
    for (name, (expected, _, _)), (number, verdict) in zip(cases.items(), found.items(), strict=True):
        path = tmp_path / f"{number}.ko"
        path.write_bytes(files[number])
        answer = judge(read_module(str(path)), kernel.btf)
        taken = verdict.btf is not None
        if taken != (expected[ROLES.index(role)] == "y"):
            wrong.append((name, "taken" if taken else "refused", verdict.reasons))
        if taken != (answer.verdict in (TAKES, WRONG)):
            wrong.append((name, "explain", answer.verdict, answer.reason, verdict.reasons))
        # an empty .BTF is no reason not to load a module
        if verdict.loaded != (taken or not kernel.strict or name == "empty"):
            wrong.append((name, "loaded", verdict.loaded))
        assert "Oops" not in verdict.messages, name
    assert wrong == []
    the_log(kernel, {name: found[number].messages for name, number in zip(cases, found, strict=True)})


def the_log(kernel: Kernel, messages: dict[str, str]) -> None:
    """What docs/distill.md says that the kernel's log says."""
    everything = "".join(messages.values())
    failed = "failed to validate module [btfkit_demo] BTF: -22"
    quiet = kernel.version >= (6, 12) and not kernel.strict  # configured so, and the code for it is there
    assert (failed in messages["name with -"]) == (not quiet)
    assert ("BPF: Invalid name" in messages["name with -"]) == (not quiet)
    assert everything.count("module BTF mismatch detected") == quiet
    assert "BPF: Total section length too long" in messages["cut short"]
    assert "BPF" not in messages["const of nothing"]
    for what in ("BPF", "mismatch", "failed"):
        assert what not in messages["empty"]
    knows = kernel.version >= (6, 11)
    unmapped = "distilled base BTF type 'no_such_struct' [1] is not mapped to base BTF id"
    assert (unmapped in messages["base: unknown name"]) == knows
    assert ("invalid for distilled base BTF; it is anonymous" in messages["base: nameless"]) == knows
