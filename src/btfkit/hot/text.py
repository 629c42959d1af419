"""Records as text: a `printf` over the words of a record, with formats given by the caller.

A format is literal bytes with directives: a `%`, a letter and a digit N, the position of a word in the record or, when an
element is printed, in the element (0 if the letter needs none).  A NUL ends it.

    %uN  the word, unsigned                              %nN  the name at that offset, "(anon)" for 0
    %dN  the word, signed                                %i0  the type's id
    %sN  the word, signed if kind_flag is set            %v0  vlen
    %qN  two words, low half first, as 64 bits, likewise  %f0  kind_flag
    %hN  bits 24-27 of the word                          %oN  bits 16-23                    %bN  bits 0-7
    %mN  the bit offset of a member: all of the word, or its low 24 bits if kind_flag is set
    %zN  the size of a bitfield: bits 24-31 if kind_flag is set; nothing if it is 0
    %wN  1 if %zN would print something, else 0
    %tN  the type with that id: the third format of its kind, or its text in `below` if it lies in the base
    %e0  the number of the element, from 0                %xN  as %sN but, if kind_flag is not set, sign-extended to 64 bits
                                                              and printed unsigned, as bpftool does in JSON

`{a|b|c}` after a directive prints a text for its number: `a` for 0, `b` for 1, the last for anything larger.
"""

ROOM = 96  # bytes: more than one number or one text of a choice needs

# The meaning of a byte of `odd`: 0 to print that byte of the strings, or one of the following.  Its first byte is for bytes at
# the start of a name that continue a character, because the name begins within it.
HEX = 1  # \xNN
JSON_CONTROL = 2  # \u00NN
JSON_HEX = 3  # a backslash that is literal in JSON, and xNN: for bytes that are not UTF-8
JSON_CHARACTER = 4  # the character that begins here as \uNNNN, with surrogates if it needs two
SKIPPED = 5  # part of the preceding character
# or any larger value: a backslash and that character.
ABOVE_32 = 0xFFFFFFFF << 32  # named, because literals of that size are Python objects in compiled code
HIGH_SURROGATE, LOW_SURROGATE = 0xD800, 0xDC00


