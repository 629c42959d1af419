# cython: initializedcheck=False
"""From interned records to the words of a BTF: which records depend on ambiguous names, final ids, sizes, functions'
parameters.

A token is the number of a record, or SYMBOL | the number of a symbol (`interning`).
"""

from btfkit.hot import codes, kinds

SYMBOL = 0x80000000
PLACE = 0x3FFFFFFF
NONE = 0xFFFFFFFF
WORD = 0xFFFFFFFF
CHAIN = 64

# Of a type: STRUCT behind const and typedef only.
IS_STRUCT = 1
# Of a candidate.
OPTIMIZED = 1
UNEXPECTED = 2
REORDERED = 4
CHANGED = 8
PARTIAL = 16


def index_users(records, record_at, count, starts, users):
    """Who refers to a token: `users[starts[t]]` to `users[starts[t + 1] - 1]` are the records, ascending, with repetitions, that
    refer to t, which is the number of a record, or `count` more than that of a symbol.

    `starts` has two words more than there are tokens (with 0), all 0 at the start; `users` has room for each reference.
    """
    for step in range(2):
        for record in range(1, count + 1):
            at = record_at[record]
            number = 0
            while True:
                place = reference_at(records, at, number)
                if place == 0:
                    break
                number += 1
                token = records[place]
                target = count + (token & PLACE) if token & SYMBOL else token
                if step == 0:
                    starts[target + 2] += 1
                else:
                    users[starts[target + 1]] = record
                    starts[target + 1] += 1
        if step == 0:
            for target in range(1, len(starts)):
                starts[target] += starts[target - 1]


def index_records(occurrences, end, starts, places):
    """Where a record occurs: `places[starts[r]]` to `places[starts[r + 1] - 1]` are the indexes of r in `occurrences`, ascending.

    `starts` has two words more than there are records (with 0), all 0 at the start.
    """
    for at in range(end):
        starts[occurrences[at] + 2] += 1
    for record in range(1, len(starts)):
        starts[record] += starts[record - 1]
    for at in range(end):
        record = occurrences[at]
        places[starts[record + 1]] = at
        starts[record + 1] += 1


def reference_at(words, at, step):
    """The position of reference number `step` of the record at `at`, 0 if it has fewer; the index type of an array is none."""
    info = words[at + 1]
    kind = (info >> 24) & 127
    count = info & 0xFFFFFF
    if kind == kinds.STRUCT or kind == kinds.UNION:
        return at + 4 + 3 * step if step < count else 0
    if kind == kinds.FUNC_PROTO:
        return at + 2 + 2 * step if step <= count else 0
    if kind == kinds.ARRAY:
        return at + 3 if step == 0 else 0
    if step == 0 and (kind == kinds.PTR or kinds.TYPEDEF <= kind <= kinds.RESTRICT or kind == kinds.TYPE_TAG):
        return at + 2
    return 0


def references(words, at, found):
    """Append the positions of all references of the record at `at` to the list `found`."""
    step = 0
    while True:
        place = reference_at(words, at, step)
        if place == 0:
            return 0
        found.append(place)
        step += 1


def used(records, record_at, order, marks):
    """Set `marks` of each record that another one refers to by its number."""
    for index in range(len(order)):
        at = record_at[order[index]]
        step = 0
        while True:
            place = reference_at(records, at, step)
            if place == 0:
                break
            if records[place] & SYMBOL == 0:
                marks[records[place]] = 1
            step += 1


def translate(records, record_at, order, ids, symbol_ids, index_type, out, positions):
    """Copy the records of `order` to `out`, with `ids[record]` and `symbol_ids[symbol]` for their references; `positions`
    gets where each begins.  Returns the number of words."""
    end = 0
    for index in range(len(order)):
        at = record_at[order[index]]
        size = record_at[order[index] + 1] - at
        positions[index] = end
        for k in range(size):
            out[end + k] = records[at + k]
        step = 0
        while True:
            place = reference_at(out, end, step)
            if place == 0:
                break
            token = out[place]
            out[place] = symbol_ids[token & PLACE] if token & SYMBOL else ids[token]
            step += 1
        if (out[end + 1] >> 24) & 127 == kinds.ARRAY:
            out[end + 4] = index_type
        end += size
    return end


