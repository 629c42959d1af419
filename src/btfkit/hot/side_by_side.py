# cython: initializedcheck=False
"""Two split BTFs of the same module, walked side by side: the loops of `judges/reconciled.py`, used only there.

`a` is the `Side` before, `b` the one after.  A *pair* is a type before and the type that has to correspond to it after.  An own
type corresponds to the own type of the same number.  A type below may correspond to one below (its mate, `mates[a]`) and, if
it was copied, to an own type (`copies[a]`).  *Levels*: 1 through a pointer, 2 by value.
"""

from btfkit.hot import kinds

JUDGE, MEET, INSIDE = 0, 1, 2  # what to do with a pair that was not proven here


class Side:
    """One of the two BTFs: its own records and strings, and everything below as one BTF (`low_`)."""

    def __init__(self, words, positions, strings, low_words, low_positions, low_strings):
        self.words = words
        self.positions = positions
        self.strings = strings
        self.low_words = low_words
        self.low_positions = low_positions
        self.low_strings = low_strings
        self.first_id = len(low_positions) + 1
        self.first_offset = len(low_strings)


class Notes:
    """The state of the types below `a`, by id: `levels` (bits 0 and 1 for the mate, 2 and 3 for the copy), `mates`, `copies`
    and `nested` (types by value within those compared member by member).

    All have room for every id and are 0 at the start; the ids of nonzero entries are on the list `seen`.  `todo` has the ids to
    visit next, as 4 * id + (0 its mate, 1 its copy, 2 its nested type, 3 itself, an own type).  The rest is what
    `walk` was given, and the number of its `pairs`.
    """

    def __init__(self, levels, mates, copies, nested, seen):
        self.levels = levels
        self.mates = mates
        self.copies = copies
        self.nested = nested
        self.seen = seen
        self.todo = []

    def nest(self, a, b):
        """Record that `b` is the nested type for `a`; returns whether no other type is recorded."""
        if self.nested[a] == 0:
            self.nested[a] = b
            self.seen.append(a)
            self.todo.append(4 * a + 2)
        return self.nested[a] == b


def same_name(a, a_off, b, b_off, shared):
    """Whether two names are equal, if the first `shared` bytes of the own strings are."""
    place = a_off - a.first_offset
    if a_off >= a.first_offset and place < shared and b_off >= b.first_offset and b_off - b.first_offset == place:
        return True
    return same_text(a, a_off, b, b_off)


def same_text(a, a_off, b, b_off):
    """Whether the string at `a_off` before equals the one at `b_off` after."""
    if a_off < a.first_offset:
        if b_off < b.first_offset:
            return equal(a.low_strings, a_off, b.low_strings, b_off)
        return equal(a.low_strings, a_off, b.strings, b_off - b.first_offset)
    if b_off < b.first_offset:
        return equal(a.strings, a_off - a.first_offset, b.low_strings, b_off)
    return equal(a.strings, a_off - a.first_offset, b.strings, b_off - b.first_offset)


def equal(one, at, other, to):
    """Whether the strings that begin at `one[at]` and `other[to]` are equal, up to their NULs."""
    while one[at] == other[to]:
        if one[at] == 0:
            return True
        at += 1
        to += 1
    return False


def stripped(side, type_id):
    """The first type below, following modifiers and typedefs, that is neither; an id that is too high if they do not end."""
    for _ in range(256):
        if type_id == 0:
            return 0
        at = side.low_positions[type_id - 1]
        kind = (side.low_words[at + 1] >> 24) & 127
        if not kinds.is_alias(kind):
            return type_id
        type_id = side.low_words[at + 2]
    return side.first_id


def same_shape(a, b, a_id, b_id, notes):
    """Whether two types below are the same pointers and arrays of types with the same tag, name and size.

    A composite or enum that is not reached through a pointer becomes a nested pair.
    """
    held = True
    for _ in range(50):
        a_id = stripped(a, a_id)
        b_id = stripped(b, b_id)
        if a_id == 0 or b_id == 0:
            return a_id == b_id
        if a_id == a.first_id or b_id == b.first_id:
            return False
        at = a.low_positions[a_id - 1]
        to = b.low_positions[b_id - 1]
        kind = (a.low_words[at + 1] >> 24) & 127
        other = (b.low_words[to + 1] >> 24) & 127
        if kind == kinds.PTR and other == kinds.PTR:
            held = False
            a_id = a.low_words[at + 2]
            b_id = b.low_words[to + 2]
        elif kind == kinds.ARRAY and other == kinds.ARRAY:
            if a.low_words[at + 5] != b.low_words[to + 5]:
                return False
            a_id = a.low_words[at + 3]
            b_id = b.low_words[to + 3]
        else:
            break
    else:
        return False
    enums = is_enum(kind) and is_enum(other)
    if kind == kinds.FWD or other == kinds.FWD:
        tag = kinds.STRUCT + (a.low_words[at + 1] >> 31) if kind == kinds.FWD else kind
        other_tag = kinds.STRUCT + (b.low_words[to + 1] >> 31) if other == kinds.FWD else other
        if tag != other_tag or (held and kind != other):
            return False
    elif kind != other and not enums:
        return False
    if not same_text(a, a.low_words[at], b, b.low_words[to]):
        return False
    composite = kind == kinds.STRUCT or kind == kinds.UNION
    sized = kind == kinds.INT or kind == kinds.FLOAT or enums or (held and composite)
    if sized and a.low_strings[a.low_words[at]] and a.low_words[at + 2] != b.low_words[to + 2]:
        return False
    return not (held and (composite or is_enum(kind))) or notes.nest(a_id, b_id)


