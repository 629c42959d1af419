"""Which functions get a FUNC: the candidates of each name, and the choice among them.

Rules: dwarves 1.32, btf_encoder.c (`btf_encoder__add_saved_funcs` and what it calls), and for parameters dwarf_loader.c;
where these err, docs/differences.md.
"""

from __future__ import annotations

from array import array

from btfkit.btf import spec
from btfkit.dwarf.relocations import numbers
from btfkit.errors import FormatError
from btfkit.files.elf import ET_REL, STT_FUNC
from btfkit.hot import assembly as _loops
from btfkit.hot import codes
from btfkit.hot.choices import FunctionNames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfkit.encoder.environments import Resolved
    from btfkit.files.elf import Elf
    from btfkit.hot.strings import StringTable

    Sizes = array[int]

OPTIMIZED, UNEXPECTED, REORDERED, CHANGED, PARTIAL = 1, 2, 4, 8, 16
NO_NUMBER = 255
LONGEST_NAMES = 16  # limit for the total length of the names of functions, as a multiple of the section with them
_EIGHT = bytes(range(8))
# The registers of parameters by machine, DWARF numbers; 255 where only the count matters.
REGISTERS = {
    62: bytes((5, 4, 1, 2, 8, 9)),  # x86-64
    183: _EIGHT,  # AArch64
    40: _EIGHT,  # ARM
    22: bytes(range(2, 7)),  # s390x
    20: bytes((NO_NUMBER,)) * 8,  # PowerPC
    21: bytes((NO_NUMBER,)) * 8,
    8: bytes((NO_NUMBER,)) * 8,  # MIPS
    243: bytes((NO_NUMBER,)) * 8,  # RISC-V
    195: bytes((NO_NUMBER,)) * 8,  # ARC
    43: bytes((NO_NUMBER,)) * 6,  # SPARC
}
EM_S390, EM_ARM = 22, 40

REASONS = {
    "ambiguous": "functions of this name are at several addresses",
    "optimized": "the compiler dropped a parameter",
    "unexpected": "a parameter is not in the register of the calling convention",
    "reordered": "the compiled function has its parameters in another order",
    "inconsistent": "its definitions have different types",
    "uncertain": "after the parameters in registers, a packed structure is passed by value",
    "changed": "the compiler passes only a part of a structure",
}


