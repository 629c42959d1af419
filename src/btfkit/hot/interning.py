# cython: initializedcheck=False
"""Types of many units, each kept once.

A *group* is a unit, or several that refer to each other.  While it is read, its types are *local* records in the words of BTF,
whose references are places of DIEs.  `settle` then turns each into a *record* that all groups share: references are
*tokens*, the number of a record or, for a named struct, union or enumeration, of a *symbol* (SYMBOL | number), which stands
for what the group calls by that name.  So a record never depends on how much of a structure's surroundings a unit happens to
know, and equal words are equal records.  What a symbol means in each group is settled when all groups are known
(`encoder/environments.py`).

Hashes only choose where to look: every match is compared in full.
"""

from btfkit.hot import codes, growth, kinds
from btfkit.hot.strings import StringTable  # noqa: F401
from btfkit.hot.symbols import Symbols

LONG = 0xFFFFFFFFFFFFFFFF  # named, because Cython treats a literal of that size as a Python object
WORD = 0xFFFFFFFF
HASH = 0x9E3779B1
FLAG = 0x80000000
HIGH_BYTE = 0xFF000000
NOT_FLAG = 0x7FFFFFFF
SYMBOL = 0x80000000
SYNTHETIC = 0x80000000  # in a reference of a local record: the number of another one, not the place of a DIE
FUNCTION = 0x40000000  # in a value of the map of DIEs: a position in `functions`
PARAMETER = 0x80000000
PLACE = 0x3FFFFFFF
NONE = 0xFFFFFFFF
ALIAS = 127  # as kind of a local record: stands for the type that it refers to
DECLARATION = 4
NO_TAG = 8
CHAIN = 64  # steps from an instance of a function to the one that it comes from
LONGEST_OFFSET = 0x1000000


