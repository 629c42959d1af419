"""What prototypes and types consist of, as bytes, whatever the ids of the types are: kernels with equal bytes share answers.

Equal prototypes are written alike in C, and have arguments of the same kinds and sizes (`programs/arguments.py`).  Equal
composites and enumerations have the same members at the same places, whose types are equal up to pointers (`co_re/match.py`).
"""

from btfkit.hot import kinds

SEEN = 255  # followed by the number of a type that was written before


def prototype(words, positions, strings, type_id, pending, out):
    """Write what a type of a BTF without a base leads to (a FUNC or a TYPEDEF, say) into `out`; returns the length (bytes).

    Each type is a byte (its kind), followed by its size and its name, if these count: behind a pointer, the size does not.  The
    types of parameters wait in `pending` (words).  0: it is too long for one of the two, or no prototype.
    """
    limit = len(out)
    room = len(pending)
    length = 0
    top = 1
    pending[0] = type_id
    while top:
        top -= 1
        at_id = pending[top]
        pointed = False
        more = True
        while more:
            if length + 16 > limit:
                return 0
            if at_id == 0:
                out[length] = 0
                length += 1
                break
            at = positions[at_id - 1]
            info = words[at + 1]
            kind = (info >> 24) & 127
            out[length] = kind
            length += 1
            named = words[at]
            value = words[at + 2]
            count = 0
            if kind == kinds.PTR:
                pointed = True
                at_id = value
                continue
            if kinds.is_modifier(kind):
                at_id = value
                continue
            if kind == kinds.TYPEDEF or kind == kinds.FUNC:
                at_id = value
                value = 0
            elif kind == kinds.ARRAY:
                at_id = words[at + 3]
                value = words[at + 5]
            elif kind == kinds.FUNC_PROTO:
                at_id = value
                count = info & 0xFFFFFF
                value = count
            elif kind == kinds.FWD:
                more = False
                value = info >> 31
            elif (kinds.INT <= kind <= kinds.ENUM and kind != kinds.PTR) or kind == kinds.FLOAT or kind == kinds.ENUM64:
                more = False
                if pointed:
                    value = 0
            else:
                return 0
            length = put(out, length, value)
            if top + count > room:
                return 0
            place = at + 3 + count + count
            for number in range(count + 1):
                if number:
                    place -= 2
                    named = words[place]
                    pending[top] = words[place + 1]
                    top += 1
                length = name(strings, named, out, length)
                if length == 0:
                    return 0
    return length


def composite(words, positions, strings, type_id, seen, start, pending, out):
    """Write what a struct, union or enumeration of a BTF without a base (or a typedef of one) consists of into `out`; returns the
    length (bytes).

    Each type is a byte (its kind), followed by what a field relocation reads of it; of the root alone, if it is an enumeration,
    by its enumerators.  A type that was written before is its number: `seen` has a word for each type, which is at most `start`
    if it was not (all of one call are greater, and at most `start` plus the length).  Types of members wait in `pending`
    (words).  0: it is too long for one of the two.
    """
    limit = len(out)
    room = len(pending)
    length = 0
    count = 0
    top = 1
    pending[0] = type_id
    is_root = True
    while top:
        top -= 1
        at_id = pending[top]
        more = True
        while more:
            if length + 16 > limit:
                return 0
            if at_id == 0:
                out[length] = 0
                length += 1
                break
            if seen[at_id] > start:
                out[length] = SEEN
                value = seen[at_id] - start
                length = put(out, length + 1, value)
                break
            count += 1
            seen[at_id] = start + count
            at = positions[at_id - 1]
            info = words[at + 1]
            kind = (info >> 24) & 127
            vlen = info & 0xFFFFFF
            out[length] = kind
            length += 1
            if kinds.is_alias(kind):
                at_id = words[at + 2]
            elif kind == kinds.ARRAY:
                length = put(out, length, words[at + 5])
                at_id = words[at + 3]
            elif kind == kinds.STRUCT or kind == kinds.UNION:
                more = False
                length = put(out, put(out, length, info), words[at + 2])
                if top + vlen > room:
                    return 0
                place = at + 3 + 3 * vlen
                for _ in range(vlen):
                    place -= 3
                    length = name(strings, words[place], out, length)
                    if length == 0 or length + 16 > limit:
                        return 0
                    length = put(out, length, words[place + 2])
                    pending[top] = words[place + 1]
                    top += 1
            elif kind == kinds.ENUM or kind == kinds.ENUM64:
                more = False
                length = put(out, put(out, length, info >> 31), words[at + 2])
                length = name(strings, words[at], out, length)
                if length == 0:
                    return 0
                size = 2 if kind == kinds.ENUM else 3
                place = at + 3
                for _ in range(vlen if is_root else 0):
                    length = name(strings, words[place], out, length)
                    if length == 0 or length + 16 > limit:
                        return 0
                    length = put(out, length, words[place + 1])
                    length = put(out, length, words[place + 2] if size == 3 else 0)
                    place += size
            elif kind == kinds.INT:
                more = False
                length = put(out, put(out, length, words[at + 2]), words[at + 3])
            elif kind == kinds.FWD:
                more = False
                length = name(strings, words[at], out, put(out, length, info >> 31))
                if length == 0:
                    return 0
            else:
                more = False
                if kind == kinds.FLOAT:
                    length = put(out, length, words[at + 2])
            if kind < kinds.TYPEDEF or kind > kinds.TYPE_TAG:
                is_root = False
    return length


def put(out, at, value):
    """Write a word; returns the place after it."""
    for shift in range(0, 32, 8):
        out[at] = (value >> shift) & 255
        at += 1
    return at


def name(strings, start, out, at):
    """Write a name and the NUL that ends it, leaving 16 bytes; returns the place after it, 0 if it is too long."""
    limit = len(out) - 16
    while strings[start]:
        if at >= limit:
            return 0
        out[at] = strings[start]
        at += 1
        start += 1
    out[at] = 0
    return at + 1
