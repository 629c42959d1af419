"""The positions of all type ids and names in the records, as columns, and the operations of passes on them.

A *place* is the position of a word.  `ids` has the places of all type ids of a section, record by record, and `names` those of
all name offsets.  Those of record i begin at `id_starts[i]` and `name_starts[i]`, with one more entry at the end; the first name
of a record is its own.  To visit all references of a BTF, read one of these columns: no other code needs to know the form of
a record.
"""

from btfkit.hot import kinds


class Columns:
    """The columns of a section: word positions of all type ids (`ids`) and of all name offsets (`names`), and where those of
    each record begin (`id_starts`, `name_starts`)."""

    __slots__ = ("id_starts", "ids", "name_starts", "names")

    def __init__(self, words, positions, table):
        rows = len(positions) + 1
        ids, names = count(words, positions, table)
        room = zeros(2 * rows + ids + names)
        self.id_starts, self.name_starts = room[:rows], room[rows : 2 * rows]
        self.ids, self.names = room[2 * rows : 2 * rows + ids], room[2 * rows + ids :]
        fill(words, positions, table, self.ids, self.id_starts, self.names, self.name_starts)


def zeros(count):
    """`count` words of 0."""
    return memoryview(bytearray(4 * count)).cast("I")


def count(words, positions, table):
    """(number of type ids, number of names) in the records at `positions`."""
    ids = 0
    names = len(positions)
    for index in range(len(positions)):
        info = words[positions[index] + 1]
        row = ((info >> 24) & 127) << 3
        ids += table[row + kinds.THIRD_IS_TYPE]
        mask = table[row + kinds.TAIL_IDS]
        while mask:
            ids += mask & 1
            mask >>= 1
        mask = table[row + kinds.ELEM_IDS]
        while mask:
            ids += (mask & 1) * (info & 0xFFFFFF)
            mask >>= 1
        mask = table[row + kinds.ELEM_NAMES]
        while mask:
            names += (mask & 1) * (info & 0xFFFFFF)
            mask >>= 1
    return ids, names


def fill(words, positions, table, ids, id_starts, names, name_starts):
    """Fill the four columns."""
    to_id = 0
    to_name = 0
    for index in range(len(positions)):
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        id_starts[index] = to_id
        name_starts[index] = to_name
        names[to_name] = at
        to_name += 1
        if table[row + kinds.THIRD_IS_TYPE]:
            ids[to_id] = at + 2
            to_id += 1
        at += 3
        tail = table[row + kinds.TAIL]
        mask = table[row + kinds.TAIL_IDS]
        if mask:
            for slot in range(tail):
                if (mask >> slot) & 1:
                    ids[to_id] = at + slot
                    to_id += 1
        elem = table[row + kinds.ELEM]
        mask = table[row + kinds.ELEM_IDS]
        name_mask = table[row + kinds.ELEM_NAMES]
        if mask or name_mask:
            at += tail
            end = at + (info & 0xFFFFFF) * elem
            if mask == 2 and name_mask == 1:
                while at < end:
                    names[to_name] = at
                    to_name += 1
                    ids[to_id] = at + 1
                    to_id += 1
                    at += elem
            while at < end:
                for slot in range(elem):
                    if (mask >> slot) & 1:
                        ids[to_id] = at + slot
                        to_id += 1
                    elif (name_mask >> slot) & 1:
                        names[to_name] = at + slot
                        to_name += 1
                at += elem
    id_starts[len(positions)] = to_id
    name_starts[len(positions)] = to_name


def id_place(words, table, at, number):
    """The place of type id number `number` of the record at `at`, or 0 if it has fewer; for walks that visit few records."""
    info = words[at + 1]
    row = ((info >> 24) & 127) << 3
    if table[row + kinds.THIRD_IS_TYPE]:
        if number == 0:
            return at + 2
        number -= 1
    tail = table[row + kinds.TAIL]
    mask = table[row + kinds.TAIL_IDS]
    slot = 0
    while mask:
        if mask & 1:
            if number == 0:
                return at + 3 + slot
            number -= 1
        mask >>= 1
        slot += 1
    mask = table[row + kinds.ELEM_IDS]  # at most one word of an element is a type id
    if mask == 0 or number >= info & 0xFFFFFF:
        return 0
    slot = 0
    while (mask >> slot) & 1 == 0:
        slot += 1
    return at + 3 + tail + number * table[row + kinds.ELEM] + slot


