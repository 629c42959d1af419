"""BTF out of the DWARF of an ELF file: reading, choosing, writing and dedup in order.

docs/encode.md states what each DIE becomes; docs/design/encode.md how types are kept once while they are read.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.btf.emit import Frame
from btfkit.dwarf.companion import Companions
from btfkit.encoder import kfuncs as _kfuncs
from btfkit.encoder import variables as _variables
from btfkit.encoder.environments import Resolved
from btfkit.encoder.functions import Functions, Symbols
from btfkit.encoder.reading import LANGUAGES, Dwarf, Rules, open_debug
from btfkit.errors import BtfError, UnsupportedError, refuse_others
from btfkit.hot import assembly as _loops
from btfkit.hot import choices as _choices
from btfkit.hot import codes
from btfkit.passes.dedup import dedup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.encoder.split import SplitBase
    from btfkit.files.elf import Elf

DEFAULT_FEATURES = (
    *("encode_force", "var", "float", "decl_tag", "type_tag", "enum64", "optimized_func", "consistent_func"),
    "decl_tag_kfuncs",
)
OTHER_FEATURES = ("reproducible_build", "global_var", "attributes", "distilled_base", "layout")
FEATURES = DEFAULT_FEATURES + OTHER_FEATURES
LONGEST_PARAMETER = 127  # bytes of a parameter's name
WHOLE = 0xFFFFFFFF  # the component of a tag on the whole


class EncodeReport:
    """What was read and written: `units` and those `skipped` by language, `dies`, `records` (types that differed),
    `functions` (FUNCs written), `variables`, the functions without a FUNC by reason (`omitted`), and `warnings` with how
    often each applied."""

    __slots__ = ("dies", "functions", "omitted", "records", "skipped", "units", "variables", "warnings")

    def __init__(self, dwarf: Dwarf) -> None:
        self.units, self.skipped = dwarf.units, dwarf.skipped
        self.dies = dwarf.reader.dies
        self.records = dwarf.types.record_count
        self.functions = self.variables = 0
        self.omitted: dict[str, int] = {}
        self.warnings: dict[str, int] = dict(dwarf.reader.warnings)


class Encoded:
    """The result: `btf`, and the `report`."""

    __slots__ = ("btf", "report")

    def __init__(self, btf: Btf, report: EncodeReport) -> None:
        self.btf = btf
        self.report = report


def encode(
    elf: Elf,
    base: Btf | SplitBase | None = None,
    *,
    features: Iterable[str] = DEFAULT_FEATURES,
    skip_languages: Iterable[str] = ("rust",),
    force: bool = False,
    symbols: Elf | None = None,
    stripped: Elf | None = None,
    companions: Companions | None = None,
    linked_ids: bytes | None = None,
    any_build: bool = False,
) -> Encoded:
    """The BTF of the types, functions and variables that the DWARF of `elf` describes, split on `base` if given.

    `features` are names of pahole's `--btf_features`.  `skip_languages` ("c", "c++", "rust", "asm") omits units.  With
    `force` types that BTF cannot express are written (a reference as a pointer, others as empty structs). `symbols` is
    the file with the symbol table, if `elf` is a debug file without; `stripped` the one with the content of `.BTF_ids`, if `elf`
    is a debug file; `companions` finds split units and what dwz moved (by
    default beside `elf.source`); `linked_ids` is the content of `.BTF_ids` as it was linked, if ids were filled in since.  A
    `SplitBase` saves repeating the work on it.  With `any_build` the base may be of another build than `elf`, which is a
    warning then.
    Raises ChainError for such a base, NotFoundError if there is no DWARF or such a file is not there, UnsupportedError for
    what cannot be read or expressed, FormatError for damaged input.
    """
    features = frozenset(features)
    refuse_others("feature", features, FEATURES)
    if "distilled_base" in features:
        raise UnsupportedError(
            "feature distilled_base: this gives one BTF; `encode_file(distill=True)` writes it and its own base",
            source=elf.source,
        )
    refuse_others("language", skip_languages, tuple(LANGUAGES))
    dwarf, found = read_dwarf(elf, features, skip_languages, force=force, companions=companions)
    alone = Assembly(dwarf, features, found, symbols, linked_ids, stripped).btf()
    if base is None:
        return alone
    from btfkit.encoder.split import SplitBase, on_base

    shared = base if isinstance(base, SplitBase) else SplitBase(base)
    btf, sizes = on_base(alone.btf, shared, any_build=any_build)
    if sizes.prove_another_build:
        alone.report.warnings["other build"] = len(sizes.different)
    return Encoded(btf, alone.report)


def read_dwarf(
    elf: Elf,
    features: frozenset[str],
    skip_languages: Iterable[str] = ("rust",),
    *,
    force: bool = False,
    companions: Companions | None = None,
) -> tuple[Dwarf, list[_variables.Place]]:
    """What the DWARF of `elf` says, and the sections that variables are taken from.  Raises what `encode` does."""
    companions = companions or Companions(elf.source)
    debug = open_debug(elf, companions)
    skip = [number for language in skip_languages for number in LANGUAGES[language]]
    found = _variables.places(elf, debug.sections.addresses, features)
    dwarf = Dwarf(debug, Rules(features, skip, force=force), _variables.ranges(found), companions)
    dwarf.read()
    return dwarf, found


class Assembly:
    """The words of a BTF without a base, from what was read."""

    def __init__(
        self,
        dwarf: Dwarf,
        features: frozenset[str],
        places: list[_variables.Place],
        symbols: Elf | None = None,
        linked_ids: bytes | None = None,
        stripped: Elf | None = None,
    ) -> None:
        self.dwarf = dwarf
        self.stripped = stripped
        self.linked_ids = linked_ids
        self.symbols = symbols or dwarf.debug.sections.elf
        self.features = features
        self.places = places
        self.elf = dwarf.debug.sections.elf
        self.report = EncodeReport(dwarf)
        try:
            resolved = self.resolved = Resolved(dwarf.types)
        except BtfError as error:
            raise error.at(self.elf.source) from None
        self.names = dwarf.types.names
        self._extra: dict[bytes, int] = {}
        self._void_pointer = 0
        self._void = bytearray(b"\1")  # of each type: 1 for void, and modifiers and typedefs of it
        index = self._index_type()
        count = len(resolved.order)
        self.words = array("I", bytes(4 * len(resolved.words)))
        self.positions = array("I", bytes(4 * count))
        end = _loops.translate(
            resolved.words,
            resolved.record_at,
            resolved.order,
            resolved.ids,
            resolved.symbol_ids,
            index or count + 1,
            self.words,
            self.positions,
        )
        del self.words[end:]
        self.next_id = count + 1
        if not index and any(self.words[at + 1] >> 24 == spec.ARRAY for at in self.positions):
            self.positions.append(len(self.words))
            self.add(self.name(b"int"), spec.INT << 24, 4, 1 << 24 | 32)

    def btf(self) -> Encoded:
        """The BTF, deduplicated, and the report."""
        elf = self.elf
        self._give_types()
        self._add_type_tags()
        functions = self.functions()
        sections = self._add_variables(functions)
        self._add_functions(functions)
        for name, variables in sorted(sections.items()):
            self.add(
                self.name(name.encode("utf-8", "surrogateescape")),
                spec.DATASEC << 24 | len(variables),
                max(one.offset + one.size for _, one in variables),
                *(word for number, one in variables for word in (number, one.offset, one.size)),
            )
        layout = spec.layout_section() if "layout" in self.features else b""  # a split BTF gets none, as from pahole
        frame = Frame(elf.order, layout=layout, pointer_size=elf.bits // 8, source=elf.source)
        pool = bytes(self.names.data[: self.names.end])
        done = dedup(frame.emit(self.words, pool))
        return Encoded(done.btf, self.report)

    def functions(self) -> Functions:
        """The functions with their candidates."""
        return Functions(
            self.resolved,
            self.elf,
            Symbols(self.symbols, self.dwarf.debug.sections.addresses, self.names),
            self.words[:],
            self.positions,
            consistent="consistent_func" in self.features,
        )

    # ---- words -----------------------------------------------------------------------------------------------------

    def add(self, *words: int) -> int:
        """Add a type; returns its id."""
        self.words.extend(words)
        self.next_id += 1
        return self.next_id - 1

    def name(self, text: bytes) -> int:
        """The offset of a name, which is added if it is new."""
        if text not in self._extra:
            moved = array("I", [0, 1]) + array("I", bytes(4 * len(text)))
            section = b"\0" + text + b"\0"
            self.names.limit += len(section)
            self.names.settle(section, moved)
            self._extra[text] = max(0, moved[1] - 1)
        return self._extra[text]

    def text(self, name: int) -> bytes:
        """The name at an offset."""
        data = self.names.data
        return bytes(data[name : data.index(0, name)])

    def _index_type(self) -> int:
        """The id of the first INT called "int", the index type of all arrays; 0 if there is none."""
        resolved = self.resolved
        wanted = self.name(b"int")
        for number, record in enumerate(resolved.order, 1):
            at = resolved.record_at[record]
            if resolved.words[at] == wanted and resolved.words[at + 1] >> 24 & 0x7F == spec.INT:
                return number
        return 0

    # ---- tags, variables, functions --------------------------------------------------------------------------------

    def _give_types(self) -> None:
        """Make pointers of members, elements and parameters that are void, as `_typed` does."""
        self._void = bytearray(len(self.positions) + 1)
        places: list[int] = []
        _loops.void_types(self.words, self.positions, spec.MAX_CHAIN, self._void)
        _loops.void_places(self.words, self.positions, self._void, places)
        for place in places:
            self.words[place] = self._typed(self.words[place])

    def _typed(self, type_id: int) -> int:
        """The type of a member or parameter.  What is void there (C's typeof(nullptr), by its own or another name) is stored and
        passed as a pointer, and no kernel accepts void."""
        if type_id >= len(self._void) or not self._void[type_id]:
            return type_id
        self.report.warnings["void"] = self.report.warnings.get("void", 0) + 1
        if not self._void_pointer:
            self._void_pointer = self.add(0, spec.PTR << 24, 0)
        return self._void_pointer

    def _add_type_tags(self) -> None:
        resolved = self.resolved
        seen = set()
        for group, record, component, text in self.dwarf.types.type_tags:
            type_id = resolved.id_in(record, group)
            if type_id and (type_id, component, text) not in seen:
                seen.add((type_id, component, text))
                self.add(text, spec.DECL_TAG << 24, type_id, component)

    def _add_variables(self, functions: Functions) -> dict[str, list[tuple[int, _variables.Variable]]]:
        """Add a VAR for each variable; returns them by section with their ids."""
        sizes = functions.sizes
        chosen = _variables.chosen(
            self.places,
            self.dwarf.reader.variables,
            self.symbols,
            self.text,
            self.resolved.id_in,
            lambda type_id: self._size(type_id, sizes),
        )
        tags: dict[tuple[int, int], list[int]] = {}
        for group, die, text in self.dwarf.types.variable_tags:
            tags.setdefault((group, die), []).append(text)
        found: dict[str, list[tuple[int, _variables.Variable]]] = {}
        for section, variables in chosen.items():
            for one in variables:
                number = self.add(self.name(one.name), spec.VAR << 24, one.type_id, one.linkage)
                found.setdefault(section, []).append((number, one))
                for text in (*tags.get((one.group, one.die), ()), *tags.get((one.group, one.origin), ())):
                    self.add(text, spec.DECL_TAG << 24, number, WHOLE)
                self.report.variables += 1
        return found

    def _size(self, type_id: int, sizes: array[int]) -> int:
        """The size of a variable in bytes, 0 if it is unknown."""
        number = 1
        for _ in range(spec.MAX_CHAIN):
            if not type_id:
                return 0
            at = self.positions[type_id - 1]
            kind = self.words[at + 1] >> 24 & 0x7F
            if kind == spec.ARRAY:
                number *= self.words[at + 5]
                type_id = self.words[at + 3]
            elif kind in spec.MODS_AND_TYPEDEFS:
                type_id = self.words[at + 2]
            else:
                size = number * sizes[type_id]
                return size if size <= 0xFFFFFFFF else 0
        return 0

    def _add_functions(self, functions: Functions) -> None:
        tags: dict[int, list[tuple[int, int]]] = {}
        for place, component, text in self.dwarf.types.function_tags:
            tags.setdefault(place, []).append((component, text))
        marked: dict[bytes, int] = {}
        if "decl_tag_kfuncs" in self.features:
            marked = _kfuncs.kfuncs(self.elf, self.report.warnings, self.linked_ids, self.stripped)
        report = self.report
        places = array("I")
        special = bytearray()
        names: list[bytes] = []
        for name, number in functions.names():
            function = functions.decided(number) - 1
            if function < 0:
                choice = functions.choice(number)
                if choice.reason:
                    report.omitted[choice.reason] = report.omitted.get(choice.reason, 0) + 1
                    continue
                function = choice.function
            places.append(function)
            names.append(name)
            special.append(name in marked or function in tags)
        report.functions = len(places)
        for index in self._add_prototypes(functions, places, special):
            name, function = names[index], places[index]
            flags = marked.get(name, 0)
            proto = self._prototype(functions, function, flags)
            number = self.add(functions.functions[function + 1], spec.FUNC << 24, proto)
            for component, text in tags.get(function, ()):
                self.add(text, spec.DECL_TAG << 24, number, component)
            if name in marked:
                self.add(self.name(b"bpf_kfunc"), spec.DECL_TAG << 24, number, WHOLE)
                if flags & _kfuncs.FASTCALL:
                    self.add(self.name(b"bpf_fastcall"), spec.DECL_TAG << 24, number, WHOLE)

    def _add_prototypes(self, functions: Functions, places: array[int], special: bytearray) -> Iterator[int]:
        """Add the functions at `places` with their prototypes, but for those whose indexes are yielded: for the caller to add."""
        words = functions.functions
        pointers = self._void.ljust(self.next_id, b"\0")
        out = array("I", bytes(4 * (1 + sum(8 + 2 * words[at + 5] for at in places))))
        index = 0
        while index < len(places):
            first = index
            end = _choices.prototypes(
                words, places, first, special, pointers, self.names.data, LONGEST_PARAMETER, self.next_id, out
            )
            self.words += out[:end]
            index = out[-1]
            self.next_id += 2 * (index - first)
            if index < len(places):
                yield index
                index += 1

    def _prototype(self, functions: Functions, at: int, flags: int) -> int:
        words = functions.functions
        count = words[at + 5]
        result = words[at + 2]
        parameters = []
        for k in range(count):
            place = at + codes.FUNCTION_WORDS + codes.PARAMETER_WORDS * k
            parameters += [self._cut(words[place]), self._typed(words[place + 1])]
        if "attributes" in self.features and flags & (
            _kfuncs.ARENA_RESULT | _kfuncs.ARENA_FIRST | _kfuncs.ARENA_SECOND
        ):
            if flags & _kfuncs.ARENA_RESULT:
                result = self._in_arena(result)
            if flags & _kfuncs.ARENA_FIRST and count > 0:
                parameters[1] = self._in_arena(parameters[1])
            if flags & _kfuncs.ARENA_SECOND and count > 1:
                parameters[3] = self._in_arena(parameters[3])
        if words[at + 4] & codes.VARARGS:
            parameters += [0, 0]
        return self.add(0, spec.FUNC_PROTO << 24 | len(parameters) // 2, result, *parameters)

    def _in_arena(self, type_id: int) -> int:
        """A pointer to the same type in another address space."""
        if not type_id or self.words[self.positions[type_id - 1] + 1] >> 24 & 0x7F != spec.PTR:
            return type_id
        target = self.words[self.positions[type_id - 1] + 2]
        tag = self.add(self.name(b"address_space(1)"), 0x80000000 | spec.TYPE_TAG << 24, target)
        return self.add(0, spec.PTR << 24, tag)

    def _cut(self, name: int) -> int:
        """The name of a parameter, cut to the length that the kernel accepts."""
        end = self.names.data.find(0, name, name + LONGEST_PARAMETER + 1)
        return name if end >= 0 else self.name(bytes(self.names.data[name : name + LONGEST_PARAMETER]))
