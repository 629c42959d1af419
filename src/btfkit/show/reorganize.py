"""Smaller orders of the members of structs: the smallest that is found, or the one that pahole's steps lead to.

What a picture shows stays: alignment that an attribute requested, a flexible array at the end, and markers without a size before
the member that follows them.  A bitfield does not cross a storage unit of its type, as on Linux (System V).
Packed structs, and those whose members are not where these rules put them, stay as they are.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.show.layout import Layouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfkit.hot.measures import Field
    from btfkit.show.layout import Layout

MAX_STEPS = 20_000  # of the search for a smaller order
MAX_SEARCHED = 200  # blocks that are searched; more are sorted
MAX_MOVES = 1_000
MAX_MOVED = 1_000  # blocks among which pahole's steps are followed; of more, the order is sorted only
LARGEST_OFFSET = 1 << 24  # bits, in a struct with bitfields


class Block:
    """Members that stay together: one, with the markers before it.  `size` is in bytes, or with `unit` (bytes) in bits."""

    __slots__ = ("alignment", "fields", "size", "unit")

    def __init__(self, fields: list[Field], size: int, alignment: int, unit: int) -> None:
        self.fields = fields
        self.size = size
        self.alignment = alignment
        self.unit = unit

    @property
    def name(self) -> str:
        """The name of the member."""
        return self.fields[-1].name

    def place(self, bit: int) -> tuple[int, int]:
        """Where it begins if `bit` is free, and where it ends, in bits."""
        if not self.unit:
            start = -(-bit // (8 * self.alignment)) * 8 * self.alignment
            return start, start + 8 * self.size
        if len(self.fields) > 1:  # markers begin at a byte
            bit = -(-bit // 8) * 8
        unit = 8 * self.unit
        if bit // unit != (bit + self.size - 1) // unit:
            bit = -(-bit // unit) * unit
        return bit, bit + self.size


class Order:
    """An order of the blocks of a struct, and what comes of it: `starts` in bits, and the `size` in bytes."""

    __slots__ = ("blocks", "size", "starts")

    def __init__(self, blocks: Sequence[Block], alignment: int) -> None:
        self.blocks = list(blocks)
        self.starts: list[int] = []
        end = 0
        for block in self.blocks:
            start, end = block.place(end)
            self.starts.append(start)
        self.size = -(-end // (8 * alignment)) * alignment

    def holes(self) -> list[int]:
        """The bytes that are unused after each block."""
        ends = [start + (block.size if block.unit else 8 * block.size) for start, block in self._pairs()]
        following = [*self.starts[1:], 8 * self.size]
        return [(after - end) // 8 for end, after in zip(ends, following, strict=True)]

    def _pairs(self) -> Iterable[tuple[int, Block]]:
        return zip(self.starts, self.blocks, strict=True)


class Reorganized:
    """What was found for a struct: its layout `before` and `after`, and the moves of pahole's steps, in words.

    `is_smallest`: no order of the members is smaller.  If nothing is saved, `after` is `before`.
    """

    __slots__ = ("after", "before", "is_smallest", "moves", "pictures")

    def __init__(self, before: Layout) -> None:
        self.before = before
        self.after = before
        self.is_smallest = False
        self.moves: list[str] = []
        self.pictures: list[Layout] = []  # after each move

    @property
    def saved(self) -> int:
        """Bytes."""
        return self.before.size - self.after.size

    @property
    def saved_cachelines(self) -> int:
        """Cache lines."""
        return self.before.cachelines - self.after.cachelines

    def comment(self) -> str:
        """What follows the picture, as pahole writes it: "   /* saved 8 bytes and 1 cacheline! */", or "" if nothing is saved."""
        if not self.saved:
            return ""
        lines = f" and {_counted(self.saved_cachelines, 'cacheline')}" if self.saved_cachelines else ""
        return f"   /* saved {_counted(self.saved, 'byte')}{lines}! */"

    def as_json(self) -> dict[str, object]:
        """The JSON document: sizes in bytes, and the members in the new order."""
        return {
            "id": self.before.type_id,
            "name": self.before.name,
            "size": self.before.size,
            "new_size": self.after.size,
            "saved": self.saved,
            "saved_cachelines": self.saved_cachelines,
            "smallest": self.is_smallest,
            "members": [field.name for field in self.after.members],
            "moves": self.moves,
        }


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def reorganized(layouts: Layouts, type_ids: Iterable[int], *, steps: bool = False) -> tuple[Layouts, list[Reorganized]]:
    """Find a smaller order for each struct; unions stay as they are.

    The layouts that come of it are those of a BTF split on that of `layouts`, which is returned first.  With `steps`, members are
    moved as pahole 1.32 does (class__reorganize), one by one into holes, as long as an order does not recur; otherwise, the
    result is the smallest order that is found, with as few moves as these steps make if they find it too.
    """
    builder = Builder(layouts.btf)
    results: list[tuple[Reorganized, int, list[int]]] = []
    for type_id in type_ids:
        found = Reorganized(layouts[type_id])
        after, pictures = 0, []
        planned = _plan(layouts, found.before)
        if planned is not None:
            blocks, alignment = planned
            first = Order(blocks, alignment)
            best, trail = _steps(first, alignment)
            if not steps:
                best, found.is_smallest = _smallest(first, best, alignment)
            else:
                found.moves = [words for words, _ in trail]
                pictures = [_add(builder, found.before, order) for _, order in trail]
            if best.size < found.before.size:
                after = _add(builder, found.before, best)
        results.append((found, after, pictures))
    new = Layouts(builder.build(), layouts.cacheline)
    for found, after, pictures in results:
        if after:
            found.after = new[after]
        found.pictures = [new[picture] for picture in pictures]
    return new, [found for found, _, _ in results]


# ---- what may move -------------------------------------------------------------------------------------------------------


def _plan(layouts: Layouts, found: Layout) -> tuple[list[Block], int] | None:
    """The blocks of a struct, and its alignment; None: it stays as it is."""
    if found.is_union or found.packed or len(found.members) < 2:
        return None
    if any(field.bits and field.bit_offset + field.bits >= LARGEST_OFFSET for field in found.members):
        return None
    blocks: list[Block] = []
    waiting: list[Field] = []
    alignment = max(found.natural_alignment, found.alignment)
    for field in found.members:
        waiting.append(field)
        if not field.size and field is not found.members[-1]:
            continue
        if field.bits:
            blocks.append(Block(waiting, field.bits, 1, field.size))
        else:
            own = max(_alignment(layouts, one) for one in waiting)
            blocks.append(Block(waiting, field.size, own, 0))
            alignment = max(alignment, own)
        waiting = []
    while found.size % alignment:
        alignment //= 2
    order = Order(blocks, alignment)
    places = [block.fields[-1].bit_offset for block in blocks]
    return (blocks, alignment) if order.starts == places and order.size == found.size else None


def _alignment(layouts: Layouts, field: Field) -> int:
    """The alignment of a member that is not a bitfield: what its type and its attribute demand, as far as its place agrees."""
    _, target, kind, _, natural = layouts.facts(field.type_id)
    for _ in range(spec.MAX_CHAIN):
        if kind != spec.ARRAY:
            break
        _, target, kind, _, _ = layouts.facts(layouts.btf.word(target, 3))
    found = max(natural, field.alignment)
    if kind in spec.COMPOSITES:
        inner = layouts[target]
        found = max(1 if inner.packed else natural, inner.alignment, field.alignment)
    while field.offset % found:
        found //= 2
    return found


def _add(builder: Builder, found: Layout, order: Order) -> int:
    """Add the struct in another order; returns its id.  Names are those of the base, so that they need not be looked up."""
    layer, at = found.btf.locate(found.type_id)
    names = dict(zip(map(id, found.members), layer.words[at + 3 :: 3], strict=False))
    flag = any(field.bits for field in found.members)
    words: list[int] = []
    for start, block in zip(order.starts, order.blocks, strict=True):
        for field in block.fields:
            where = start | field.bits << 24 if field.bits else start // 8 * 8
            words += (names[id(field)], field.type_id, where)
    return builder.record(spec.STRUCT, found.name, order.size, words, vlen=len(found.members), flag=flag)


# ---- pahole's steps ------------------------------------------------------------------------------------------------------


def _steps(order: Order, alignment: int) -> tuple[Order, list[tuple[str, Order]]]:
    """The smallest order on the way of pahole's steps, and each step: its words and the order after it."""
    fixed = order.blocks[-1:] if _stays_last(order.blocks[-1]) else []
    best, trail = order, []
    seen = {tuple(map(id, order.blocks))}
    for _ in range(MAX_MOVES if len(order.blocks) <= MAX_MOVED else 0):
        move = _next_move(order, len(order.blocks) - len(fixed))
        if move is None:
            break
        source, target = move
        blocks = list(order.blocks)
        block = blocks.pop(source)
        blocks.insert(target + 1, block)
        words = (
            f"Moving '{block.name}' from after '{order.blocks[source - 1].name}' to after '{order.blocks[target].name}'"
        )
        order = Order(blocks, alignment)
        key = tuple(map(id, order.blocks))
        if key in seen:
            break
        seen.add(key)
        trail.append((words, order))
        if order.size < best.size:
            best = order
    return best, trail


