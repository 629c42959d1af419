"""Two split BTFs of the same module, walked side by side: what `judges/reconciled.py` proves is found here, and nothing else
uses it.

`a_` is the BTF before, `b_` the one after; of each come its own records, and what is below it as one BTF (`_low_`).  A
*pair* is a type before and the type that has to correspond to it after.  An own type corresponds to the own type of the same
number.  A type below may have a mate below (`mates[a]`) and, where it was copied, one that is an own type (`copies[a]`).
*Levels*: 1 behind a pointer, 2 by value.
"""

JUDGE, MEET, INSIDE = 0, 1, 2  # what is to be done with a pair that was not proven here


def same_text(a_strings, a_low_strings, a_off, b_strings, b_low_strings, b_off):
    """Whether the string at `a_off` before is the one at `b_off` after."""
    a_own = a_off >= len(a_low_strings)
    b_own = b_off >= len(b_low_strings)
    if a_own:
        a_off -= len(a_low_strings)
    if b_own:
        b_off -= len(b_low_strings)
    while True:
        c = a_strings[a_off] if a_own else a_low_strings[a_off]
        if c != (b_strings[b_off] if b_own else b_low_strings[b_off]):
            return False
        if c == 0:
            return True
        a_off += 1
        b_off += 1


def stripped(words, positions, type_id):
    """The first type along modifiers and typedefs that is none; an id that is too high where they have no end."""
    for _ in range(256):
        if type_id == 0:
            return 0
        at = positions[type_id - 1]
        kind = (words[at + 1] >> 24) & 127
        if kind != 18 and not 8 <= kind <= 11:
            return type_id
        type_id = words[at + 2]
    return len(positions) + 1


def same_shape(a_words, a_positions, a_strings, b_words, b_positions, b_strings, a, b, nested, todo, seen):
    """Whether two types below are the same pointers and arrays of types of the same tag, name and size.

    A composite or enum that is not behind a pointer becomes a nested pair.
    """
    held = True
    for _ in range(50):
        a = stripped(a_words, a_positions, a)
        b = stripped(b_words, b_positions, b)
        if a == 0 or b == 0:
            return a == b
        if a > len(a_positions) or b > len(b_positions):
            return False
        at = a_positions[a - 1]
        to = b_positions[b - 1]
        kind = (a_words[at + 1] >> 24) & 127
        other = (b_words[to + 1] >> 24) & 127
        if kind == 2 and other == 2:
            held = False
            a = a_words[at + 2]
            b = b_words[to + 2]
        elif kind == 3 and other == 3:
            if a_words[at + 5] != b_words[to + 5]:
                return False
            a = a_words[at + 3]
            b = b_words[to + 3]
        else:
            break
    else:
        return False
    enums = (kind == 6 or kind == 19) and (other == 6 or other == 19)
    declared = kind == 7 or other == 7
    if declared:
        tag = 4 + (a_words[at + 1] >> 31) if kind == 7 else kind
        other_tag = 4 + (b_words[to + 1] >> 31) if other == 7 else other
        if tag != other_tag or (held and kind != other):
            return False
    elif kind != other and not enums:
        return False
    if not same_text(a_strings, a_strings, a_words[at], b_strings, b_strings, b_words[to]):
        return False
    sized = kind == 1 or kind == 16 or enums or (held and (kind == 4 or kind == 5))
    if sized and a_strings[a_words[at]] and a_words[at + 2] != b_words[to + 2]:
        return False
    if held and (4 <= kind <= 6 or kind == 19):
        if nested[a] == 0:
            nested[a] = b
            seen.append(a)
            todo.append(4 * a + 2)
        elif nested[a] != b:
            return False
    return True