def void_types(words, positions, longest, empty):
    """Set `empty[id]` of void, and of each modifier and typedef that leads to it in at most `longest` steps."""
    empty[0] = 1
    for index in range(len(positions)):
        for marking in range(2):  # once to see whether it leads to void
            number = index + 1
            steps = 0
            while empty[number] == 0 and steps < longest:
                at = positions[number - 1]
                if not kinds.is_alias((words[at + 1] >> 24) & 127):
                    break
                if marking:
                    empty[number] = 1
                number = words[at + 2]
                steps += 1
            if empty[number] == 0 or number == index + 1:
                break


def void_places(words, positions, empty, found):
    """Append the positions of all members, elements and parameters of a type in `empty` to the list `found`; that of a variadic
    function has no type."""
    for index in range(len(positions)):
        at = positions[index]
        kind = (words[at + 1] >> 24) & 127
        place = 0
        step = 1
        count = words[at + 1] & 0xFFFFFF
        if kind == kinds.STRUCT or kind == kinds.UNION:
            place = at + 4
            step = 3
        elif kind == kinds.FUNC_PROTO:
            place = at + 4
            step = 2
            if count and words[at + 1 + 2 * count] == 0:
                count -= 1
        elif kind == kinds.ARRAY:
            place = at + 3
            count = 1
        if place:
            for k in range(count):
                if empty[words[place + step * k]]:
                    found.append(place + step * k)


def renumber(words, id_places, ids, name_places, shift):
    """Replace the type ids at `id_places` by those in `ids`, and add `shift` to the name offsets at `name_places` that are
    not 0."""
    for index in range(len(id_places)):
        place = id_places[index]
        words[place] = ids[words[place]]
    for index in range(len(name_places)):
        place = name_places[index]
        if words[place]:
            words[place] += shift


def measure(words, positions, pointer, sizes, flags):
    """The size in bytes of each type (`sizes[id]`, 0 if it has none), and whether it is a struct (`flags[id]`).

    The size is that of the first type that has one, along modifiers, typedefs and elements of arrays.
    """
    for index in range(len(positions)):
        at = positions[index]
        direct = True
        size = 0
        for _ in range(CHAIN):
            kind = (words[at + 1] >> 24) & 127
            if kind == kinds.STRUCT and direct:
                flags[index + 1] = IS_STRUCT
            if kind == kinds.PTR:
                size = pointer
                break
            if (
                kind == kinds.INT
                or kind == kinds.STRUCT
                or kind == kinds.UNION
                or kind == kinds.ENUM
                or kind == kinds.ENUM64
                or kind == kinds.FLOAT
            ):
                size = words[at + 2]
                break
            following = 0
            if kinds.is_alias(kind):
                following = words[at + 2]
                if kind != kinds.CONST and kind != kinds.TYPEDEF:
                    direct = False
            elif kind == kinds.ARRAY:
                following = words[at + 3]
                direct = False
            if following == 0 or following > len(positions):
                break
            at = positions[following - 1]
        sizes[index + 1] = size


def merge_instances(functions, end):
    """Number the parameters, and give what an out-of-line instance says of them to those of the function that it comes from.

    The DIE of a parameter is replaced by its number.  A function whose parameters have another order than those gets the flag
    `REORDERED` in its specification's place, which is 0 otherwise.
    """
    at = 0
    while at < end:
        count = functions[at + 5]
        functions[at + 9] = 0
        at += codes.FUNCTION_WORDS
        for number in range(count):
            functions[at + 4] = number
            at += codes.PARAMETER_WORDS
    at = 0
    while at < end:
        function = at
        count = functions[at + 5]
        at += codes.FUNCTION_WORDS
        for number in range(count):
            origin = functions[at + 2]
            if origin != NONE:
                if functions[origin + 4] != number:
                    functions[function + 9] |= REORDERED
                functions[origin + 3] |= functions[at + 3]
                registers = functions[at + 5]
                kept = functions[origin + 5]
                if registers & 0xFF:
                    kept = (kept & ~0xFF & WORD) | (registers & 0xFF)
                if registers & 0xFF00:
                    kept = (kept & ~0xFF00 & WORD) | (registers & 0xFF00)
                if functions[at + 3] & codes.LOCATED:
                    kept = (kept & 0xFFFF) | (registers & ~0xFFFF & WORD)
                functions[origin + 5] = kept
            at += codes.PARAMETER_WORDS


