"""C: the declarations of all types, or of some with what they need, byte for byte as `bpftool btf dump file F format c`.

`definitions` has which types are declared, in what order; the text is written by a loop of `hot/` (`c_text`, with the sizes of
`c_layout`).
Differences from bpftool, which `compat` removes: sorted output loses no type; an anonymous enum that only a function returns is
not printed twice; a name that is not a C identifier is made one, and the texts of tags cannot end their attribute; base types
that C does not know (Rust's u32) get a typedef; names that are keywords of C are written as `c_names.py` says.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.spec import DEFAULT_POINTER_SIZE
from btfkit.errors import printable
from btfkit.hot import c_layout, c_sort
from btfkit.hot import c_text as _c_text
from btfkit.show.c_names import NO_BOOL, guarded, marks
from btfkit.show.definitions import TANGLED, Definitions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.show.c_omitted import Omitted

CHUNK = 1 << 18  # bytes of text at a time
TEXT = 64  # bytes of text allowed for each byte of a BTF; real ones give less than one
TEXT_AT_LEAST = 1 << 25

GUARD = b"__VMLINUX_H__"
RECORDS_ARE_RELOCATED = b"""\
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

"""
HEAD = (
    b"""\
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

%s#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

"""
    % RECORDS_ARE_RELOCATED
)
KFUNCS = b"""\

/* BPF kfuncs */
#ifndef BPF_NO_KFUNC_PROTOTYPES
"""
END_OF_KFUNCS = b"""\
#endif

"""
END_OF_RECORDS = b"""\
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