def is_enum(kind):
    """Whether the kind is ENUM or ENUM64."""
    return kind == kinds.ENUM or kind == kinds.ENUM64


def elements(a, b, a_id, b_id, notes):
    """Whether every member or enumerator of type `a_id` below is one of `b_id`, in the same order, with the same name and the
    same offset and shape, or the same value.  False may also mean that this loop cannot decide."""
    at = a.low_positions[a_id - 1]
    to = b.low_positions[b_id - 1]
    info = a.low_words[at + 1]
    other = b.low_words[to + 1]
    kind = (info >> 24) & 127
    other_kind = (other >> 24) & 127
    composite = kind == kinds.STRUCT or kind == kinds.UNION
    if kind != other_kind or not (composite or (is_enum(kind) and (info ^ other) >> 31 == 0)):
        return False
    step = 2 if kind == kinds.ENUM else 3
    j = 0
    count = other & 0xFFFFFF
    for k in range(info & 0xFFFFFF):
        here = at + 3 + k * step
        there = to + 3 + j * step
        while j < count and not same_text(a, a.low_words[here], b, b.low_words[there]):
            j += 1
            there += step
        if j == count:
            return False
        j += 1
        if not composite:
            if a.low_words[here + 1] != b.low_words[there + 1]:
                return False
            if step == 3 and a.low_words[here + 2] != b.low_words[there + 2]:
                return False
            continue
        x = a.low_words[here + 2]
        y = b.low_words[there + 2]
        # with kind_flag the upper 8 bits are the size of a bitfield; without it there is none
        if (x & 0xFFFFFF if info >> 31 else x) != (y & 0xFFFFFF if other >> 31 else y):
            return False
        if (x >> 24 if info >> 31 else 0) != (y >> 24 if other >> 31 else 0):
            return False
        if not same_shape(a, b, a.low_words[here + 1], b.low_words[there + 1], notes):
            return False
    return True


def passes_on(kind):
    """Whether containing such a type by value means containing by value the type that it refers to."""
    return kind == kinds.ARRAY or kinds.is_alias(kind)


def meet(a, b, x, y, child, notes):
    """Note that the types `x` and `y` have to correspond, at the level `child`; returns False if only one is void."""
    if x == 0 or y == 0:
        return x == y
    if x >= a.first_id:
        own = x - a.first_id
        if y < b.first_id or y - b.first_id != own:
            notes.hard.append((MEET, x, y, child))
        elif child == 2 and notes.own_levels[own] < 2:
            kind = (a.words[a.positions[own] + 1] >> 24) & 127
            if notes.own_levels[own] and passes_on(kind):
                notes.todo.append(4 * x + 3)
            notes.own_levels[own] = 2
        return True
    copied = y >= b.first_id
    before = (notes.levels[x] >> (copied << 1)) & 3
    raised = before < child
    if raised:
        if notes.levels[x] == 0:
            notes.seen.append(x)
        notes.levels[x] += (child - before) << (copied << 1)
    mate = notes.copies[x] if copied else notes.mates[x]
    if mate == 0:
        if copied:
            notes.copies[x] = y
        else:
            notes.mates[x] = y
        notes.pairs += 1
        notes.todo.append(4 * x + copied)
    elif mate != y:
        notes.hard.append((MEET, x, y, child))
    if raised and mate:
        notes.todo.append(4 * x + copied)
    return True


def same_record(a, b, at, to, a_own, b_own, table, level, notes):
    """Whether two records with the same second word, own ones or not, are equal in all words but ids and names, and their names
    in their texts; the types that they refer to `meet`."""
    info = a.words[at + 1] if a_own else a.low_words[at + 1]
    kind = (info >> 24) & 127
    row = kind << 3
    tail = table[row + kinds.TAIL]
    elem = table[row + kinds.ELEM]
    head_ids = table[row + kinds.THIRD_IS_TYPE] | table[row + kinds.TAIL_IDS] << 1
    child = 1
    if (
        kind == kinds.STRUCT
        or kind == kinds.UNION
        or kind == kinds.VAR
        or (kind == kinds.FUNC_PROTO and (a_own or b_own))
    ):
        child = 2
    elif passes_on(kind):
        child = level
    good = True
    at += 2
    to += 2
    for slot in range(tail + 1):
        x = a.words[at] if a_own else a.low_words[at]
        y = b.words[to] if b_own else b.low_words[to]
        at += 1
        to += 1
        if (head_ids >> slot) & 1:
            # the type of an index is never held by value
            good &= meet(a, b, x, y, 1 if kind == kinds.ARRAY and slot == 2 else child, notes)
        elif x != y:
            good = False
    if elem == 0:
        return good
    name_at = 0 if table[row + kinds.ELEM_NAMES] else elem
    id_at = table[row + kinds.ELEM_IDS] >> 1 if table[row + kinds.ELEM_IDS] else elem  # 0 or 1
    for _ in range(info & 0xFFFFFF):
        for slot in range(elem):
            x = a.words[at + slot] if a_own else a.low_words[at + slot]
            y = b.words[to + slot] if b_own else b.low_words[to + slot]
            if slot == id_at:
                good &= meet(a, b, x, y, child, notes)
            elif slot == name_at:
                good &= same_name(a, x, b, y, notes.shared)
            elif x != y:
                good = False
        at += elem
        to += elem
    return good