def elements(a_words, a_positions, a_strings, b_words, b_positions, b_strings, a, b, nested, todo, seen):
    """Whether every member or enumerator of type `a` below is one of `b`, in the same order: the same name, place and shape,
    or value.  False may also mean that nobody can tell here."""
    at = a_positions[a - 1]
    to = b_positions[b - 1]
    info = a_words[at + 1]
    other = b_words[to + 1]
    kind = (info >> 24) & 127
    j = 0
    count = other & 0xFFFFFF
    if kind == 6 or kind == 19:
        if (info ^ other) >> 24:
            return False
        step = 2 if kind == 6 else 3
        for k in range(info & 0xFFFFFF):
            here = at + 3 + k * step
            while j < count and not same_text(
                a_strings, a_strings, a_words[here], b_strings, b_strings, b_words[to + 3 + j * step]
            ):
                j += 1
            there = to + 3 + j * step
            if j == count or a_words[here + 1] != b_words[there + 1]:
                return False
            if kind == 19 and a_words[here + 2] != b_words[there + 2]:
                return False
            j += 1
        return True
    if (kind != 4 and kind != 5) or ((other >> 24) & 127) != kind:
        return False
    for k in range(info & 0xFFFFFF):
        here = at + 3 + 3 * k
        while j < count and not same_text(
            a_strings, a_strings, a_words[here], b_strings, b_strings, b_words[to + 3 + 3 * j]
        ):
            j += 1
        there = to + 3 + 3 * j
        if j == count:
            return False
        x = a_words[here + 2]
        y = b_words[there + 2]
        # with kind_flag the upper 8 bits are the size of a bitfield, without it there is none
        if (x & 0xFFFFFF if info >> 31 else x) != (y & 0xFFFFFF if other >> 31 else y):
            return False
        if (x >> 24 if info >> 31 else 0) != (y >> 24 if other >> 31 else 0):
            return False
        if not same_shape(
            a_words,
            a_positions,
            a_strings,
            b_words,
            b_positions,
            b_strings,
            a_words[here + 1],
            b_words[there + 1],
            nested,
            todo,
            seen,
        ):
            return False
        j += 1
    return True