def _next_move(order: Order, count: int) -> tuple[int, int] | None:
    """The block that pahole would move next, and the one after which it would be put."""
    holes, blocks = order.holes(), order.blocks
    sizes = [-(-block.size // 8) if block.unit else block.size for block in blocks]

    def fits(number: int, hole: int) -> bool:
        return not blocks[number].unit and 0 < sizes[number] <= hole

    last = len(blocks) - 1
    for at in range(last):
        if holes[at]:
            for number in range(at + 1, min(count, last)):
                if holes[number] and fits(number, holes[at]):
                    if number > at + 1:
                        return number, at
                    break
            if holes[last] and count > last > at + 1 and fits(last, holes[at]):
                return last, at
    for at in range(last):
        if holes[at]:
            for number in range(count - 1, at + 1, -1):
                if fits(number, holes[at]):
                    return number, at
    return None


def _stays_last(block: Block) -> bool:
    return block.size == 0


# ---- the smallest order --------------------------------------------------------------------------------------------------


def _smallest(first: Order, best: Order, alignment: int) -> tuple[Order, bool]:
    """The smallest order that is found, and whether none is smaller; of equal ones, the earlier argument."""
    fixed = first.blocks[-1:] if _stays_last(first.blocks[-1]) else []
    free = first.blocks[: len(first.blocks) - len(fixed)]
    bits = sum(block.size if block.unit else 8 * block.size for block in free)
    least = -(-bits // (8 * alignment)) * alignment
    if first.size == best.size:
        best = first
    for blocks in _sorted(free):
        if best.size <= least:
            break
        order = Order([*blocks, *fixed], alignment)
        if order.size < best.size:
            best = order
    if best.size <= least:
        return best, True
    if len(free) > MAX_SEARCHED:
        return best, False
    search = _Search(free, fixed, alignment, best)
    search.run()
    return search.best, search.left > 0


def _sorted(blocks: list[Block]) -> Iterable[list[Block]]:
    """Orders by alignment, the largest first, with the bitfields at each place among them."""
    plain = sorted((block for block in blocks if not block.unit), key=lambda block: -block.alignment)
    fields = sorted((block for block in blocks if block.unit), key=lambda block: (-block.unit, -block.size))
    edges = [
        at for at in range(len(plain), 0, -1) if at == len(plain) or plain[at - 1].alignment != plain[at].alignment
    ]
    for at in (*edges, 0):
        yield plain[:at] + fields + plain[at:]
    yield list(reversed(fields)) + list(reversed(plain))


class _Search:
    """A search through all orders of blocks of different shapes, for a size below that of `best`; `left` steps remain."""

    def __init__(self, free: list[Block], fixed: list[Block], alignment: int, best: Order) -> None:
        self.fixed = fixed
        self.alignment = alignment
        self.best = best
        self.left = MAX_STEPS
        self.shapes: dict[tuple[int, int, int, int], list[Block]] = {}
        for block in free:
            shape = (block.unit, block.size, block.alignment, len(block.fields) if block.unit else 1)
            self.shapes.setdefault(shape, []).append(block)
        self.bits = sum(block.size if block.unit else 8 * block.size for block in free)

    def run(self) -> None:
        """Look at orders until all were seen, or the steps are used up."""
        self._from(0, self.bits, [])

    def _from(self, end: int, rest: int, order: list[Block]) -> None:
        self.left -= 1
        unit = 8 * self.alignment
        if self.left <= 0 or -(-(end + rest) // unit) * self.alignment >= self.best.size:
            return
        if not rest:
            found = Order([*order, *self.fixed], self.alignment)
            if found.size < self.best.size:
                self.best = found
            return
        choices = []
        for shape, blocks in self.shapes.items():
            if blocks:
                start, after = blocks[0].place(end)
                choices.append((start - end, -shape[2], shape, after))
        for _, _, shape, after in sorted(choices):
            blocks = self.shapes[shape]
            block = blocks.pop(0)
            bits = block.size if block.unit else 8 * block.size
            self._from(after, rest - bits, [*order, block])
            blocks.insert(0, block)