def walk(a, b, table, shared, whole, told, own_levels, notes, hard):
    """Walk from all own types of `a`; returns the number of pairs.

    Pairs that cannot be proven to correspond are appended to the list `hard` as (what to do, a, b, level).  The first
    `shared` bytes of the own strings are equal.  `whole` selects the definitions below that have to be complete after: 0 none, 1
    those held by value, 2 all.  `told` selects the named types whose elements before all have to exist after, by the same
    numbers.  `own_levels` has a byte for each own type of `a`.
    """
    first = a.first_id
    b_first = b.first_id
    mates = notes.mates
    copies = notes.copies
    levels = notes.levels
    todo = notes.todo
    count = len(a.positions)
    index = 0
    notes.pairs = count
    notes.shared = shared
    notes.own_levels = own_levels
    notes.hard = hard
    while True:
        how = 3
        if index < count:
            a_id = first + index
            index += 1
            if own_levels[a_id - first] == 0:
                own_levels[a_id - first] = 1
        elif todo:
            code = todo.pop()
            a_id = code >> 2
            how = code & 3
        else:
            break
        a_own = how == 3
        if a_own:
            b_id = b_first + (a_id - first)
            level = own_levels[a_id - first]
            at = a.positions[a_id - first]
        else:
            b_id = mates[a_id] if how == 0 else copies[a_id] if how == 1 else notes.nested[a_id]
            level = 2 if how == 2 else (levels[a_id] >> (how << 1)) & 3
            at = a.low_positions[a_id - 1]
        b_own = b_id >= b_first
        to = b.positions[b_id - b_first] if b_own else b.low_positions[b_id - 1]
        info = a.words[at + 1] if a_own else a.low_words[at + 1]
        other = b.words[to + 1] if b_own else b.low_words[to + 1]
        kind = (info >> 24) & 127
        other_kind = (other >> 24) & 127
        x = a.words[at] if a_own else a.low_words[at]
        if not same_name(a, x, b, b.words[to] if b_own else b.low_words[to], shared):
            hard.append((INSIDE if how == 2 else JUDGE, a_id, b_id, level))
            continue
        plain = kind == kinds.INT or kinds.STRUCT <= kind <= kinds.FWD or kind == kinds.FLOAT or kind == kinds.ENUM64
        named = not a_own and a.low_strings[x] != 0
        if how == 2 and not named:
            if not elements(a, b, a_id, b_id, notes):
                hard.append((INSIDE, a_id, b_id, level))
            continue
        if plain and not a_own and (named or (whole and not b_own)):
            if named and how != 2 and mates[a_id] and copies[a_id]:
                hard.append((MEET, a_id, b_id, level))
                continue
            if how == 2 or whole == 0 or (whole == 1 and level < 2):
                size = a.low_words[at + 2]
                other_size = b.words[to + 2] if b_own else b.low_words[to + 2]
                if is_enum(kind) and is_enum(other_kind):
                    good = size == other_size
                elif kind == kinds.FWD or other_kind == kinds.FWD:
                    tag = 4 + (info >> 31) if kind == kinds.FWD else kind
                    other_tag = 4 + (other >> 31) if other_kind == kinds.FWD else other_kind
                    good = tag == other_tag and (kind == kinds.FWD or level < 2)
                else:
                    good = kind == other_kind
                    if good and (kind == kinds.INT or kind == kinds.FLOAT or level == 2):
                        good = size == other_size
                    if good and kind == kinds.INT:
                        good = a.low_words[at + 3] == (b.words[to + 3] if b_own else b.low_words[to + 3])
                element = (
                    kind != kinds.FWD
                    and other_kind != kinds.FWD
                    and (kinds.STRUCT <= kind <= kinds.ENUM or kind == kinds.ENUM64)
                    and info & 0xFFFFFF
                )
                if good and element and (told == 2 or (told == 1 and level == 2)):
                    good = not b_own and elements(a, b, a_id, b_id, notes)
                if not good:
                    hard.append((INSIDE if how == 2 else JUDGE, a_id, b_id, level))
                continue
        if info != other or not same_record(a, b, at, to, a_own, b_own, table, level, notes):
            hard.append((JUDGE, a_id, b_id, level))
    return notes.pairs


def clear(seen, levels, mates, copies, nested):
    """Reset to 0 the entries that `walk` and `elements` have set for the ids `seen`."""
    for a in seen:
        levels[a] = 0
        mates[a] = 0
        copies[a] = 0
        nested[a] = 0