def walk(
    a_words,
    a_positions,
    a_strings,
    a_low_words,
    a_low_positions,
    a_low_strings,
    b_words,
    b_positions,
    b_strings,
    b_low_words,
    b_low_positions,
    b_low_strings,
    table,
    shared,
    whole,
    told,
    own_levels,
    levels,
    mates,
    copies,
    nested,
    todo,
    seen,
    hard,
):
    """Walk from all own types of `a` on; returns how many pairs there are.

    Pairs that cannot be proven to correspond are appended to the list `hard` as (what to do, a, b, level).  The first
    `shared` bytes of the own strings are equal.  `whole` tells which definitions below have to be complete after: 0 none, 1
    those held by value, 2 all; `told` for which named types all elements that are told before have to be there after, by
    the same numbers.  `levels` (bits 0 and 1 for the mate, 2 and 3 for the copy), `mates`, `copies` and `nested` have room
    for every id below `a`, and are all 0; what is not 0 afterwards is on the list `seen`.  `own_levels` has a byte for each
    own type.
    """
    first = len(a_low_positions) + 1
    b_first = len(b_low_positions) + 1
    a_off = len(a_low_strings)
    b_off = len(b_low_strings)
    count = len(a_positions)
    index = 0
    pairs = count
    wa = a_words
    wb = b_words
    while True:
        how = 3
        if index < count:
            a = first + index
            index += 1
            if own_levels[a - first] == 0:
                own_levels[a - first] = 1
        elif todo:
            code = todo.pop()
            a = code >> 2
            how = code & 3
        else:
            break
        if how == 3:
            b = b_first + (a - first)
            level = own_levels[a - first]
            at = a_positions[a - first]
            wa = a_words
        else:
            b = mates[a] if how == 0 else copies[a] if how == 1 else nested[a]
            level = 2 if how == 2 else (levels[a] >> (how << 1)) & 3
            at = a_low_positions[a - 1]
            wa = a_low_words
        if b >= b_first:
            to = b_positions[b - b_first]
            wb = b_words
        else:
            to = b_low_positions[b - 1]
            wb = b_low_words
        info = wa[at + 1]
        other = wb[to + 1]
        kind = (info >> 24) & 127
        other_kind = (other >> 24) & 127
        x = wa[at]
        y = wb[to]
        alike = x >= a_off and x - a_off < shared and y >= b_off and y - b_off == x - a_off
        if not alike and not same_text(a_strings, a_low_strings, x, b_strings, b_low_strings, y):
            hard.append((INSIDE if how == 2 else JUDGE, a, b, level))
            continue
        plain = kind == 1 or 4 <= kind <= 7 or kind == 16 or kind == 19
        named = how != 3 and a_low_strings[x] != 0
        if how == 2 and not named:
            if not elements(
                a_low_words,
                a_low_positions,
                a_low_strings,
                b_low_words,
                b_low_positions,
                b_low_strings,
                a,
                b,
                nested,
                todo,
                seen,
            ):
                hard.append((INSIDE, a, b, level))
            continue
        if plain and how != 3 and (named or (whole and b < b_first)):
            if named and how != 2 and mates[a] and copies[a]:
                hard.append((MEET, a, b, level))
                continue
            if how == 2 or whole == 0 or (whole == 1 and level < 2):
                if (kind == 6 or kind == 19) and (other_kind == 6 or other_kind == 19):
                    good = wa[at + 2] == wb[to + 2]
                elif kind == 7 or other_kind == 7:
                    x = 4 + (info >> 31) if kind == 7 else kind
                    y = 4 + (other >> 31) if other_kind == 7 else other_kind
                    good = x == y and (kind == 7 or level < 2)
                else:
                    good = kind == other_kind
                    if good and (kind == 1 or kind == 16 or level == 2):
                        good = wa[at + 2] == wb[to + 2]
                    if good and kind == 1:
                        good = wa[at + 3] == wb[to + 3]
                element = kind != 7 and other_kind != 7 and (4 <= kind <= 6 or kind == 19) and info & 0xFFFFFF
                if good and element and (told == 2 or (told == 1 and level == 2)):
                    good = b < b_first and elements(
                        a_low_words,
                        a_low_positions,
                        a_low_strings,
                        b_low_words,
                        b_low_positions,
                        b_low_strings,
                        a,
                        b,
                        nested,
                        todo,
                        seen,
                    )
                if not good:
                    hard.append((INSIDE if how == 2 else JUDGE, a, b, level))
                continue
        if info != other:
            hard.append((JUDGE, a, b, level))
            continue
        row = kind << 3
        tail = table[row]
        elem = table[row + 1]
        total = tail + 1
        if elem:
            total += (info & 0xFFFFFF) * elem
        child = 1
        if kind == 4 or kind == 5 or kind == 14 or (kind == 13 and (how == 3 or b >= b_first)):
            child = 2
        elif kind == 3 or 8 <= kind <= 11 or kind == 18:
            child = level
        good = True
        phase = 0
        for slot in range(total):
            if slot == 0:
                what = table[row + 2]
            elif slot <= tail:
                what = (table[row + 3] >> (slot - 1)) & 1
            else:
                what = ((table[row + 4] >> phase) & 1) + 2 * ((table[row + 5] >> phase) & 1)
                phase += 1
                if phase == elem:
                    phase = 0
            if kind == 3 and slot == 2:
                child = 1  # the type of an index is nowhere held
            x = wa[at + 2 + slot]
            y = wb[to + 2 + slot]
            if what == 0:
                if x != y:
                    good = False
            elif what == 2:
                alike = x >= a_off and x - a_off < shared and y >= b_off and y - b_off == x - a_off
                alike = alike or (x == 0 and y == 0)
                if not alike and not same_text(a_strings, a_low_strings, x, b_strings, b_low_strings, y):
                    good = False
            elif x == 0 or y == 0:
                if x != y:
                    good = False
            elif x >= first:
                if y < b_first or y - b_first != x - first:
                    hard.append((MEET, x, y, child))
                elif child == 2 and own_levels[x - first] < 2:
                    here = (a_words[a_positions[x - first] + 1] >> 24) & 127
                    if own_levels[x - first] and (here == 3 or 8 <= here <= 11 or here == 18):
                        todo.append(4 * x + 3)
                    own_levels[x - first] = 2
            else:
                copied = y >= b_first
                before = (levels[x] >> (copied << 1)) & 3
                raised = before < child
                if raised:
                    if levels[x] == 0:
                        seen.append(x)
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
            hard.append((JUDGE, a, b, level))
    return pairs


def clear(seen, levels, mates, copies, nested):
    """Set to 0 what `walk` and `elements` have set for the ids `seen`."""
    for a in seen:
        levels[a] = 0
        mates[a] = 0
        copies[a] = 0
        nested[a] = 0
