"""What the module loader makes of a module's split BTF on a kernel, and whether that is right.

The kernel judges each record of a module's BTF by itself: sizes, flags, names.  It does not check references
(kernel/bpf/btf.c, btf_parse_module: no resolve stage).  So BTF that was made for another vmlinux is only rejected if one of its
names happens not to be an identifier there, and otherwise accepted with every reference wrong.  `examine` finds both: the
kernel's answer, and the signs of another base.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from btfkit.btf import spec
from btfkit.btf.btf import Btf, references
from btfkit.btf.header import encode
from btfkit.btf.spec import text
from btfkit.btf.spelling import label
from btfkit.errors import BtfError, FormatError, counted
from btfkit.judges.kernel import KernelRules
from btfkit.judges.structure import DECLARATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.btf.header import ByteOrder
    from btfkit.judges.kernel import Release
    from btfkit.judges.structure import Finding

MAX_SIGNS = 1000

# Signs of another base.
ID, NAME, NAME_INSIDE, KIND, PROTOTYPE, SIZE = "id", "name", "name-inside", "kind", "prototype", "size"

DESCRIPTIONS = {  # (noun, what is wrong with it)
    ID: ("reference", "to missing types"),
    NAME: ("name", "beyond the end of the strings"),
    NAME_INSIDE: ("name", "from the middle of a string"),
    KIND: ("reference", "to types of an impossible kind (functions, variables, types without a size)"),
    PROTOTYPE: ("function", "with a type that is not a prototype"),
    SIZE: ("member", "beyond the end of the struct"),
}

# What the BTF of a kernel has since a release: the functions that contain its rules for BTF show which rules they are.
_MARKS = (
    ("btf_check_modifier_chain_length", "FUNC", "", (7, 2)),
    ("btf_header", "STRUCT", "layout_off", (7, 1)),
    ("bpf_dynptr_copy", "FUNC", "", (6, 15)),
    ("btf_relocate", "FUNC", "", (6, 12)),
    ("btf_enum64_check_meta", "FUNC", "", (6, 0)),
    ("btf_decl_tag_check_meta", "FUNC", "", (5, 16)),
    ("btf_float_check_meta", "FUNC", "", (5, 13)),
    ("btf_array_check_meta", "FUNC", "", (5, 11)),
)

_TAGGED = spec.COMPOSITES | {spec.FUNC, spec.VAR, spec.TYPEDEF, spec.DATASEC}
_BY_VALUE = spec.COMPOSITES | {spec.ARRAY, spec.VAR}
_UNSIZED = frozenset((0, spec.FWD, spec.FUNC_PROTO))


class Sign(NamedTuple):
    """A sign of another base: `what` it is; the own type `user` and `place` ("struct foo.bar") of a reference; its `target`, a
    type id or string offset; `end`, the byte at which a member that is too large ends."""

    what: str
    user: int
    place: str
    target: int
    end: int = 0

    def __repr__(self) -> str:
        return f"<Sign {self.what}: {self.place} to {self.target}>"


class Examination:
    """The result: `unreadable` is why the bytes cannot be read ("": they can), `refused` the faults that the kernel finds,
    `signs` those of another base (at most MAX_SIGNS), `count` the number of all signs by kind, `types` and `names` the numbers
    of references into the base and its strings, `all_types` and `all_names` those of all references and names.  `btf` is the
    split BTF, including wrong references (None: unreadable)."""

    __slots__ = ("all_names", "all_types", "btf", "count", "names", "refused", "signs", "types", "unreadable")

    def __init__(self) -> None:
        self.btf: Btf | None = None
        self.unreadable = ""
        self.refused: list[Finding] = []
        self.signs: list[Sign] = []
        self.count: dict[str, int] = {}
        self.types = self.names = self.all_types = self.all_names = 0

    @property
    def takes(self) -> bool:
        """Whether the kernel would accept it."""
        return not self.unreadable and not self.refused

    @property
    def right(self) -> bool:
        """Whether it may have been built on this base, with a few names inside strings, as `btf.evidence` allows."""
        others = sum(self.count.values()) - self.count.get(NAME_INSIDE, 0)
        return not self.unreadable and not others and 8 * self.count.get(NAME_INSIDE, 0) <= self.names

    def __str__(self) -> str:
        return ", ".join(self.described(what) for what in DESCRIPTIONS if self.count.get(what))

    def described(self, what: str) -> str:
        """The number of signs of a kind, in words: "23 references to missing types"."""
        noun, fault = DESCRIPTIONS[what]
        return f"{counted(self.count[what], noun)} {fault}"


class _Lenient(Btf):
    """A split BTF whose references may lead nowhere: in `words`, which all loops rely on, a missing type is void and a missing
    name is none; `raw` are the words as they are."""

    __slots__ = ("raw",)

    raw: memoryview[int]

    def _check(self, top_id: int, top_name: int, unsure: int) -> None:
        self.raw = self.words
        strings = self.start_str_off + len(self.strings)
        if top_id < len(self) and top_name < strings:
            return
        words = memoryview(array("I", bytes(self.words)))
        for places, end in ((self.columns.ids, len(self)), (self.columns.names, strings)):
            for place in places:
                if words[place] >= end:
                    words[place] = 0
        self.words = words.toreadonly()

    def to_bytes(self, order: ByteOrder | None = None) -> bytes:
        """The blob as it was read, wrong references included."""
        return encode(self.header, order or self.header.order, self.raw, self.layout, self.strings)


def rules_of(base: Btf) -> Release | None:
    """The release whose rules for BTF the kernel with the BTF `base` has, as far as they differ in `judges.kernel`; None if its
    BTF does not show it (for example because it was minimized)."""
    for name, kind, member, release in _MARKS:
        found = base.find_id(name, kind)
        if found is not None and (not member or any(m.name == member for m in base[found].members)):  # type: ignore[attr-defined]
            return release
    return None


def examine(blob: bytes, base: Btf, source: str | None = None, *, pointer_size: int | None = None) -> Examination:
    """Examine the split BTF `blob` as a kernel with the BTF `base` would; any bytes give a result.

    Rules: kernel/bpf/btf.c, btf_parse_module, of the release from `rules_of`; tests/vm compares with real kernels.
    """
    found = Examination()
    try:
        btf = _Lenient.from_bytes(blob, base, source=source, pointer_size=pointer_size)
    except BtfError as error:
        found.unreadable = error.message
        return found
    found.btf = btf
    if btf.byte_order != base.byte_order:
        found.unreadable = f"it is {btf.byte_order}-endian, but the kernel is {base.byte_order}-endian"
        return found
    beyond: Sign | None = None
    for sign in _signs(btf, found):
        found.count[sign.what] = found.count.get(sign.what, 0) + 1
        beyond = beyond or (sign if sign.what == NAME else None)
        if len(found.signs) < MAX_SIGNS:
            found.signs.append(sign)
    found.refused = _rejections(btf, beyond, rules_of(base))
    return found


def _rejections(btf: _Lenient, beyond: Sign | None, release: Release | None) -> list[Finding]:
    """What the kernel would reject; `beyond` is a name beyond the end of the strings."""
    kernel = KernelRules(btf, False, release)
    for stage in (kernel.header, kernel.strings, kernel.meta, kernel.chains):
        if stage == kernel.meta and beyond is not None:
            kernel.reject(beyond.user, f"a name at {beyond.target:#x}, beyond the end of the strings", "meta")
            break
        if stage == kernel.chains and (modifier := _modifier_of_nothing(btf)):
            kernel.reject(modifier, "a modifier of a missing type", "chain")
            break
        stage()
        if any(finding.severity == "error" for finding in kernel.findings):
            break
    return [finding for finding in kernel.findings if finding.severity == "error"]


def _modifier_of_nothing(btf: _Lenient) -> int:
    """The first own modifier of a missing type, or 0 (in the kernel: btf_check_type_tags)."""
    at = zip(btf.own_ids, btf.positions, strict=True)
    return next((i for i, p in at if btf.kind(i) in spec.MODS_AND_TYPEDEFS and btf.raw[p + 2] >= len(btf)), 0)


# ---- signs ---------------------------------------------------------------------------------------------------------


def _signs(btf: _Lenient, found: Examination) -> Iterator[Sign]:
    """All signs in the own records, in order; adds the numbers of references to `found`."""
    base = btf.base
    assert base is not None
    types, strings = len(btf), btf.start_str_off + len(btf.strings)
    for user in btf.own_ids:
        at = btf.positions[user - btf.start_id]
        kind = btf.words[at + 1] >> 24 & spec.MAX_KIND
        member = ""
        for word, what in references(btf.words, at, btf.table):
            value = btf.raw[word]
            found.all_names += what == "name" and value > 0
            found.all_types += what != "name" and value > 0
            if what == "name":
                if value >= strings:
                    yield Sign(NAME, user, _place(btf, user, ""), value)
                    member = ""
                    continue
                member = text(btf.string(value)) if word != at else ""
                if value and value < btf.start_str_off:
                    found.names += 1
                    if not _is_start(base, value):
                        yield Sign(NAME_INSIDE, user, _place(btf, user, member), value)
            elif value >= types:
                yield Sign(ID, user, _place(btf, user, member), value)
            else:
                found.types += 0 < value < btf.start_id
                if wrong := _wrong_kind(btf, kind, word - at, value):
                    yield Sign(wrong, user, _place(btf, user, member), value)
        if kind == spec.STRUCT:
            yield from _beyond_struct(btf, user)


def _is_start(base: Btf, offset: int) -> bool:
    """Whether `offset` is the start of a string of the base."""
    layer = base
    while offset < layer.start_str_off:
        assert layer.base is not None
        layer = layer.base
    return offset == layer.start_str_off or layer.strings[offset - layer.start_str_off - 1] == 0


def _wrong_kind(btf: Btf, kind: int, word: int, target: int) -> str:
    """The sign if a record of `kind` cannot refer to type `target` in that word, else ""."""
    other = btf.kind(target)
    if kind == spec.FUNC:
        return "" if other == spec.FUNC_PROTO else PROTOTYPE
    if kind == spec.DECL_TAG:
        return "" if other in _TAGGED else KIND
    if kind == spec.DATASEC:
        return "" if other in (spec.VAR, spec.FUNC) else KIND
    if other in DECLARATIONS or (kind == spec.ARRAY and word == 4 and other != spec.INT):
        return KIND
    by_value = kind in _BY_VALUE and word != 4 and not (kind == spec.VAR and not other)
    return KIND if by_value and other in _UNSIZED else ""


def _beyond_struct(btf: Btf, user: int) -> Iterator[Sign]:
    """Members that end beyond their struct with the types of this base."""
    size = btf.word(user, 2)
    for member in btf[user].members:  # type: ignore[attr-defined]
        if member.bitfield_size or not 0 < member.type_id < btf.start_id:
            continue
        try:
            length = btf.sizeof(member.type_id)
        except FormatError:
            length = None
        end = member.bit_offset // 8 + (length or 0)
        if length is not None and end > size:
            yield Sign(SIZE, user, _place(btf, user, member.name), member.type_id, end)


def _place(btf: Btf, user: int, member: str) -> str:
    """The place of a reference: "struct foo.bar", "function probe"."""
    return f"{label(btf, user)}.{member}" if member else label(btf, user)
