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
    visit next, as 4 * id + (0 its mate, 1 its copy, 2 its nested type, 3 itself, an own type).
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


def same_text(a, a_off, b, b_off):
    """Whether the string at `a_off` before equals the one at `b_off` after."""
    a_own = a_off >= a.first_offset
    b_own = b_off >= b.first_offset
    if a_own:
        a_off -= a.first_offset
    if b_own:
        b_off -= b.first_offset
    while True:
        c = a.strings[a_off] if a_own else a.low_strings[a_off]
        if c != (b.strings[b_off] if b_own else b.low_strings[b_off]):
            return False
        if c == 0:
            return True
        a_off += 1
        b_off += 1


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


def walk(a, b, table, shared, whole, told, own_levels, notes, hard):
    """Walk from all own types of `a`; returns the number of pairs.

    Pairs that cannot be proven to correspond are appended to the list `hard` as (what to do, a, b, level).  The first
    `shared` bytes of the own strings are equal.  `whole` selects the definitions below that have to be complete after: 0 none, 1
    those held by value, 2 all.  `told` selects the named types whose elements before all have to exist after, by the same
    numbers.  `own_levels` has a byte for each own type of `a`.
    """
    first = a.first_id
    b_first = b.first_id
    a_off = a.first_offset
    b_off = b.first_offset
    mates = notes.mates
    copies = notes.copies
    levels = notes.levels
    todo = notes.todo
    count = len(a.positions)
    index = 0
    pairs = count
    wa = a.words
    wb = b.words
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
        if how == 3:
            b_id = b_first + (a_id - first)
            level = own_levels[a_id - first]
            at = a.positions[a_id - first]
            wa = a.words
        else:
            b_id = mates[a_id] if how == 0 else copies[a_id] if how == 1 else notes.nested[a_id]
            level = 2 if how == 2 else (levels[a_id] >> (how << 1)) & 3
            at = a.low_positions[a_id - 1]
            wa = a.low_words
        if b_id >= b_first:
            to = b.positions[b_id - b_first]
            wb = b.words
        else:
            to = b.low_positions[b_id - 1]
            wb = b.low_words
        info = wa[at + 1]
        other = wb[to + 1]
        kind = (info >> 24) & 127
        other_kind = (other >> 24) & 127
        x = wa[at]
        y = wb[to]
        alike = x >= a_off and x - a_off < shared and y >= b_off and y - b_off == x - a_off
        if not alike and not same_text(a, x, b, y):
            hard.append((INSIDE if how == 2 else JUDGE, a_id, b_id, level))
            continue
        plain = kind == kinds.INT or kinds.STRUCT <= kind <= kinds.FWD or kind == kinds.FLOAT or kind == kinds.ENUM64
        named = how != 3 and a.low_strings[x] != 0
        if how == 2 and not named:
            if not elements(a, b, a_id, b_id, notes):
                hard.append((INSIDE, a_id, b_id, level))
            continue
        if plain and how != 3 and (named or (whole and b_id < b_first)):
            if named and how != 2 and mates[a_id] and copies[a_id]:
                hard.append((MEET, a_id, b_id, level))
                continue
            if how == 2 or whole == 0 or (whole == 1 and level < 2):
                if (kind == kinds.ENUM or kind == kinds.ENUM64) and (
                    other_kind == kinds.ENUM or other_kind == kinds.ENUM64
                ):
                    good = wa[at + 2] == wb[to + 2]
                elif kind == kinds.FWD or other_kind == kinds.FWD:
                    x = 4 + (info >> 31) if kind == kinds.FWD else kind
                    y = 4 + (other >> 31) if other_kind == kinds.FWD else other_kind
                    good = x == y and (kind == kinds.FWD or level < 2)
                else:
                    good = kind == other_kind
                    if good and (kind == kinds.INT or kind == kinds.FLOAT or level == 2):
                        good = wa[at + 2] == wb[to + 2]
                    if good and kind == kinds.INT:
                        good = wa[at + 3] == wb[to + 3]
                element = (
                    kind != kinds.FWD
                    and other_kind != kinds.FWD
                    and (kinds.STRUCT <= kind <= kinds.ENUM or kind == kinds.ENUM64)
                    and info & 0xFFFFFF
                )
                if good and element and (told == 2 or (told == 1 and level == 2)):
                    good = b_id < b_first and elements(a, b, a_id, b_id, notes)
                if not good:
                    hard.append((INSIDE if how == 2 else JUDGE, a_id, b_id, level))
                continue
        if info != other:
            hard.append((JUDGE, a_id, b_id, level))
            continue
        row = kind << 3
        tail = table[row + kinds.TAIL]
        elem = table[row + kinds.ELEM]
        total = tail + 1
        if elem:
            total += (info & 0xFFFFFF) * elem
        child = 1
        if (
            kind == kinds.STRUCT
            or kind == kinds.UNION
            or kind == kinds.VAR
            or (kind == kinds.FUNC_PROTO and (how == 3 or b_id >= b_first))
        ):
            child = 2
        elif passes_on(kind):
            child = level
        good = True
        phase = 0
        for slot in range(total):
            if slot == 0:
                what = table[row + kinds.THIRD_IS_TYPE]
            elif slot <= tail:
                what = (table[row + kinds.TAIL_IDS] >> (slot - 1)) & 1
            else:
                what = ((table[row + kinds.ELEM_IDS] >> phase) & 1) + 2 * ((table[row + kinds.ELEM_NAMES] >> phase) & 1)
                phase += 1
                if phase == elem:
                    phase = 0
            if kind == kinds.ARRAY and slot == 2:
                child = 1  # the type of an index is never held by value
            x = wa[at + 2 + slot]
            y = wb[to + 2 + slot]
            if what == 0:
                if x != y:
                    good = False
            elif what == 2:
                alike = x >= a_off and x - a_off < shared and y >= b_off and y - b_off == x - a_off
                alike = alike or (x == 0 and y == 0)
                if not alike and not same_text(a, x, b, y):
                    good = False
            elif x == 0 or y == 0:
                if x != y:
                    good = False
            elif x >= first:
                if y < b_first or y - b_first != x - first:
                    hard.append((MEET, x, y, child))
                elif child == 2 and own_levels[x - first] < 2:
                    here = (a.words[a.positions[x - first] + 1] >> 24) & 127
                    if own_levels[x - first] and (passes_on(here)):
                        todo.append(4 * x + 3)
                    own_levels[x - first] = 2
            else:
                copied = y >= b_first
                before = (levels[x] >> (copied << 1)) & 3
                raised = before < child
                if raised:
                    if levels[x] == 0:
                        notes.seen.append(x)
                    levels[x] += (child - before) << (copied << 1)
                mate = copies[x] if copied else mates[x]
                if mate == 0:
                    if copied:
                        copies[x] = y
                    else:
                        mates[x] = y
                    pairs += 1
                    todo.append(4 * x + copied)
                elif mate != y:
                    hard.append((MEET, x, y, child))
                if raised and mate:
                    todo.append(4 * x + copied)
        if not good:
            hard.append((JUDGE, a_id, b_id, level))
    return pairs


def clear(seen, levels, mates, copies, nested):
    """Reset to 0 the entries that `walk` and `elements` have set for the ids `seen`."""
    for a in seen:
        levels[a] = 0
        mates[a] = 0
        copies[a] = 0
        nested[a] = 0