def records(words, positions, table, first, unit, stop, first_id, formats, columns, strings, odd, below, out):
    """Write the text of records `first` to `stop` (indexes into `positions`) into `out`, in whole units.

    A unit is the head of a record (0) or one of its elements (from 1); `unit` is the one to continue with in record
    `first`.  Every record ends with a newline.  `columns` holds three offsets into `formats` for each of 128 kinds: the
    head, one element, and the type as %t prints it.  `strings` are those of the whole chain; if `odd` is not empty, it
    has a byte for each of theirs (HEX and the following constants; 0 to print it unchanged).  `below` maps ids under
    `first_id`, the id of record 0, to their text.

    Returns (record, unit) to continue with, the bytes written, and the id that is missing in `below` or -1.  If the record is not
    `stop` and no id is missing, `out` was full; if nothing was written then, it is too small for that unit.
    """
    limit = len(out) - ROOM
    escaped = len(odd) > 0
    at = 0
    for index in range(first, stop):
        record = positions[index]
        info = words[record + 1]
        kind = (info >> 24) & 127
        flag = info >> 31
        vlen = info & 0xFFFFFF
        elem = table[8 * kind + 1]
        element = columns[4 * kind + 1]
        units = 2 + vlen if elem and formats[element] else 2
        elements = record + 3 + table[8 * kind]
        while unit < units:
            start = at
            if unit == 0:
                here = record
                f = columns[4 * kind]
            elif unit == units - 1:
                here = record
                f = columns[4 * kind + 3]
            else:
                here = elements + (unit - 1) * elem
                f = element
            outer = here
            back = 0
            while True:
                if at > limit:
                    return index, unit, start, -1
                letter = formats[f]
                f += 1
                if letter == 0:
                    if back == 0:
                        break
                    f = back
                    here = outer
                    back = 0
                    continue
                if letter != 37:  # %
                    out[at] = letter
                    at += 1
                    continue
                letter = formats[f]
                word = words[here + formats[f + 1] - 48]
                f += 2
                negative = 0
                value = word
                if letter == 110:  # n
                    if word == 0:
                        for c in b"(anon)":
                            out[at] = c
                            at += 1
                        continue
                    offset = word
                    c = strings[offset]
                    within = escaped and c & 192 == 128
                    while c:
                        if at > limit:
                            return index, unit, start, -1
                        how = odd[offset] if escaped else 0
                        if within:
                            within = c & 192 == 128
                            if within:
                                how = odd[0]
                        if how == 0:
                            out[at] = c
                            at += 1
                        elif how == SKIPPED:
                            pass
                        elif how > SKIPPED:
                            out[at] = 92
                            out[at + 1] = how
                            at += 2
                        elif how == JSON_CHARACTER:
                            code = c & (31 if c < 224 else 15 if c < 240 else 7)
                            following = offset + 1
                            while strings[following] & 192 == 128 and odd[following] == SKIPPED:
                                code = code << 6 | strings[following] & 63
                                following += 1
                            pair = code > 0xFFFF
                            code -= 0x10000 if pair else 0
                            while True:
                                half = code
                                if pair:
                                    half = HIGH_SURROGATE | code >> 10
                                out[at] = 92
                                out[at + 1] = 117
                                for shift in range(4):
                                    digit = (half >> (12 - 4 * shift)) & 15
                                    out[at + 2 + shift] = digit + (48 if digit < 10 else 87)
                                at += 6
                                if not pair:
                                    break
                                pair = False
                                code = LOW_SURROGATE | code & 1023
                        else:
                            out[at] = 92
                            at += 1
                            if how == JSON_HEX:
                                out[at] = 92
                                at += 1
                            elif how == JSON_CONTROL:
                                out[at] = 117
                                out[at + 1] = 48
                                out[at + 2] = 48
                                at += 3
                            if how != JSON_CONTROL:
                                out[at] = 120
                                at += 1
                            out[at] = (c >> 4) + (48 if c < 160 else 87)
                            out[at + 1] = (c & 15) + (48 if c & 15 < 10 else 87)
                            at += 2
                        offset += 1
                        c = strings[offset]
                    continue
                if letter == 116:  # t
                    if word < first_id:
                        label = below.get(word)
                        if label is None:
                            return index, unit, start, word
                        if len(label) > limit - at:
                            return index, unit, start, -1
                        for c in label:
                            out[at] = c
                            at += 1
                    else:
                        back = f
                        here = positions[word - first_id]
                        f = columns[4 * ((words[here + 1] >> 24) & 127) + 2]
                    continue
                if letter == 109:  # m
                    if flag:
                        value = word & 0xFFFFFF
                elif letter == 122:  # z
                    value = (word >> 24) if flag else 0
                    if value == 0:
                        continue
                elif letter == 119:  # w
                    value = 1 if flag and word >> 24 else 0
                elif letter == 105:  # i
                    value = first_id + index
                elif letter == 118:  # v
                    value = vlen
                elif letter == 101:  # e
                    value = unit - 1 if unit else 0
                elif letter == 102:  # f
                    value = flag
                elif letter == 104:  # h
                    value = (word >> 24) & 15
                elif letter == 111:  # o
                    value = (word >> 16) & 255
                elif letter == 98:  # b
                    value = word & 255
                elif letter == 120 and word >> 31 and not flag:  # x
                    value += ABOVE_32
                elif letter == 100 or (flag and (letter == 115 or letter == 120)):  # d, s, x
                    if word >> 31:
                        negative = 1
                        value = 0x100000000 - value
                elif letter == 113:  # q
                    high = words[here + formats[f - 1] - 47]
                    if high >> 31 and flag:
                        negative = 1
                        high = 0xFFFFFFFF - high
                        value = 0x100000000 - value
                    value += high << 32
                if formats[f] == 123:  # {
                    f += 1
                    choice = f
                    while value and formats[f] != 125:
                        if formats[f] == 124:
                            value -= 1
                            choice = f + 1
                        f += 1
                    f = choice
                    while formats[f] != 124 and formats[f] != 125:
                        out[at] = formats[f]
                        at += 1
                        f += 1
                    while formats[f] != 125:
                        f += 1
                    f += 1
                    continue
                if negative:
                    out[at] = 45
                    at += 1
                at += 1
                rest = value
                while rest > 9:
                    rest //= 10
                    at += 1
                end = at
                while value > 9:
                    end -= 1
                    rest = value // 10
                    out[end] = 48 + value - 10 * rest
                    value = rest
                out[end - 1] = 48 + value
            unit += 1
        unit = 0
    return stop, 0, at, -1