class Interner(Symbols):
    """The records of all groups so far, and the local ones of the group that is being read.

    Local: `words` (with the sizes of bit-fields beside them in `bits`), the position `at` and the DIE of each.
    Shared: `records` with `record_at`, `record_die` (the first DIE, counted from `die_base`) and `occurrences` (the records of
    each group, from its entry in `starts` on); for each symbol `symbol_name`, `symbol_tag` (0 struct, 1 union, 2 enumeration)
    and `symbol_record` (its definition, 0: none; further ones in `others`).  `functions` has all functions and their
    parameters, `type_tags` (group, record, component, text) tuples, `function_tags` (position in `functions`, component,
    text), `variable_tags` (group, DIE, text).
    """

    def __init__(self, names, prime):
        self.names = names
        self.prime = prime
        self.force = False
        self.die_base = 0
        self.group = 0
        self.count = 0
        self.used = 0
        self.words = growth.room()
        self.bits = memoryview(bytearray(1024))
        self.at = growth.room()
        self.die = growth.room()
        self.token = growth.room()
        self.state = growth.room()
        self.stack = growth.room()
        self.cursor = growth.room()
        self.map = memoryview(bytearray(4 * 8192)).cast("I")
        self.mapped = 0
        self.signs = []
        self.named_elsewhere = []
        self.tags = []
        self.notes = {}
        self.noted = []
        self.type_tags = []
        self.function_tags = []
        self.variable_tags = []
        self.storage = []
        self.records = growth.room()
        self.record_at = growth.room()
        self.record_hash = growth.room()
        self.record_die = growth.room()
        self.following = growth.room()
        self.last_record = 0
        self.record_count = 0
        self.record_end = 0
        self.record_at[1] = 0
        self.slots = memoryview(bytearray(4 * 8192)).cast("I")
        Symbols.__init__(self)
        self.occurrences = growth.room()
        self.occurred = 0
        self.starts = []
        self.functions = growth.room()
        self.function_end = 0
        self.function_start = 0

    # ---- the group that is being read ------------------------------------------------------------------------------

    def begin(self):
        """Begin a group; returns its number."""
        self.group += 1
        self.count = 0
        self.used = 0
        if self.mapped:
            for slot in range(len(self.map)):
                self.map[slot] = 0
        self.mapped = 0
        self.starts.append(self.occurred)
        self.function_start = self.function_end
        return self.group

    def put(self, die, value):
        """Note what the DIE at `die` became."""
        mask = len(self.map) - 1
        slot = (die << 1) & mask  # DIEs come in their order, and so do these places
        while self.map[slot]:
            slot = (slot + 2) & mask
        self.map[slot] = die
        self.map[slot + 1] = value
        self.mapped += 1
        if 4 * self.mapped > len(self.map):
            self.more_map()

    def more_map(self):
        """Double the map of DIEs."""
        old = self.map
        self.map = memoryview(bytearray(8 * len(old))).cast("I")
        mask = len(self.map) - 1
        for at in range(0, len(old), 2):
            if old[at]:
                slot = (old[at] << 1) & mask
                while self.map[slot]:
                    slot = (slot + 2) & mask
                self.map[slot] = old[at]
                self.map[slot + 1] = old[at + 1]

    def get(self, die):
        """What the DIE at `die` became; NONE if it is not known."""
        mask = len(self.map) - 1
        slot = (die << 1) & mask
        while self.map[slot]:
            if self.map[slot] == die:
                return self.map[slot + 1]
            slot = (slot + 2) & mask
        return NONE

    def add(self, die, name, info, third):
        """Add a local record of three words for the DIE at `die` (0: none refers to it); returns its number."""
        self.count += 1
        number = self.count
        if number + 2 > len(self.at):
            self.at = growth.grown(self.at, number)
            self.die = growth.grown(self.die, number)
        if self.used + 16 > len(self.words):
            self.more_words()
        self.at[number] = self.used
        self.die[number] = die
        self.words[self.used] = name
        self.words[self.used + 1] = info
        self.words[self.used + 2] = third
        self.used += 3
        self.at[number + 1] = self.used
        return number

    def append(self, number, first, second):
        """Append two words to the local record `number`, which must be the last."""
        if self.used + 16 > len(self.words):
            self.more_words()
        self.words[self.used] = first
        self.words[self.used + 1] = second
        self.used += 2
        self.at[number + 1] = self.used

    def append_word(self, number, word, bits):
        """Append a word, and the size of the bit-field that it is the offset of, to the local record `number`, the last."""
        if self.used + 16 > len(self.words):
            self.more_words()
        self.words[self.used] = word
        self.bits[self.used] = bits
        self.used += 1
        self.at[number + 1] = self.used

    def more_words(self):
        self.words = growth.grown(self.words, self.used)
        self.bits = growth.grown_bytes(self.bits, self.used)

    def add_function(self, die):
        """Make room for a function, all words 0; returns its position."""
        at = self.function_end
        while at + codes.FUNCTION_WORDS > len(self.functions):
            self.functions = growth.grown(self.functions, at)
        for k in range(codes.FUNCTION_WORDS):
            self.functions[at + k] = 0
        self.functions[at] = die
        self.functions[at + 8] = self.group
        self.function_end = at + codes.FUNCTION_WORDS
        if at >= PLACE:
            raise OverflowError("functions")
        self.put(die, FUNCTION | at)
        return at

    def add_parameter(self, function, die):
        """Make room for another parameter of the last function; returns its position."""
        at = self.function_end
        while at + codes.PARAMETER_WORDS > len(self.functions):
            self.functions = growth.grown(self.functions, at)
        self.functions[at + 4] = die
        self.functions[function + 5] += 1
        self.function_end = at + codes.PARAMETER_WORDS
        if at >= PLACE:
            raise OverflowError("functions")
        self.put(die, PARAMETER | at)
        return at

    # ---- from local types to records -------------------------------------------------------------------------------

    def local(self, reference):
        """The local record that a reference leads to; 0 is void."""
        if reference & SYNTHETIC:
            return reference & PLACE
        if reference == 0:
            return 0
        found = self.get(reference)
        if found >= FUNCTION:
            if self.force:
                return 0
            raise ValueError("a reference to byte " + hex(reference) + ", where no type begins")
        return found

    def settle(self):
        """Turn the local records of the group into records."""
        if self.signs or self.named_elsewhere or self.noted or self.storage:
            self.finish_reading()
        count = self.count
        while count + 2 > len(self.token):
            self.token = growth.grown(self.token, 0)
            self.state = growth.grown(self.state, 0)
            self.stack = growth.grown(self.stack, 0)
            self.cursor = growth.grown(self.cursor, 0)
        for number in range(count + 1):
            self.token[number] = 0
            self.state[number] = 0
        self.state[0] = 2
        for number in range(1, count + 1):
            tag = self.tag(number)
            if tag < DECLARATION:
                symbol = self.symbol(self.words[self.at[number]], tag)
                if self.symbol_group[symbol] == self.group:
                    symbol = self.another(symbol)
                self.symbol_group[symbol] = self.group
                self.token[number] = SYMBOL | symbol
        for number in range(1, count + 1):
            tag = self.tag(number)
            if DECLARATION <= tag < NO_TAG:
                symbol = self.symbol(self.words[self.at[number]], tag - DECLARATION)
                if self.twice and symbol in self.twice:
                    symbol = self.twice[symbol]
                self.token[number] = SYMBOL | symbol
        for number in range(1, count + 1):
            if self.state[number] == 0:
                self.visit(number)
        for subject, component, text in self.tags:
            self.type_tags.append((self.group, self.state[subject] >> 2, component, text))
        self.tags.clear()
        self.twice.clear()
        self.settle_functions()

    def tag(self, number):
        """What a local record is: the definition of a named struct (0), union (1) or enumeration (2), a declaration of one
        (DECLARATION more), or none of these (NO_TAG)."""
        at = self.at[number]
        info = self.words[at + 1]
        kind = (info >> 24) & 127
        if kind == kinds.FWD:
            return DECLARATION + (info >> 31)
        if self.words[at] == 0:
            return NO_TAG
        if kind == kinds.STRUCT:
            return 0
        if kind == kinds.UNION:
            return 1
        if kind == kinds.ENUM or kind == kinds.ENUM64:
            return 2 if info & 0xFFFFFF else DECLARATION + 2
        return NO_TAG

    def finish_reading(self):
        """What is known only now: the sign of large enumerations, names that stand elsewhere, tags of gcc."""
        for number, reference in self.signs:
            found = self.local(reference)
            if found:
                at = self.at[found]
                if (self.words[at + 1] >> 24) & 127 == kinds.INT and self.words[at + 3] >> 24 == 1:
                    self.words[self.at[number] + 1] |= FLAG
        for number, reference in self.named_elsewhere:
            found = self.local(reference)
            if found and self.words[self.at[number]] == 0:
                self.words[self.at[number]] = self.words[self.at[found]]
        for place, reference in self.storage:
            found = self.local(reference)
            for _ in range(CHAIN):
                at = self.at[found]
                kind = (self.words[at + 1] >> 24) & 127
                if found == 0 or not (kinds.is_alias(kind) or kind == ALIAS):
                    break
                found = self.local(self.words[at + 2])
            if found:
                self.words[place] = (self.words[place] + 8 * self.words[self.at[found] + 2]) & WORD
        for what, number, component, reference in self.noted:
            self.follow_notes(what, number, component, reference)
        self.signs.clear()
        self.named_elsewhere.clear()
        self.noted.clear()
        self.storage.clear()
        self.notes.clear()

    def follow_notes(self, what, number, component, reference):
        """Apply a chain of annotations (gcc 16): to a pointer (`what` 1), or as tags of a type (0), function (2) or variable
        (3)."""
        chain = []
        seen = set()
        while reference and reference not in seen and reference in self.notes:
            seen.add(reference)
            name, text, reference = self.notes[reference]
            chain.append((name, text))
        if what == 1:
            target = self.words[self.at[number] + 2]
            for name, text in reversed(chain):
                if name == 1:
                    target = SYNTHETIC | self.add(self.die[number], text, kinds.TYPE_TAG << 24, target)
            self.words[self.at[number] + 2] = target
            return 0
        for name, text in chain:
            if name == 2:
                if what == 0:
                    self.tags.append((number, component, text))
                elif what == 2:
                    self.function_tags.append((number, component, text))
                else:
                    self.variable_tags.append((self.group, number, text))
        return 0

    def reference_at(self, number, step):
        """The position of reference number `step` in a local record, or NONE if it has fewer."""
        at = self.at[number]
        info = self.words[at + 1]
        kind = (info >> 24) & 127
        count = info & 0xFFFFFF
        if kind == kinds.STRUCT or kind == kinds.UNION:
            return at + 4 + 3 * step if step < count else NONE
        if kind == kinds.FUNC_PROTO:
            if step > count:
                return NONE
            return at + 2 + 2 * step
        if kind == kinds.ARRAY:
            return at + 3 if step == 0 else NONE
        if step == 0 and (
            kind == kinds.PTR or kinds.TYPEDEF <= kind <= kinds.RESTRICT or kind == kinds.TYPE_TAG or kind == ALIAS
        ):
            return at + 2
        return NONE

    def visit(self, root):
        """Turn a local record, and those that it needs first, into records."""
        depth = 0
        self.stack[0] = root
        self.cursor[0] = 0
        self.state[root] = 1
        while True:
            number = self.stack[depth]
            step = self.cursor[depth]
            descend = False
            while True:
                place = self.reference_at(number, step)
                if place == NONE:
                    break
                target = self.local(self.words[place])
                if target > self.count:
                    raise ValueError("a reference to byte " + hex(self.words[place]) + ", where no type begins")
                token = self.token[target]
                if token == 0 and self.state[target] < 2:
                    if self.state[target] == 0:
                        self.cursor[depth] = step
                        depth += 1
                        self.stack[depth] = target
                        self.cursor[depth] = 0
                        self.state[target] = 1
                        descend = True
                        break
                    token = SYMBOL | self.fresh(0, 0)  # a cycle without a name
                    self.token[target] = token
                self.words[place] = token
                step += 1
            if descend:
                continue
            self.finish(number)
            if depth == 0:
                return 0
            depth -= 1

    def finish(self, number):
        """Make a local record whose references are tokens a record."""
        at = self.at[number]
        kind = (self.words[at + 1] >> 24) & 127
        if kind == ALIAS:
            token = self.words[at + 2]
            if self.token[number] and self.symbol_record[self.token[number] & PLACE] == 0:
                token = 0  # it stands for itself
            self.state[number] = 2
            if self.token[number] == 0:
                self.token[number] = token
            return 0
        if (kind == kinds.STRUCT or kind == kinds.UNION) and self.words[at + 1] >> 31:
            self.pack_offsets(at)
        record = self.record(at, self.at[number + 1], self.die[number])
        self.state[number] = 2 | record << 2
        if self.token[number] == 0:
            self.token[number] = record
        elif self.tag(number) < DECLARATION or self.words[at] == 0:
            self.define(self.token[number] & PLACE, record)
        if self.occurred >= len(self.occurrences):
            self.occurrences = growth.grown(self.occurrences, self.occurred)
        self.occurrences[self.occurred] = record
        self.occurred += 1
        return 0

    def pack_offsets(self, at):
        """Put the sizes of bit-fields into the words of the offsets, or, if an offset is too large for that, into types."""
        count = self.words[at + 1] & 0xFFFFFF
        fits = True
        for k in range(count):
            if self.words[at + 5 + 3 * k] >= LONGEST_OFFSET:
                fits = False
        if fits:
            for k in range(count):
                place = at + 5 + 3 * k
                size = self.bits[place]
                self.words[place] |= size << 24
            return 0
        self.words[at + 1] &= NOT_FLAG
        for k in range(count):
            place = at + 5 + 3 * k
            if self.bits[place]:
                self.words[place - 1] = self.narrow(self.words[place - 1], self.bits[place], self.words[place] & 7)
        return 0

    def narrow(self, token, bits, shift):
        """The token of the INT of `bits` bits that a bit-field of a type has in the form without kind_flag."""
        for _ in range(CHAIN):
            if token == 0 or token & SYMBOL:
                break
            at = self.record_at[token]
            kind = (self.records[at + 1] >> 24) & 127
            if kind == kinds.INT:
                made = self.add(0, self.records[at], self.records[at + 1], self.records[at + 2])
                self.append_word(made, (self.records[at + 3] & HIGH_BYTE) | bits, 0)
                made = self.record(self.at[made], self.used, self.die[1])
                if self.occurred >= len(self.occurrences):
                    self.occurrences = growth.grown(self.occurrences, self.occurred)
                self.occurrences[self.occurred] = made
                self.occurred += 1
                return made
            if not kinds.is_alias(kind):
                break
            token = self.records[at + 2]
        raise ValueError("a bit-field that is not an integer, in a structure of more than 2 MiB")

    def record(self, start, end, die):
        """The record with the words from `start` to `end`, which is added if it is new.

        Units have most types from the same headers, so the one that followed the last record before is tried first.
        """
        found = self.following[self.last_record]
        if found and self.is_record(found, start, end):
            self.last_record = found
            return found
        found = self.hashed_record(start, end, die)
        self.following[self.last_record] = found
        self.last_record = found
        return found

    def is_record(self, number, start, end):
        """Whether a record has the words from `start` to `end`."""
        here = self.record_at[number]
        if self.record_at[number + 1] - here != end - start:
            return False
        while start < end and self.records[here] == self.words[start]:
            here += 1
            start += 1
        return start == end

    def hashed_record(self, start, end, die):
        """As `record`, by the hash of the words."""
        prime = self.prime
        long = LONG
        h = prime
        for at in range(start, end):
            h = ((h ^ self.words[at]) * prime) & long
            h ^= h >> 32
        key = h & WORD
        mask = len(self.slots) - 1
        slot = (h >> 11) & mask
        while self.slots[slot]:
            found = self.slots[slot]
            if self.record_hash[found] == key and self.is_record(found, start, end):
                return found
            slot = (slot + 1) & mask
        self.record_count += 1
        found = self.record_count
        if found >= PLACE >> 1:
            raise OverflowError("types")
        self.slots[slot] = found
        if found + 2 > len(self.record_at):
            self.record_at = growth.grown(self.record_at, found + 1)
            self.record_hash = growth.grown(self.record_hash, found)
            self.record_die = growth.grown(self.record_die, found)
            self.following = growth.grown(self.following, found)
        while self.record_end + end - start > len(self.records):
            self.records = growth.grown(self.records, self.record_end)
        self.record_at[found] = self.record_end
        self.record_hash[found] = key
        self.record_die[found] = min(self.die_base + die, WORD)
        for at in range(start, end):
            self.records[self.record_end] = self.words[at]
            self.record_end += 1
        self.record_at[found + 1] = self.record_end
        if 2 * found > len(self.slots):
            self.more_slots()
        return found

    def more_slots(self):
        """Double the table of records."""
        prime = self.prime
        long = LONG
        self.slots = memoryview(bytearray(8 * len(self.slots))).cast("I")
        mask = len(self.slots) - 1
        for number in range(1, self.record_count + 1):
            h = prime
            for at in range(self.record_at[number], self.record_at[number + 1]):
                h = ((h ^ self.records[at]) * prime) & long
                h ^= h >> 32
            slot = (h >> 11) & mask
            while self.slots[slot]:
                slot = (slot + 1) & mask
            self.slots[slot] = number

    # ---- functions -------------------------------------------------------------------------------------------------

    def settle_functions(self):
        """Give the functions of the group the names and types of those that they come from, and tokens for places of DIEs."""
        at = self.function_start
        while at < self.function_end:
            self.functions[at + 2] = self.token_of(self.functions[at + 2])
            self.functions[at + 3] = self.origin(self.functions[at + 3], FUNCTION)
            self.functions[at + 9] = self.origin(self.functions[at + 9], FUNCTION)
            count = self.functions[at + 5]
            at += codes.FUNCTION_WORDS
            for _ in range(count):
                self.functions[at + 1] = self.token_of(self.functions[at + 1])
                self.functions[at + 2] = self.origin(self.functions[at + 2], PARAMETER)
                at += codes.PARAMETER_WORDS
        at = self.function_start
        while at < self.function_end:
            here = at
            for _ in range(CHAIN):
                if self.functions[at + 1] and self.functions[at + 2]:
                    break
                following = self.functions[here + 3]
                if following == NONE:
                    following = self.functions[here + 9]
                if following == NONE:
                    break
                here = following
                if self.functions[at + 1] == 0:
                    self.functions[at + 1] = self.functions[here + 1]
                if self.functions[at + 2] == 0:
                    self.functions[at + 2] = self.functions[here + 2]
            count = self.functions[at + 5]
            at += codes.FUNCTION_WORDS
            for _ in range(count):
                here = at
                for _ in range(CHAIN):
                    if (self.functions[at] and self.functions[at + 1]) or self.functions[here + 2] == NONE:
                        break
                    here = self.functions[here + 2]
                    if self.functions[at] == 0:
                        self.functions[at] = self.functions[here]
                    if self.functions[at + 1] == 0:
                        self.functions[at + 1] = self.functions[here + 1]
                at += codes.PARAMETER_WORDS

    def token_of(self, reference):
        """The token of the type at a DIE; 0 is void."""
        return self.token[self.local(reference)]

    def origin(self, die, kind):
        """The position of the function or parameter at a DIE, or NONE."""
        if die == 0:
            return NONE
        found = self.get(die)
        if found == NONE or found & ~PLACE & WORD != kind:
            return NONE
        return found & PLACE
