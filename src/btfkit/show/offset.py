"""The offset of a member: `task_struct.thread.sp` in bytes from the start of the struct."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import demand_btf
from btfkit.btf.members import FlatMembers, flat_members
from btfkit.btf.spelling import Spelling
from btfkit.errors import AmbiguousError, NotFoundError, UnsupportedError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfkit.btf.btf import Btf


class Place:
    """The place of a member: `offset` and `size` in bytes from the start of the root (None: no size); for a bitfield, `bits`
    bits (0: not one) from bit `bit_offset` on.  Its type is `text` and `type_id`; `root_id` is the id of the root."""

    __slots__ = ("bit_offset", "bits", "path", "root_id", "size", "text", "type_id")

    def __init__(self, path: str, root_id: int, type_id: int, bit_offset: int, bits: int) -> None:
        self.path = path
        self.root_id = root_id
        self.type_id = type_id
        self.bit_offset = bit_offset
        self.bits = bits
        self.size: int | None = None
        self.text = ""

    @property
    def offset(self) -> int:
        """Bytes from the start of the root."""
        return self.bit_offset // 8

    def as_json(self) -> dict[str, str | int | None]:
        """The JSON document."""
        document: dict[str, str | int | None] = {
            "path": self.path,
            "offset": self.offset,
            "size": self.size,
            "type": self.text,
            "type_id": self.type_id,
            "root_id": self.root_id,
        }
        return document | ({"bit_offset": self.bit_offset, "bits": self.bits} if self.bits else {})

    def __repr__(self) -> str:
        return f"<{self.path} at {self.offset}>"


def offset(btf: Btf, path: str, *, type_id: int | None = None) -> Place:
    """The place of the member at `path`: "task_struct.mm", "struct sock.__sk_common.skc_family", "task_struct.comm[3]".

    Members of anonymous structs and unions are named as in C.  "task_struct" alone is the struct itself.  `type_id` selects one
    of several structs with that name.  Raises NotFoundError for a name that does not exist, UnsupportedError if the path
    continues after a pointer, AmbiguousError if structs with that name disagree.
    """
    return offsets(btf, (path,), type_id=type_id)[0]


def offsets(btf: Btf, paths: Sequence[str], *, type_id: int | None = None) -> list[Place]:
    """The places of many members, each as `offset` finds it."""
    finder = Offsets(btf)
    return [finder.find(path, type_id) for path in paths]


class Offsets:
    """The places of members of one BTF, for many questions; `suggests`: errors name close names, which takes time to find."""

    __slots__ = ("btf", "members", "names", "suggests")

    def __init__(self, btf: Btf, *, suggests: bool = True) -> None:
        demand_btf("btf", btf)
        self.btf = btf
        self.members = FlatMembers(btf)
        self.names = Spelling(btf)
        self.suggests = suggests

    def roots(self, name: str) -> list[int]:
        """The ids of the structs and unions called `name`, or if there are none of the typedefs."""
        btf = self.btf
        ids = [i for i in btf.find_ids(name) if btf.kind(i) in spec.COMPOSITES]
        return ids or list(btf.find_ids(name, spec.TYPEDEF))

    def find(self, path: str, type_id: int | None = None) -> Place:
        """The place of one member, as `offset` finds it, with its errors."""
        root, steps = parsed(path)
        btf = self.btf
        if type_id is not None:
            return _Walk(self, path, btf.existing(type_id)).done(steps)
        ids = self.roots(root)
        if not ids:
            hint = ""
            if self.suggests:
                from btfkit.btf.suggest import did_you_mean_type

                hint = did_you_mean_type(btf, root, (*spec.COMPOSITES, spec.TYPEDEF))
            raise NotFoundError(f"no struct, union or typedef called {printable(root)!r}{hint}", source=btf.source)
        places: list[Place] = []
        failure: NotFoundError | None = None
        for i in ids:
            try:
                places.append(_Walk(self, path, i).done(steps))
            except NotFoundError as error:
                failure = failure or error
        if not places:
            assert failure is not None
            raise failure
        if len({(place.bit_offset, place.bits, place.size) for place in places}) > 1:
            offsets = ", ".join(f"type {place.root_id}: {place.offset}" for place in places[:8])
            raise AmbiguousError(
                f"{len(places)} types called {printable(root)!r} disagree: choose one by its id ({offsets})",
                source=btf.source,
            )
        return places[0]


def parsed(path: str) -> tuple[str, list[str | int]]:
    """The name of the root ("struct x": x), and the names and indexes after it; raises UnsupportedError for anything else."""
    if "->" in path:
        raise UnsupportedError(f"{printable(path)!r}: '->' is not followed; a path is STRUCT.MEMBER.MEMBER[3]")
    root, *names = path.strip().split(".")
    steps: list[str | int] = []
    first = True
    for part in (root, *names):
        name, bracket, rest = part.partition("[")
        if not name and (first or not rest):
            raise UnsupportedError(f"{printable(path)!r}: missing name; a path is STRUCT.MEMBER.MEMBER[3]")
        if first:
            root, first = name, False
        elif name:
            steps.append(name)
        for index in rest.split("[") if bracket else ():
            number = index.removesuffix("]")
            if not index.endswith("]") or not number.isdecimal() or len(number) > 9:
                raise UnsupportedError(f"{printable(path)!r}: [{printable(index)} is not an index")
            steps.append(int(number))
    return root, steps


class _Walk:
    """A walk from one root."""

    def __init__(self, finder: Offsets, path: str, root_id: int) -> None:
        self.btf = btf = finder.btf
        if not 0 < root_id < len(btf):
            raise NotFoundError(f"no type {root_id}, ids are 1 to {len(btf) - 1}", source=btf.source)
        self.members = finder.members
        self.names = finder.names
        self.suggests = finder.suggests
        self.place = Place(path, root_id, root_id, 0, 0)

    def done(self, steps: list[str | int]) -> Place:
        """The place at the end of the path."""
        walked = printable(self.btf.name(self.place.root_id))
        for step in steps:
            target = self.btf.strip(self.place.type_id)
            kind = self.btf.kind(target)
            if kind == spec.PTR:
                raise self._pointer_error(walked, target, step)
            if isinstance(step, int):
                self._element(walked, target, kind, step)
                walked += f"[{step}]"
            else:
                self._member(walked, target, kind, step)
                walked += f".{printable(step)}"
        self.place.size = self.btf.sizeof(self.place.type_id)
        self.place.text = self.names[self.place.type_id]
        return self.place

    def _pointer_error(self, walked: str, type_id: int, step: str | int) -> UnsupportedError:
        target = self.btf.strip(self.btf.word(type_id, 2))
        name = self.btf.name(target)
        what = self.names[self.place.type_id]
        hint = ""
        if name and isinstance(step, str) and self.btf.kind(target) in spec.COMPOSITES:
            hint = f"; use {printable(name)}.{printable(step)} there"
        return UnsupportedError(f"{walked} is a pointer ({what}) to another object{hint}", source=self.btf.source)

    def _element(self, walked: str, type_id: int, kind: int, index: int) -> None:
        if kind != spec.ARRAY:
            raise NotFoundError(
                f"{walked} is not an array: it is {self.names[self.place.type_id]}", source=self.btf.source
            )
        length = self.btf.word(type_id, 5)
        if length and index >= length:
            raise NotFoundError(f"{walked} has {length} elements, the last is [{length - 1}]", source=self.btf.source)
        element = self.btf.word(type_id, 3)
        self.place.bit_offset += 8 * index * (self.btf.sizeof(element) or 0)
        self.place.type_id, self.place.bits = element, 0

    def _member(self, walked: str, type_id: int, kind: int, name: str) -> None:
        if kind not in spec.COMPOSITES:
            what = self.names[self.place.type_id]
            raise NotFoundError(f"{walked} has no members: it is {what}", source=self.btf.source)
        found = self.members.find(type_id, name)
        if found is None:
            hint = ""
            if self.suggests:
                from btfkit.btf.suggest import did_you_mean

                hint = did_you_mean(name, (member.path for member in flat_members(self.btf, type_id)))
            raise NotFoundError(f"{walked} has no member {printable(name)!r}{hint}", source=self.btf.source)
        self.place.type_id, self.place.bits = found.type_id, found.bits
        self.place.bit_offset += found.bit_offset