class Symbols:
    """The functions of a symbol table by the part of their name before the first dot; `names` is the table of the encoder's
    strings, `clear` the bits of an address that do not count."""

    def __init__(self, elf: Elf, addresses: Sequence[int], names: StringTable) -> None:
        self._strings = elf.symbol_strings()
        self.clear = 1 if elf.machine == EM_ARM else 0
        names.limit = min(names.limit + LONGEST_NAMES * len(self._strings), (1 << 31) - 1)
        try:
            self._take(elf, addresses, names)
        except OverflowError:
            what = "more names than a symbol table of this size has"
            raise FormatError(what, source=elf.source, section=".symtab") from None

    def _take(self, elf: Elf, addresses: Sequence[int], names: StringTable) -> None:
        where = array("Q", addresses if elf.type == ET_REL else ())
        table = elf.plain_symbols()
        if table is not None:
            columns = numbers(table, elf)
            self.table = FunctionNames(names, len(columns) // 3)
            self.table.take(self._strings, columns, elf.order == "big", where, self.clear)
            return
        rows = [row for row in elf.symbol_rows() if row[3] & 15 == STT_FUNC and row[5] and row[0]]
        self.table = FunctionNames(names, len(rows))
        for name_at, value, _, _, _, section in rows:
            moved = value + where[section] if section < len(where) else value
            self.table.add(self._strings, name_at, moved & ~self.clear)

    def name(self, number: int) -> bytes:
        """The name number `number`, from 1 on."""
        table, at = self.table.names, self.table.name_at[number]
        return bytes(table.data[at : table.data.index(0, at)])

    def all_names(self) -> Iterator[bytes]:
        """All names, in the order of the symbol table."""
        return map(self.name, range(1, self.table.count + 1))

    def of(self, number: int) -> list[tuple[bytes, int]]:
        """The symbols of name number `number`: (suffix, address) pairs."""
        table, found = self.table, []
        symbol = table.first_symbol[number]
        while symbol:
            at = table.suffix_at[symbol]
            found.append((self._strings[at : self._strings.index(b"\0", at)], table.values[symbol]))
            symbol = table.next_symbol[symbol]
        return found


class Choice:
    """What became of a function name: the position of the chosen candidate (`function`), or the `reason` for none;
    `candidates` are those there were."""

    __slots__ = ("candidates", "function", "name", "reason")

    def __init__(self, name: bytes, candidates: list[int]) -> None:
        self.name = name
        self.candidates = candidates
        self.function = candidates[0] if candidates else 0
        self.reason = ""


class Functions:
    """The candidates of a file and the choices among them, on the types `words` (with `positions`) before dedup."""

    def __init__(
        self,
        resolved: Resolved,
        elf: Elf,
        symbols: Symbols,
        words: array[int],
        positions: array[int],
        *,
        consistent: bool,
    ) -> None:
        self.resolved = resolved
        self.elf = elf
        self.symbols = symbols
        self.words, self.positions = words, positions
        self.consistent = consistent
        types = resolved.types
        self.functions = types.functions
        end = types.function_end
        self.pointer = elf.bits // 8
        self.sizes = array("I", bytes(4 * (len(positions) + 1)))
        flags = bytearray(len(positions) + 1)
        _loops.measure(words, positions, self.pointer, self.sizes, flags)
        special: list[tuple[int, int]] = []
        _loops.resolve_types(
            self.functions, end, resolved.ids, resolved.symbol_ids, special, resolved.tainted, resolved.ambiguous
        )
        for place, group in special:
            self.functions[place] = resolved.id_in(self.functions[place], group)
        _loops.merge_instances(self.functions, end)
        names = symbols.table
        self._following = memoryview(bytearray(8 * (end // codes.FUNCTION_WORDS) + 8)).cast("I")
        count = names.candidates(self.functions, end, self._following)
        self.registers = REGISTERS.get(elf.machine, b"")
        _loops.judge(
            self.functions,
            self._following[3 : 2 * count + 2 : 2],
            self.sizes,
            flags,
            self.registers,
            self.pointer,
            elf.machine == EM_S390,
        )
        self._decided = array("I", bytes(4 * (names.count + 1)))
        names.decide(self.functions, self._following, flags, len(self.registers), symbols.clear, self._decided)
        self._alike: dict[tuple[int, int], bool] = {}
        self._known_packed: dict[int, bool] = {}
        self._alignments: dict[int, int] = {}

    # ---- the choice ------------------------------------------------------------------------------------------------

    def names(self) -> list[tuple[bytes, int]]:
        """The names with candidates and their numbers, sorted by name."""
        first = self.symbols.table.first_candidate
        return sorted((self.symbols.name(number), number) for number in range(1, len(self._decided)) if first[number])

    def candidates(self, number: int) -> list[int]:
        """The candidates of a name."""
        found, candidate = [], self.symbols.table.first_candidate[number]
        while candidate:
            found.append(self._following[2 * candidate + 1])
            candidate = self._following[2 * candidate]
        return found

    def decided(self, number: int) -> int:
        """1 + the position of the candidate that is chosen if there was no doubt, else 0: `choice` decides."""
        return self._decided[number]

    def choice(self, number: int) -> Choice:
        """The choice among the candidates of a name."""
        return self._choose(self.symbols.name(number), self.candidates(number), self.symbols.of(number))

    def _choose(self, name: bytes, found: list[int], known: list[tuple[bytes, int]]) -> Choice:
        choice = Choice(name, found)
        first = found[0]
        result = self.result(first)
        unexpected, reordered = result & UNEXPECTED, result & REORDERED
        uncertain = self._uncertain(first)
        inconsistent = False
        for other in found[1:]:
            result = self.result(other)
            unexpected |= result & UNEXPECTED
            reordered |= result & REORDERED
            uncertain = uncertain or self._uncertain(other)
            if not (unexpected or reordered or inconsistent) and not self.same(first, other):
                inconsistent = True
        symbols: dict[int, bool] = {}  # addresses, and whether the compiler changed the signature of what is there
        for suffix, address in known:
            symbols[address] = symbols.get(address, False) or b".constprop" in suffix or b".isra" in suffix
        chosen = self._canonical(found, symbols)
        choice.function = chosen
        if len(symbols) > 1:
            choice.reason = "ambiguous"
        elif self._skipped(chosen, symbols):
            choice.reason = "optimized"
        elif self.result(chosen) & PARTIAL:
            choice.reason = "changed"
        elif reordered:
            choice.reason = "reordered"
        elif inconsistent and self.consistent:
            choice.reason = "inconsistent"
        elif unexpected:
            choice.reason = "unexpected"
        elif uncertain:
            choice.reason = "uncertain"
        return choice

    def address(self, function: int) -> int | None:
        """The address of a function's code, or None."""
        if not self.functions[function + 4] & codes.HAS_ADDRESS:
            return None
        address = self.functions[function + 6] | self.functions[function + 7] << 32
        return address & ~1 if self.elf.machine == EM_ARM else address

    def _skipped(self, function: int, symbols: dict[int, bool]) -> bool:
        """Whether a parameter was optimized away in a function whose signature the compiler changed."""
        result = self.result(function)
        if not result & OPTIMIZED:
            return False
        if result & CHANGED:
            return True
        address = self.address(function)
        return address is not None and symbols.get(address, False)

    def _canonical(self, found: list[int], symbols: dict[int, bool]) -> int:
        if len(found) == 1:
            return found[0]
        placed = [function for function in found if self.address(function) in symbols]
        good = (function for function in placed if not self._skipped(function, symbols))
        return next(good, (placed or found)[0])

    def _uncertain(self, function: int) -> bool:
        """Whether a packed structure is passed by value after as many parameters as there are registers."""
        limit = len(self.registers)
        count = self.functions[function + 5]
        if count < limit or not limit:
            return False
        at = function + codes.FUNCTION_WORDS
        types = [self.functions[at + codes.PARAMETER_WORDS * k + 1] for k in range(count)]
        return any(self._packed(one) for one in types[limit:])

    def _packed(self, type_id: int) -> bool:
        """Whether a type is a named structure without holes whose members or size are less aligned than their types."""
        if type_id not in self._known_packed:
            self._known_packed[type_id] = bool(type_id) and self._is_packed(type_id)
        return self._known_packed[type_id]

    def _is_packed(self, type_id: int) -> bool:
        words, at = self.words, self.positions[type_id - 1]
        info = words[at + 1]
        if info >> 24 & 0x7F != spec.STRUCT or not words[at]:
            return False
        end, widest, off = 0, 1, False
        for k in range(info & 0xFFFFFF):
            member, word = words[at + 4 + 3 * k], words[at + 5 + 3 * k]
            bits, offset = (word >> 24, word & 0xFFFFFF) if info >> 31 else (0, word)
            align = self._alignment(member)
            if offset > end:
                return False
            if not bits and offset % (8 * align):
                off = True
            widest = max(widest, align)
            end = max(end, offset + (bits or 8 * self.sizes[member]))
        if end < 8 * words[at + 2]:
            return False
        return off or words[at + 2] % widest != 0

    def _alignment(self, type_id: int) -> int:
        """The alignment of a type in bytes.  Each type is measured once, after those inside it."""
        known = self._alignments
        opened: set[int] = set()
        todo = [type_id]
        while todo:
            one = todo[-1]
            if one in known:
                todo.pop()
                continue
            least, parts = self._aligned_by(one)
            missing = [part for part in dict.fromkeys(parts) if part not in known and part not in opened]
            if missing and one not in opened:
                opened.add(one)
                todo += missing
            else:  # what is still open contains itself
                known[one] = max((known.get(part, 1) for part in parts), default=least)
                todo.pop()
        return known[type_id]

    def _aligned_by(self, type_id: int) -> tuple[int, Sequence[int]]:
        """The alignment of a type that is no structure or union, or the types whose alignment it has (the largest)."""
        words = self.words
        if not type_id:
            return 1, ()
        at = self.positions[type_id - 1]
        kind = words[at + 1] >> 24 & 0x7F
        if kind == spec.ARRAY:
            return 1, (words[at + 3],)
        if kind in spec.MODS_AND_TYPEDEFS:
            return 1, (words[at + 2],)
        if kind in (spec.STRUCT, spec.UNION):
            return 1, words[at + 4 : at + 4 + 3 * (words[at + 1] & 0xFFFFFF) : 3]
        return max(1, min(self.sizes[type_id], 16)), ()

    def result(self, function: int) -> int:
        """What is to be said of a candidate: OPTIMIZED, UNEXPECTED..."""
        return self.functions[function + 9]

    # ---- prototypes ------------------------------------------------------------------------------------------------

    def signature(self, function: int) -> list[int]:
        """The types of the result and of the parameters, and whether there are more (-1)."""
        functions = self.functions
        at = function + codes.FUNCTION_WORDS
        count = functions[function + 5]
        types = [functions[function + 2]]
        types += [functions[at + codes.PARAMETER_WORDS * k + 1] for k in range(count)]
        if functions[function + 4] & codes.VARARGS:
            types.append(-1)
        return types

    def same(self, one: int, other: int) -> bool:
        """Whether two candidates have prototypes that are alike."""
        a, b = self.signature(one), self.signature(other)
        return a == b or (len(a) == len(b) and all(x == y or self.alike(x, y) for x, y in zip(a, b, strict=True)))

    def alike(self, one: int, other: int) -> bool:
        """Whether two types are alike: structures, enumerations and typedefs by name, all const aside."""
        known = self._alike
        answer = True
        todo: list[tuple[tuple[int, int] | None, Iterator[tuple[int, int]]]] = [(None, iter([(one, other)]))]
        while todo:
            of, pairs = todo[-1]
            pair = next(pairs, None) if answer else None  # one that differs is enough
            if pair is None:
                todo.pop()
                if of is not None:
                    known[of] = answer
            elif min(pair) < 0:
                answer = pair[0] == pair[1]
            elif pair in known:
                answer = known[pair]
            else:
                known[pair] = True  # a cycle, which has names in every program that compiles
                inner = self._compare(self._bare(pair[0]), self._bare(pair[1]))
                if isinstance(inner, bool):
                    known[pair] = answer = inner
                else:
                    todo.append((pair, inner))
        return answer

    def _bare(self, type_id: int) -> int:
        """The type without const."""
        for _ in range(spec.MAX_CHAIN):
            if not type_id or self.words[self.positions[type_id - 1] + 1] >> 24 & 0x7F != spec.CONST:
                return type_id
            type_id = self.words[self.positions[type_id - 1] + 2]
        return type_id

    def _compare(self, one: int, other: int) -> bool | Iterator[tuple[int, int]]:
        """Whether two types are alike, or the pairs of types that must be for that."""
        if one == other:
            return True
        if not one or not other:
            return False
        words = self.words
        a, b = self.positions[one - 1], self.positions[other - 1]
        kinds = words[a + 1] >> 24 & 0x7F, words[b + 1] >> 24 & 0x7F
        named = [
            spec.UNION if kind == spec.FWD and words[at + 1] >> 31 else spec.STRUCT if kind == spec.FWD else kind
            for kind, at in zip(kinds, (a, b), strict=True)
        ]
        kind = named[0]
        if kind != named[1]:
            return False
        if kind in (spec.PTR, spec.VOLATILE, spec.RESTRICT, spec.TYPE_TAG):
            return iter([(words[a + 2], words[b + 2])])
        if kind == spec.ARRAY:
            return words[a + 5] == words[b + 5] and iter([(words[a + 3], words[b + 3])])
        if kind == spec.INT:
            return words[a] == words[b] and words[a + 2 : a + 4] == words[b + 2 : b + 4]
        if kind == spec.FLOAT:
            return words[a] == words[b] and words[a + 2] == words[b + 2]
        if kind == spec.FUNC_PROTO:
            count = words[a + 1] & 0xFFFFFF
            if count != words[b + 1] & 0xFFFFFF:
                return False
            return ((words[a + 2 + 2 * k], words[b + 2 + 2 * k]) for k in range(count + 1))
        return words[a] == words[b]