def replace(words, places, low, board, high, new_high):
    """Replace the value at each of `places`: below `low` it stays, below `high` it becomes `board[value - low]`, and any other
    value keeps its distance from `high`, now counted from `new_high`."""
    for index in range(len(places)):
        value = words[places[index]]
        if value >= high:
            words[places[index]] = value - high + new_high
        elif value >= low:
            words[places[index]] = board[value - low]


def by_value(words, places, starts, sorted_places):
    """Sort `places` by the values there into `sorted_places`, those of equal values in their order: of a value v they begin at
    `starts[v]` and end at `starts[v + 1]`.  `starts`, all 0, has two words more than there are values."""
    for index in range(len(places)):
        starts[words[places[index]] + 2] += 1
    for value in range(2, len(starts)):
        starts[value] += starts[value - 1]
    for index in range(len(places)):
        value = words[places[index]] + 1
        sorted_places[starts[value]] = places[index]
        starts[value] += 1


def look_up(words, places, known, ask):
    """Replace the value at each of `places`, unless it is 0, by its entry in the dict `known`, or else by `ask(value)`."""
    for index in range(len(places)):
        value = words[places[index]]
        if value:
            new = known.get(value)
            words[places[index]] = ask(value) if new is None else new


def mark(words, places, low, high, marks):
    """Set `marks[value - low]` to 1 for the value at each of `places` that is at least `low` and below `high`."""
    for index in range(len(places)):
        value = words[places[index]]
        if low <= value < high:
            marks[value - low] = 1


def missing(words, places, high, board, found):
    """Append to the list `found` each nonzero value below `high` at `places` whose word on `board` is 0, and set that to 1."""
    for index in range(len(places)):
        value = words[places[index]]
        if value and value < high and board[value] == 0:
            board[value] = 1
            found.append(value)


def gather(words, positions, indexes, out, at):
    """Copy the records with the numbers `indexes` to `out`, starting at word `at`; returns where they end.

    A record ends where the next one begins, or at the end of the words.
    """
    last = len(positions) - 1
    for place in range(len(indexes)):
        index = indexes[place]
        end = positions[index + 1] if index < last else len(words)
        for k in range(positions[index], end):
            out[at] = words[k]
            at += 1
    return at


def extent(words, positions, indexes):
    """The number of words of the records with the numbers on the list `indexes`, up to the next record of each."""
    last = len(positions) - 1
    total = 0
    for place in range(len(indexes)):
        index = indexes[place]
        total += (positions[index + 1] if index < last else len(words)) - positions[index]
    return total


def copy(words, positions, table, indexes, chosen, out, starts):
    """Copy the records with the numbers on the list `indexes` to `out`, and write where each begins to `starts`; returns where
    they end.

    The dict `chosen` has, for the index of a record that keeps only some of its elements, the tuple of these elements.
    """
    to = 0
    for place in range(len(indexes)):
        index = indexes[place]
        at = positions[index]
        info = words[at + 1]
        row = ((info >> 24) & 127) << 3
        elem = table[row + kinds.ELEM]
        size = 3 + table[row + kinds.TAIL]
        picked = chosen.get(index) if elem else None
        if picked is None:
            size += (info & 0xFFFFFF) * elem
        starts[place] = to
        for k in range(size):
            out[to + k] = words[at + k]
        if picked is not None:
            out[to + 1] = ((info >> 24) << 24) | len(picked)
            at += size
            to += size
            size = 0
            for item in picked:
                for k in range(elem):
                    out[to] = words[at + item * elem + k]
                    to += 1
        to += size
    return to


def first_from(words, places, limit):
    """The first of `places` whose value is at least `limit`, or the number of words if there is none."""
    for index in range(len(places)):
        if words[places[index]] >= limit:
            return places[index]
    return len(words)
