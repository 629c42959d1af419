"""Random types with values, for tests beside peers: every kind that libbpf and bpftool show, and bytes of which many are zero."""

from __future__ import annotations

import random

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder

SIGNED, CHAR, BOOL = spec.INT_SIGNED, spec.INT_CHAR, spec.INT_BOOL


class RandomTypes:
    """A BTF in the making: `sizes` and `aligned` (alignments) of the types that members can have; `bitable` can be bit-fields.

    `floats` may be left out: bpftool shows none.
    """

    def __init__(self, seed: int, order: str = "little", *, floats: bool = True) -> None:
        self.rng = rng = random.Random(seed)
        self.b = b = Builder(order=order)
        self.sizes: dict[int, int] = {}
        self.aligned: dict[int, int] = {}
        self.bitable: list[int] = []
        for name, size, encoding in (
            ("char", 1, SIGNED),
            ("unsigned char", 1, 0),
            ("signed char", 1, SIGNED),
            ("_Bool", 1, BOOL),
            ("short", 2, SIGNED),
            ("unsigned short", 2, 0),
            ("int", 4, SIGNED),
            ("unsigned int", 4, 0),
            ("long", 8, SIGNED),
            ("unsigned long", 8, 0),
            ("__int128", 16, SIGNED),
        ):
            type_id = self.add(b.int(name, size, encoding=encoding), size)
            if size <= 8:
                self.bitable.append(type_id)
            if name == "unsigned int":
                self.key = type_id
        for name, size in (("float", 4), ("double", 8), ("long double", 16)) if floats else ():
            self.add(b.float(name, size), size)
        for number in range(4):
            signed, wide = number % 2 == 1, number > 1
            low, high = (-4, 4) if signed else (0, 6)
            names = [
                (f"E{number}_{value}".replace("-", "m"), value) for value in range(low, high) if rng.random() < 0.7
            ]
            make = b.enum64 if wide else b.enum
            size = 8 if wide else 4
            self.add(make(f"e{number}", names, signed=signed), size)
            if not wide:
                self.bitable.append(b.next_id - 1)
        self.add(b.ptr(0), 8)
        self.add(b.ptr(b.const(1)), 8)
        self.add(b.ptr(b.func_proto(7, [("", 7), ("", b.next_id - 2)])), 8)
        for _ in range(6):
            self.alias()

    def add(self, type_id: int, size: int, align: int = 0) -> int:
        self.sizes[type_id] = size
        self.aligned[type_id] = align or min(size, 8) or 1
        return type_id

    def one(self) -> int:
        return self.rng.choice(list(self.sizes))

    def alias(self) -> int:
        inner, rng = self.one(), self.rng
        make = rng.choice((lambda t: self.b.typedef(f"t{self.b.next_id}_t", t), self.b.const, self.b.volatile))
        return self.add(make(inner), self.sizes[inner], self.aligned[inner])

    def array(self) -> int:
        inner = self.one()
        length = self.rng.choice((1, 2, 2, 3, 5, 8)) if self.sizes[inner] < 64 else 1
        return self.add(self.b.array(inner, 7, length), length * self.sizes[inner], self.aligned[inner])

    def composite(self, name: str = "") -> int:
        """A struct or union; packed now and then."""
        rng, members, end, widest = self.rng, [], 0, 1
        is_union, packed = rng.random() < 0.15, rng.random() < 0.2
        for number in range(rng.randint(1, 6)):
            inner = self.one()
            if not self.sizes[inner]:
                continue
            align = 1 if packed else self.aligned[inner]
            if rng.random() < 0.25:
                inner = rng.choice(self.bitable)
                bits = 8 * self.sizes[inner]
                width = rng.randint(1, min(bits, 32))
                at = 0 if is_union else end
                if at // bits != (at + width - 1) // bits:  # as compilers do, within one unit
                    at = (at + bits - 1) // bits * bits
                members.append((f"m{number}", inner, at, width))
                end = max(end, at + width)
                widest = max(widest, 1 if packed else self.aligned[inner])
                continue
            at = 0 if is_union else (end + 8 * align - 1) // (8 * align) * 8 * align
            members.append((f"m{number}", inner, at, 0))
            end = max(end, at + 8 * self.sizes[inner])
            widest = max(widest, align)
        size = (end + 8 * widest - 1) // (8 * widest) * widest
        return self.add(self.b.struct(name, size, members, union=is_union), size, widest)

    def build(self, count: int = 12) -> tuple[Btf, list[int]]:
        """The BTF, and the ids of composites in it."""
        found = []
        for number in range(count):
            if self.rng.random() < 0.6:
                self.array()
            if self.rng.random() < 0.3:
                self.alias()
            found.append(self.composite(f"s{number}" if self.rng.random() < 0.8 else ""))
        return self.b.build(pointer_size=8), found

    def data(self, size: int) -> bytes:
        """Bytes, many of them zero, small or printable."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.1:
            return bytes(size)
        if kind < 0.3:
            return rng.randbytes(size)
        choices = (0, 0, 0, 1, 2, 65, 98, 34, 92, 255, 200, 10)
        return bytes(rng.choice(choices) for _ in range(size))