"""
END = b"%s#endif /* __VMLINUX_H__ */\n" % END_OF_RECORDS

ENDLESS = "too much C text for gaps between members or nested anonymous types"

# The words of which C spells base types, and what begins the names of types that compilers have by themselves.
_C_TYPES = frozenset(b"char signed unsigned short int long float double _Bool _Complex __int128 complex".split())
_COMPILERS_OWN = (
    b"_Float",
    b"__float",
    b"__bf16",
    b"__fp16",
    b"__ibm128",
    b"__int128",
    b"__Poly",
    b"__ARRAY_SIZE_TYPE__",
)
_INTS = {1: b"char", 2: b"short", 4: b"int", 8: b"long long", 16: b"__int128"}
_FLOATS = {2: b"_Float16", 4: b"float", 8: b"double", 12: b"long double", 16: b"long double"}
_IDENTIFIER = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_ATTRIBUTE = _IDENTIFIER + b' "(),.:-+*<>='
LITERAL = bytes(range(256))


def _only(allowed: bytes) -> bytes:
    """A translation table that replaces all bytes except `allowed` with underscores."""
    return bytes(c if c in allowed else 0x5F for c in range(256))


def c_text(
    btf: Btf,
    ids: Iterable[int] | None = None,
    *,
    unsorted: bool = False,
    exact: bool = False,
    compat: bool = False,
    without: Omitted | None = None,
    prefix: str = "",
    flavor: str = "",
) -> Iterator[bytes]:
    """The types of the whole chain of `btf` as a C header, in chunks; or those of `ids` with what they need, in that order.

    The types are sorted by kind and name, or with `unsorted` in the order of ids, followed by the prototypes of kfuncs.
    `exact` gives text that any C compiler accepts, of C11 to C23, with the right layout, unlike bpftool's: packed unions are
    marked as such, and unnamed members with a named struct or union type, which need -fms-extensions, are spelled out.
    `compat` gives the exact bytes of bpftool, its defects included.

    `without` are types and kfuncs that are declared elsewhere.  `prefix` is put before the names of all types and enumerators,
    `___flavor` after them, and kfuncs are omitted.  With a prefix nothing is relocated (CO-RE would search that name), with a
    flavor it is.

    Raises, before any text: NotFoundError for an id that does not exist, FormatError if a type contains itself or the types
    are nested beyond all limits, UnsupportedError for an unknown kind, ValueError for a prefix or flavor that cannot be one.
    """
    before, after = affixes(prefix, flavor)
    kfuncs = ids is None and not before and not after
    omitted = without.ids if without is not None else ()
    return _Header(btf, exact, compat, kfuncs=kfuncs, without=omitted, prefix=before, suffix=after).text(ids, unsorted)


def affixes(prefix: str, flavor: str) -> tuple[bytes, bytes]:
    """What stands before and after the names of types and enumerators; raises ValueError if it cannot be in a name."""
    if prefix and flavor:
        raise ValueError("prefix and flavor exclude each other")
    allowed = frozenset(_IDENTIFIER.decode())
    if not allowed.issuperset(prefix) or prefix[:1].isdigit():
        raise ValueError(f"prefix {printable(prefix)!r}: expected letters, digits and _, not beginning with a digit")
    if not allowed.issuperset(flavor) or flavor[:1] == "_" or "___" in flavor or flavor[-1:] == "_":
        raise ValueError(
            f"flavor {printable(flavor)!r}: expected letters, digits and _, without _ at its ends or three of them in it"
        )
    return prefix.encode(), b"___" + flavor.encode() if flavor else b""


class _Header:
    """Makes one header."""

    __slots__ = ("btf", "compat", "count", "definitions", "exact", "flat", "kfuncs", "prefix", "suffix", "without")

    def __init__(
        self,
        btf: Btf,
        exact: bool,
        compat: bool,
        *,
        kfuncs: bool,
        without: Sequence[int],
        prefix: bytes,
        suffix: bytes,
    ) -> None:
        self.btf = btf
        self.exact = exact
        self.compat = compat
        self.kfuncs = kfuncs
        self.without = without
        self.prefix = prefix
        self.suffix = suffix
        self.definitions = Definitions(btf, kfuncs=kfuncs, compat=compat, without=without)
        self.flat = self.definitions.flat
        self.count = len(btf)

    def text(self, ids: Iterable[int] | None, unsorted: bool) -> Iterator[bytes]:
        plan = self.definitions.plan(ids, unsorted=unsorted)
        aliases = b"" if self.compat else b"".join(self._aliases(plan))
        return self._write(plan, self.definitions.kfuncs if self.kfuncs else None, aliases)

    def _aliases(self, plan: memoryview[int]) -> Iterator[bytes]:
        """Typedefs for the base types of other languages (Rust's u32, usize, f32) and tools, which C does not know by name.

        One that C code also has as a typedef becomes what that is, so that both may be declared.
        """
        btf, shown = self.btf, _only(_IDENTIFIER)
        found: dict[bytes, int] = {}
        for type_id in self._of_kinds(spec.INT, spec.FLOAT):
            name = btf.string(btf.word(type_id, 0))
            if name and b" " not in name and name not in _C_TYPES and not name.startswith(_COMPILERS_OWN):
                found.setdefault(name, type_id)
        if not found:
            return
        planned = {step >> 1 for step in plan}  # has no FLOATs
        omitted = set(self.without)
        found = {
            name: i for name, i in found.items() if i not in omitted and (i in planned or btf.kind(i) == spec.FLOAT)
        }
        typedefs = {btf.string(btf.word(i, 0)): btf.word(i, 2) for i in self._of_kinds(spec.TYPEDEF) if i in planned}
        for name, type_id in found.items():
            text, as_c = self._base_name(typedefs.get(name, type_id)), name.translate(shown)
            if text and not as_c[:1].isdigit():
                line = b"typedef %s %s;\n" % (text, as_c)
                yield b"%s%s#endif\n\n" % (NO_BOOL, line) if name == b"bool" else line + b"\n"

    def _of_kinds(self, *kinds: int) -> memoryview[int]:
        """The ids of all types of these kinds."""
        flat = self.flat
        ids = memoryview(bytearray(4 * self.count)).cast("I")
        return ids[: c_sort.choose(flat.words, flat.positions, spec.kind_set(kinds), ids)]

    def _base_name(self, type_id: int) -> bytes:
        """An INT or FLOAT as C spells its size and encoding; b"" if C has none, or for a type of another kind."""
        btf = self.btf
        kind = btf.kind(type_id)
        if kind not in (spec.INT, spec.FLOAT):
            return b""
        name, size = btf.string(btf.word(type_id, 0)), btf.word(type_id, 2)
        if set(name.split()) <= _C_TYPES:
            return name
        if kind == spec.FLOAT:
            return _FLOATS.get(size, b"")
        encoding = btf.word(type_id, 3) >> 24 & 0xFF
        if encoding & spec.INT_BOOL and size == 1:
            return b"_Bool"
        return (
            (b"signed " * (size == 1) if encoding & spec.INT_SIGNED else b"unsigned ") + _INTS[size]
            if size in _INTS
            else b""
        )

    # ---- the text -------------------------------------------------------------------------------------------------

    def _write(
        self, plan: memoryview[int], kfuncs: list[tuple[bytes, int, bool]] | None, aliases: bytes
    ) -> Iterator[bytes]:
        writer = self._writer()
        first = 0
        try:
            head, end = self._frame()
            writer.put(head)
            writer.put(aliases)
            for type_id in self.without:
                writer.claim(type_id)
            while first < len(plan):
                first = _c_text.write(writer, plan, first, CHUNK)
                yield writer.take()
            if kfuncs is not None:
                writer.put(KFUNCS)
                for _, func, fast in kfuncs:
                    writer.put(b"extern __bpf_fastcall " if fast else b"extern ")
                    _c_text.prototype(writer, self.btf.word(func, 2), self.btf.word(func, 0))
                    writer.put(b" __weak __ksym;\n")
                writer.put(END_OF_KFUNCS)
            writer.put(end)
            yield writer.take()
        except OverflowError as error:
            problem = ENDLESS if error.args == ("text",) else TANGLED.format("C")
            raise self.definitions.limit_error(problem) from None

    def _frame(self) -> tuple[bytes, bytes]:
        """The first and the last lines."""
        head, end = HEAD, END
        if self.prefix:
            head, end = head.replace(RECORDS_ARE_RELOCATED, b""), end.replace(END_OF_RECORDS, b"")
        guard = self.prefix + GUARD + self.suffix
        return head.replace(GUARD, guard), end.replace(GUARD, guard)

    def _names(self) -> tuple[bytes | bytearray, bytearray]:
        """The marks of names that are keywords, and of types that only compilers before C23 read."""
        guards = bytearray(self.count)
        if self.compat:
            return bytes(len(self.flat.strings)), guards
        if self.exact and not self.prefix and not self.suffix:
            for type_id in guarded(self.btf):
                guards[type_id] = 1
        return marks(self.flat.strings, self.exact), guards

    def _writer(self) -> _c_text.Writer:
        flat, count = self.flat, self.count
        pointer_size = self.btf.pointer_size or DEFAULT_POINTER_SIZE
        aligns = bytearray((c_layout.UNKNOWN,)) * count
        sizes = memoryview(bytearray(4 * count)).cast("I")
        stack = memoryview(bytearray(16 * count)).cast("I")
        c_layout.natural(flat.words, flat.positions, pointer_size, self.exact, aligns, sizes, stack)
        size = 4 * len(flat.words) + len(flat.strings)
        tables = (LITERAL,) * 3 if self.compat else (_only(_IDENTIFIER), _only(_IDENTIFIER + b" "), _only(_ATTRIBUTE))
        return _c_text.Writer(
            flat.words, flat.positions, flat.strings, aligns, sizes, pointer_size, *tables, self.compat,
            self.exact, *self._names(), NO_BOOL, self.prefix, self.suffix, self.definitions.budget, TEXT * size + TEXT_AT_LEAST,
        )  # fmt: skip
