"""The kernel's own rules for BTF: whether BPF_BTF_LOAD, or the loading of a module, would accept it.

The kernel judges in stages and stops at the first fault: header, strings, *meta* (each record by itself), *resolve* (what records
refer to), and the length of modifier chains.  Here every fault of a stage is found before the next stage begins, so the first
finding is the kernel's answer, and the others would come up after that one is fixed.  (Sections without a size do not stop the
stages: compilers leave the size to libbpf.)

`META` is the table of the meta stage, one row a kind; the resolve stage is in `judges.kernel_resolve`.  Source: the rules of
kernel/bpf/btf.c (Linux 6.18 to 7.3), written independently; tests compare them with BPF_BTF_LOAD of a running kernel.  Not
judged: special fields of map values (bpf_spin_lock, kptr tags and the like).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from btfkit.btf import spec
from btfkit.judges.kernel_resolve import MODIFIERS, U32, Rejected, Resolve
from btfkit.judges.structure import Finding, Records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from btfkit.btf.btf import Btf

    Release = tuple[int, int]

# Where the rules changed, by release.
LONG_NAMES_SINCE = (6, 1)  # names of 512 bytes; before, of 128
ENUM64_SINCE = (6, 0)  # ... and the signed flag of ENUM
SECTION_NAMES_SINCE = (6, 12)  # any printable character; before, an identifier (since 6.10 with a leading "?")
TAG_FLAG_SINCE = (6, 15)  # kind_flag of DECL_TAG and TYPE_TAG
LAYOUT_SINCE = (7, 1)  # a header of 32 bytes
WIDE_VLEN_SINCE = (7, 2)  # 24 bits of vlen, 7 bits of kind; before, 16 and 5
TAGS_ANYWHERE_SINCE = (7, 2)  # type tags after other modifiers; 7.2.13 accepts them, 6.18.44 does not
NEWEST = (7, 3)
KIND_SINCE = {
    spec.FLOAT: (5, 13),
    spec.DECL_TAG: (5, 16),
    spec.TYPE_TAG: (5, 17),
    spec.ENUM64: ENUM64_SINCE,
}
# Before 5.2: of no interest to whom no release is given.
OLD_KIND_SINCE = {spec.FUNC: (5, 0), spec.FUNC_PROTO: (5, 0), spec.VAR: (5, 2), spec.DATASEC: (5, 2)}
STRUCT_FLAG_SINCE = (5, 0)  # kind_flag of STRUCT, UNION and FWD
INT128_SINCE = (5, 1)

MAX_SIZE = 16 << 20  # bytes of a whole blob
MAX_CHAIN = 32  # modifiers in a row

# The kernel's ctype table is that of Latin-1.
_LETTERS = rb"A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff_."
IDENTIFIER = re.compile(rb"[%s][%s0-9]{0,511}\0" % (_LETTERS, _LETTERS))
SHORT_NAME = re.compile(rb"[^\0]{0,128}\0")  # as long as names may be before 6.1 (KSYM_NAME_LEN)
SECTION_NAME = re.compile(rb"[\x20-\x7e\xa0-\xff]{1,512}\0")
OLD_SECTION_NAME = re.compile(rb"[%s?][%s0-9]{0,511}\0" % (_LETTERS, _LETTERS))
TEXT = re.compile(rb"[^\0]")
NO_NAME = "no name"
NOT_AN_IDENTIFIER = "the name is not an identifier, or is too long"
UNSIZED_SECTION = "section-size"  # the rule that every object breaks until libbpf loads it
NO_SIZE = "a section without a size (libbpf fills it in when it loads an object)"


def kernel_rules(btf: Btf, *, program: bool = True, release: Release | None = None) -> list[Finding]:
    """What the kernel would reject in `btf`, each an "error" with its errno; empty if it would accept it.

    With `program` for BPF_BTF_LOAD, without for BTF of the kernel itself or of a module, which has no resolve stage.
    `release` is that of the kernel, (6, 18); by default the newest known one, with a "note" on what older ones reject.
    The byte order is assumed to be that of the machine.  Rules: see the module's docstring.
    """
    stages = KernelRules(btf, program, release)
    resolve = [Resolve(stages).run] if program else []
    for stage in (stages.header, stages.strings, stages.meta, *resolve, stages.chains):
        stage()
        if any(finding.severity == "error" and finding.rule != UNSIZED_SECTION for finding in stages.findings):
            break
    stages.findings.sort(key=lambda finding: finding.severity != "error")
    return stages.findings


class Meta(NamedTuple):
    """A row of the meta stage: the rules for a record of one kind by itself.

    `name` is NO_NAME, a pattern, or None for any; with `optional` it may be missing.  `third` is "zero", "id", "some id" (not
    void), "any" or the possible sizes.  `flag` is the first release that accepts kind_flag, None if none does.  `vlen` is the
    largest that is possible, None if it counts elements.  `elements` judges the rest of the record.
    """

    third: str | tuple[int, ...]
    name: re.Pattern[bytes] | str | None
    optional: bool = False
    flag: Release | None = None
    vlen: int | None = 0
    elements: Callable[[KernelRules, int, int], str | None] | None = None


class KernelRules:
    """One run of the stages, which append to `findings`."""

    def __init__(self, btf: Btf, program: bool, release: Release | None) -> None:
        self.btf = btf
        self.program = program
        self.release = release or NEWEST
        self.explain = release is None
        self.findings: list[Finding] = []
        self.records = Records(btf)
        self.words = self.records.words
        self.at = self.records.at
        self.kinds = self.records.kinds
        self.good_names: dict[int, bool] = {}

    def reject(self, type_id: int | None, message: str, rule: str, errno: str = "EINVAL") -> None:
        self.findings.append(Finding("error", type_id, message, rule, errno))

    def reject_before(self, type_id: int | None, what: str, since: Release, rule: str, errno: str = "EINVAL") -> bool:
        """Whether this kernel rejects what kernels accept from `since` on; without a given release, adds a note."""
        if self.release < since:
            self.reject(type_id, f"{what}, which kernels before {since[0]}.{since[1]} reject", rule, errno)
            return True
        if self.explain and not any(f.rule == rule and f.severity == "note" for f in self.findings):
            message = f"{what}: kernels before {since[0]}.{since[1]} reject it"
            self.findings.append(Finding("note", type_id, message, rule, errno))
        return False

    # ---- header and strings ------------------------------------------------------------------------------------

    def header(self) -> None:
        h, blob = self.btf.header, self.btf.blob
        if len(blob) > MAX_SIZE:
            self.reject(None, f"{len(blob)} bytes, the kernel accepts {MAX_SIZE}", "size", "E2BIG")
        if self.program and self.btf.base is not None:
            self.reject(None, "BTF of a program cannot be split BTF", "split")
        if any(h.extra) or any(blob[32 : h.length]):
            message = f"a header of {h.length} bytes with values in fields that the kernel does not know"
            self.reject(None, message, "header", "E2BIG")
        elif any(blob[24 : h.length]) and self.reject_before(None, "a layout section", LAYOUT_SINCE, "layout", "E2BIG"):
            return
        if h.flags:
            self.reject(None, f"header flags {h.flags:#x}, expected 0", "header", "ENOTSUPP")
        self.tiling()

    def tiling(self) -> None:
        """Reject gaps and overlaps between the sections, and bytes after the last."""
        h = self.btf.header
        sections = [(h.type_off, h.type_len), (h.str_off, h.str_len)]
        if h.length >= spec.LAYOUT_HEADER_LEN and self.release >= LAYOUT_SINCE:
            sections.append((h.layout_off, h.layout_len))
        end = 0
        for offset, length in sorted(sections):
            if offset != end:
                what = "a gap" if offset > end else "an overlap"
                self.reject(None, f"{what} of {abs(offset - end)} bytes, {offset} bytes after the header", "header")
                return
            end += length
        rest = len(self.btf.blob) - h.length - end
        if rest:
            self.reject(None, f"{rest} bytes that belong to no section", "header")
        elif self.btf.base is None and not h.type_len:
            self.reject(None, "no types", "header")

    def strings(self) -> None:
        size = len(self.btf.strings)
        if size > spec.MAX_NAME_OFF + 1:
            self.reject(None, f"{size} bytes of strings, the kernel accepts {spec.MAX_NAME_OFF + 1}", "strings")

    # ---- meta --------------------------------------------------------------------------------------------------

    def meta(self) -> None:
        """Each record by itself, by the table."""
        records = self.records
        for type_id in records.own_ids:
            at, kind = self.at[type_id], self.kinds[type_id]
            row = META.get(kind)
            if row is None:
                self.reject(type_id, f"unknown kind {kind}", "kind")
                continue
            found = self.record(type_id, at, row)
            if found is not None:
                self.reject(type_id, f"{records.label(type_id)}: {found}", "meta")
            elif row.elements is not None:
                errno = "EINVAL"
                try:
                    found = row.elements(self, type_id, at)
                except Rejected as rejection:
                    found, errno = rejection.message, rejection.errno
                if found is not None:
                    rule = UNSIZED_SECTION if found is NO_SIZE else "meta"
                    self.reject(type_id, f"{records.label(type_id)}: {found}", rule, errno)
        old = {kind: since for kind, since in OLD_KIND_SINCE.items() if self.release < since}
        for kind, since in (old | KIND_SINCE).items():
            first = self.kinds.find(kind, records.start_id)
            if first >= 0:
                self.reject_before(first, spec.kind_name(kind), since, f"kind-{spec.kind_name(kind).lower()}")

    def record(self, type_id: int, at: int, row: Meta) -> str | None:
        """The fault in the three words of a record, if any."""
        name, info, third = self.words[at : at + 3]
        vlen = info & spec.MAX_VLEN
        if vlen > 0xFFFF and self.reject_before(type_id, f"{vlen} elements", WIDE_VLEN_SINCE, "vlen"):
            return None
        if row.vlen is not None and vlen > row.vlen:
            return f"vlen {vlen}, expected at most {row.vlen}"
        if info >> 31 and row.flag == ALWAYS and self.release < STRUCT_FLAG_SINCE:
            self.reject_before(type_id, "kind_flag", STRUCT_FLAG_SINCE, "kind-flag")
        if info >> 31 and row.flag != ALWAYS:
            if row.flag is None:
                return "kind_flag is set"
            what = "signed ENUM" if row.flag == ENUM64_SINCE else "an attribute as a tag (kind_flag)"
            self.reject_before(type_id, what, row.flag, "kind-flag")
        return self.name(name, row) or self.third(third, row.third)

    @staticmethod
    def third(word: int, rule: str | tuple[int, ...]) -> str | None:
        if rule == "any":
            return None
        if rule == "zero":
            return f"the third word is {word}, expected 0" if word else None
        if not isinstance(rule, str):
            return None if word in rule else f"size {word}, expected one of {', '.join(map(str, rule))}"
        if word > spec.MAX_TYPE_ID:
            return f"type id {word}, expected at most {spec.MAX_TYPE_ID}"
        return "the type is void" if rule == "some id" and not word else None

    def name(self, offset: int, row: Meta) -> str | None:
        if row.name is None:
            return None
        if row.name is NO_NAME:
            return "has a name" if offset else None
        if not offset:
            return None if row.optional else "has no name"
        assert not isinstance(row.name, str)
        if row.name is IDENTIFIER:
            return None if self.identifier(offset) else NOT_AN_IDENTIFIER
        if not row.name.match(self.records.strings, offset) or not self.short_enough(offset):
            return "invalid name"
        if row.name is SECTION_NAME and not OLD_SECTION_NAME.match(self.records.strings, offset):
            what = f"the section name {self.records.string(offset)!r}"
            self.reject_before(None, what, SECTION_NAMES_SINCE, "section-name")
        return None

    def identifier(self, offset: int) -> bool:
        """Whether the string at `offset` is an identifier for the kernel."""
        good = self.good_names.get(offset)
        if good is None:
            good = IDENTIFIER.match(self.records.strings, offset) is not None and self.short_enough(offset)
            self.good_names[offset] = good
        return good

    def short_enough(self, offset: int) -> bool:
        """Whether the string at `offset` is as short as this kernel wants names."""
        return self.release >= LONG_NAMES_SINCE or SHORT_NAME.match(self.records.strings, offset) is not None

    # ---- chains ------------------------------------------------------------------------------------------------

    def chains(self) -> None:
        """At most 32 modifiers in a row; before 7.2, type tags only before the others."""
        good_id = self.records.start_id - 1
        tag_late = False
        for type_id in self.records.own_ids:
            if self.kinds[type_id] not in MODIFIERS:
                continue
            in_tags, at_id, steps = self.kinds[type_id] == spec.TYPE_TAG, type_id, 0
            while self.kinds[at_id] in MODIFIERS:
                steps += 1
                if steps > MAX_CHAIN:
                    message = f"more than {MAX_CHAIN} modifiers in a row, or a cycle of them"
                    self.reject(type_id, message, "chain", "ELOOP")
                    return
                if self.kinds[at_id] != spec.TYPE_TAG:
                    in_tags = False
                elif not in_tags and not tag_late:
                    tag_late = True
                    self.reject_before(type_id, "a type tag after another modifier", TAGS_ANYWHERE_SINCE, "tag-order")
                if at_id <= good_id:
                    break
                at_id = self.words[self.at[at_id] + 2]
            good_id = type_id


def _int(kernel: KernelRules, type_id: int, at: int) -> str | None:
    size, word = kernel.words[at + 2 : at + 4]
    bits = (word & 0xFF) + (word >> 16 & 0xFF)
    if word >> 28:
        return f"unknown bits in the word {word:#x}"
    if bits > 64 and kernel.release < INT128_SINCE:
        kernel.reject_before(type_id, f"an INT of {bits} bits", INT128_SINCE, "int128")
    if bits > 128 or (bits + 7) // 8 > size:
        return f"the value ends at bit {bits} of {size} bytes"
    if word >> 24 not in (0, spec.INT_SIGNED, spec.INT_CHAR, spec.INT_BOOL):
        raise Rejected(type_id, f"encoding {word >> 24}, expected one of signed, char and bool", "ENOTSUPP")
    return None


def _array(kernel: KernelRules, type_id: int, at: int) -> str | None:
    element, index = kernel.words[at + 3 : at + 5]
    for target, what in ((element, "element"), (index, "index")):
        if target == 0 or target > spec.MAX_TYPE_ID:
            return f"the {what} type is {target or 'void'}"
    return None


def _members(kernel: KernelRules, type_id: int, at: int) -> str | None:
    words, good_names = kernel.words, kernel.good_names
    size_bits, is_union = 8 * words[at + 2], kernel.kinds[type_id] == spec.UNION
    mask = 0xFFFFFF if words[at + 1] >> 31 else U32
    last = 0
    for number, element in enumerate(kernel.records.elements(type_id)):
        name, target, offset = words[element : element + 3]
        offset &= mask
        if name and not (good_names.get(name) or kernel.identifier(name)):
            return f"member {number}: {NOT_AN_IDENTIFIER}"
        if target == 0 or target > spec.MAX_TYPE_ID:
            return f"member {number}: the type is {target or 'void'}"
        if offset and is_union:
            return f"member {number}: bit offset {offset} in a union"
        if offset < last:
            return f"member {number}: bit offset {offset}, below that of the previous member"
        if offset > size_bits:
            return f"member {number}: bit offset {offset} of {size_bits} bits"
        last = offset
    return None


def _enumerators(kernel: KernelRules, type_id: int, at: int) -> str | None:
    for number, element in enumerate(kernel.records.elements(type_id)):
        name = kernel.words[element]
        if not name or not kernel.identifier(name):
            return f"enumerator {number}: {NOT_AN_IDENTIFIER}"
    return None


def _linkage(kernel: KernelRules, type_id: int, at: int) -> str | None:
    linkage = kernel.words[at + 3]
    return f"linkage {linkage}, expected 0 (static) or 1 (global)" if linkage > 1 else None


def _variables(kernel: KernelRules, type_id: int, at: int) -> str | None:
    size, end = kernel.words[at + 2], 0
    if size == 0:
        return NO_SIZE
    for number, element in enumerate(kernel.records.elements(type_id)):
        target, offset, length = kernel.words[element : element + 3]
        if target == 0 or target > spec.MAX_TYPE_ID:
            return f"variable {number}: the type is {target or 'void'}"
        if offset < end or offset >= size:
            return f"variable {number}: offset {offset}, expected {end} to {size - 1}"
        end = offset + length
        if length == 0 or end > size:
            return f"variable {number}: {length} bytes at {offset} of {size}"
    return None


def _component(kernel: KernelRules, type_id: int, at: int) -> str | None:
    component = kernel.words[at + 3]
    return f"component {component - (1 << 32)}" if 0x80000000 <= component < U32 else None


ALWAYS = (0, 0)
_REFERENCE = Meta("id", NO_NAME)
_COMPOSITE = Meta("any", IDENTIFIER, optional=True, flag=ALWAYS, vlen=None, elements=_members)
_ENUM = Meta((1, 2, 4, 8), IDENTIFIER, optional=True, flag=ENUM64_SINCE, vlen=None, elements=_enumerators)
META: dict[int, Meta] = {
    spec.INT: Meta("any", None, elements=_int),
    spec.PTR: _REFERENCE,
    spec.ARRAY: Meta("zero", NO_NAME, elements=_array),
    **dict.fromkeys(spec.COMPOSITES, _COMPOSITE),
    **dict.fromkeys(spec.ENUMS, _ENUM),
    spec.FWD: Meta("zero", IDENTIFIER, flag=ALWAYS),
    spec.TYPEDEF: Meta("id", IDENTIFIER),
    **dict.fromkeys((spec.VOLATILE, spec.CONST, spec.RESTRICT), _REFERENCE),
    spec.FUNC: Meta("any", IDENTIFIER, vlen=1),  # its type is judged in the resolve stage
    spec.FUNC_PROTO: Meta("any", NO_NAME, vlen=None),
    spec.VAR: Meta("some id", IDENTIFIER, elements=_linkage),
    spec.DATASEC: Meta("any", SECTION_NAME, vlen=None, elements=_variables),
    spec.FLOAT: Meta((2, 4, 8, 12, 16), None),
    spec.DECL_TAG: Meta("any", TEXT, flag=TAG_FLAG_SINCE, elements=_component),
    spec.TYPE_TAG: Meta("id", TEXT, flag=TAG_FLAG_SINCE),
}
