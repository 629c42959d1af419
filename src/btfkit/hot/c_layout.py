"""How a C compiler would lay types out: natural alignment, size, and whether a struct has to be packed.

Rules: libbpf 1.8, btf__align_of, btf__resolve_size, btf_is_struct_packed.
"""

from btfkit.hot import kinds

UNKNOWN = 255  # in aligns: not computed yet
PACKED = 128  # in aligns, added to the alignment of a struct
WIDE = 64  # in aligns, added to that of a type which compilers may align to 8 bytes though pointers have 4
LONGEST = 4096  # modifiers, typedefs and arrays in a row
WORD = 0xFFFFFFFF  # named, because literals of that size are Python objects in compiled code


def natural(words, positions, pointer_size, exact, aligns, sizes, stack):
    """Compute the alignment and the size of each type id, both in bytes, 0 for a type without one.

    `positions[i]` is the record of type `i + 1`.  `aligns` (bytes, all UNKNOWN at the start) and `sizes` (u32, all 0 at the
    start) include an entry for void; `stack` has four words for each.  PACKED is added to the alignment of a struct whose
    members or size do not fit it (its natural alignment is then 1).  With `exact` it is also added for such a union, and for a
    union with a bitfield that crosses the boundaries of its type.  A type that contains itself has no alignment.

    Where pointers have 4 bytes, machines align integers of 8 bytes to 4 (x86) or to 8 (arm): with `exact`, WIDE is added to
    the alignment (4) of what contains them, and PACKED to that of a composite which only fits if they are aligned to 4.
    """
    unknown = UNKNOWN
    packed_mark = PACKED
    wide_mark = WIDE
    aligns[0] = 0
    for start in range(1, len(positions) + 1):
        if aligns[start] != unknown:
            continue
        stack[0] = start
        stack[1] = 0
        depth = 2
        while depth:
            type_id = stack[depth - 2]
            at = positions[type_id - 1]
            info = words[at + 1]
            kind = (info >> 24) & 127
            vlen = info & 0xFFFFFF
            missing = 0
            if kind == kinds.STRUCT or kind == kinds.UNION:
                aligns[type_id] = 0  # during its own visit, so that a type that contains itself has no alignment
                index = stack[depth - 1]
                while index < vlen and missing == 0:
                    missing = words[at + 4 + 3 * index]
                    if aligns[missing] != unknown:
                        missing = 0
                        index += 1
                if missing:
                    stack[depth - 1] = index
                else:
                    widest = 1
                    result = unknown
                    packed = False
                    wide = 0
                    narrow = False  # whether it only fits if what is WIDE is aligned to 4
                    for index in range(vlen):
                        align = aligns[words[at + 4 + 3 * index]]
                        wide |= align & wide_mark
                        is_wide = align & wide_mark
                        align &= 63
                        offset = words[at + 5 + 3 * index]
                        if align == 0:
                            if result == unknown:
                                result = 0
                            continue
                        if info >> 31 and offset >> 24:
                            size = 8 * sizes[words[at + 4 + 3 * index]]
                            across = exact and size and (offset & 0xFFFFFF) % size + (offset >> 24) > size
                        else:
                            across = offset % (8 * align) != 0
                            if is_wide and offset % 64:
                                narrow = True
                        if across:
                            packed = True
                            if result == unknown:
                                result = 1
                        if align > widest:
                            widest = align
                    size = words[at + 2]
                    if size % widest:
                        packed = True
                        if result == unknown:
                            result = 1
                    if result == unknown:
                        result = widest
                    sizes[type_id] = size
                    if wide and size % 8:
                        narrow = True
                    if narrow or (packed and (kind == kinds.STRUCT or exact)):
                        result += packed_mark
                    elif wide:
                        result += wide_mark
                    aligns[type_id] = result
            else:
                here = type_id
                total = 1
                steps = 0
                sized = True
                while True:
                    if kind == kinds.ARRAY:
                        count = words[at + 5]
                        if count and total > WORD // count:
                            sized = False
                        else:
                            total *= count
                        here = words[at + 3]
                    elif kinds.is_alias(kind) or kind == kinds.VAR or kind == kinds.DECL_TAG:
                        here = words[at + 2]
                    else:
                        break
                    steps += 1
                    kind = 0
                    if steps > LONGEST or here == 0 or aligns[here] != unknown:
                        break
                    at = positions[here - 1]
                    kind = (words[at + 1] >> 24) & 127
                    if kind == kinds.STRUCT or kind == kinds.UNION:
                        missing = here
                        break
                if missing == 0:
                    align = 0
                    size = 0
                    if kind == kinds.PTR:
                        align = pointer_size
                        size = pointer_size
                    elif kind == kinds.INT or kind == kinds.ENUM or kind == kinds.FLOAT or kind == kinds.ENUM64:
                        size = words[at + 2]
                        align = size if size < pointer_size else pointer_size
                        if exact and pointer_size == 4 and size >= 8:
                            align += wide_mark
                    elif kind == kinds.DATASEC:
                        size = words[at + 2]
                    elif kind == kinds.UNKN and 0 < steps <= LONGEST:
                        align = aligns[here] & 127
                        size = sizes[here]
                    if sized and (total == 0 or size <= WORD // total):
                        sizes[type_id] = size * total
                    kind = (info >> 24) & 127
                    aligns[type_id] = 0 if kind == kinds.VAR or kind == kinds.DECL_TAG else align
            if missing:
                stack[depth] = missing
                stack[depth + 1] = 0
                depth += 2
            else:
                depth -= 2