def resolve_types(functions, end, ids, symbol_ids, special, tainted, tainted_symbols):
    """Replace the tokens of all functions and parameters by ids; those that depend on the group are listed in `special` as
    (position, group)."""
    at = 0
    while at < end:
        group = functions[at + 8]
        count = functions[at + 5]
        for number in range(count + 1):
            place = at + 2 if number == 0 else at + codes.FUNCTION_WORDS + (number - 1) * codes.PARAMETER_WORDS + 1
            token = functions[place]
            if token & SYMBOL:
                if tainted_symbols[token & PLACE]:
                    special.append((place, group))
                else:
                    functions[place] = symbol_ids[token & PLACE]
            elif tainted[token]:
                special.append((place, group))
            else:
                functions[place] = ids[token]
        at += codes.FUNCTION_WORDS + count * codes.PARAMETER_WORDS


def judge(functions, positions, sizes, flags, registers, address, single):
    """What is to be said of each candidate, by where its parameters are: it takes the place of the specification.

    `registers` are the DWARF numbers that parameters are passed in, 255 for unknown ones; `address` is the size of an
    address, `single` whether a larger parameter takes one register all the same (s390x).  Rules: dwarves 1.32,
    `ftype__recode_dwarf_types` and `parameter__new`; where they err, docs/differences.md.
    """
    limit = len(registers)
    for index in range(len(positions)):
        at = positions[index]
        head = functions[at + 4]
        result = functions[at + 9]
        origin = functions[at + 3]
        marks = functions[origin + 4] if origin != NONE else head
        changed = (head & codes.CLANG) != 0 and (marks & codes.NOCALL) != 0 and head & codes.INLINE_FUNCTION == 0
        plain = (head & codes.CLANG) != 0 and not changed
        count = functions[at + 5]
        place = at + codes.FUNCTION_WORDS
        slot = 0
        has_struct = False
        unexpected = False
        optimized = False
        stopped = False
        for _ in range(count):
            flag = functions[place + 3]
            size = sizes[functions[place + 1]]
            if flags[functions[place + 1]]:
                has_struct = True
            located = flag & codes.LOCATED
            slots = 1
            if size > address and not single:
                slots = (size + address - 1) // address
            memory = size > 2 * address or (single and size > address)
            register = (functions[place + 5] & 255) if size <= address or single else (functions[place + 5] >> 8) & 255
            if plain:
                if not memory and not stopped:
                    if slot >= limit:
                        stopped = True
                    else:
                        if register:
                            known = False
                            for k in range(slots):
                                if slot + k < limit and (
                                    registers[slot + k] == register - 1 or registers[slot + k] == 255
                                ):
                                    known = True
                            if not known:
                                unexpected = True
                        slot += slots
            else:
                counts = True
                if located:
                    if slot >= limit:
                        counts = False
                    elif register == 0:
                        optimized = True
                    elif registers[slot] != 255 and registers[slot] != register - 1:
                        unexpected = True
                elif flag & codes.CONSTANT and not changed:
                    optimized = True
                if not located:
                    optimized = True
                covered = functions[place + 5] >> 16 & 255
                if changed and located and address < size and covered < size and covered < 255:
                    result |= PARTIAL
                if counts:
                    slot += 1 if memory else slots
            place += codes.PARAMETER_WORDS
        if optimized and not plain:
            result |= OPTIMIZED
        if unexpected and not has_struct:
            result |= UNEXPECTED
        if changed:
            result |= CHANGED
        functions[at + 9] = result
