"""The history of a member, a type or a function: what each kernel has under that name, folded into ranges.

    for line in history("task_struct.__state", ["btfhub-archive/"]).lines:
        for span in line.spans:
            print(span.series.name, span.columns, span.state, span.changes)

Each kernel is a job of its own, whose result is plain values (`State`): what the kernel has, and the members of the struct around
it.  All that follows (ranges, changes, guesses about renamed members) is computed from these (`history_values`).  A second round
compares the kernels on both sides of the appearance of a type or function.
"""

from __future__ import annotations

import os

from btfkit.btf import spec
from btfkit.btf.members import flat_members
from btfkit.btf.spelling import Spelling, spelled
from btfkit.errors import AmbiguousError, BtfError, NotFoundError, UnsupportedError, error_text, refuse_text
from btfkit.fleet.history_values import KINDS, MEMBER, History, Part, State, first_state, is_member, without_place
from btfkit.fleet.matrix import columns_of
from btfkit.fleet.owners import bare_name, modules_naming
from btfkit.show.find import Found
from btfkit.show.find import users as users_of
from btfkit.show.identity import CLASSES, FUNC, TYPEDEF, VAR
from btfkit.show.offset import Offsets, parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.fleet.tree import Kernel, Tree

    Observe = Callable[[int, int], None]

_TYPES = tuple(kind for kind, name in CLASSES.items() if name in KINDS)
_KFUNC = "bpf_kfunc"


def history(
    name: str,
    kernels: Iterable[str | os.PathLike[str]] | Tree,
    *,
    guesses: bool = True,
    executor: Executor | None = None,
    workers: int | None = None,
    observe: Observe | None = None,
) -> History:
    """The history of `name` on each of `kernels`.

    `name` is a member ("task_struct.__state", by the rules of `offset`), a type ("sk_buff", "struct sk_buff") or a function;
    `kernels` are as in `kernel_offsets`.  With `guesses`, kernels on both sides of a change are compared for what a type or
    function was called before.  A kernel that cannot be read is a column with an error.  Raises UnsupportedError for a malformed
    path, NotFoundError if there are no kernels.
    """
    from btfkit.fleet.tree import Tree, find_kernels
    from btfkit.work import jobs

    refuse_text(kernels=kernels)
    if is_member(name):
        parsed(name)
    tree = kernels if isinstance(kernels, Tree) else find_kernels(os.fspath(path) for path in kernels)
    tree.demand_kernels()
    columns = columns_of(tree.kernels)
    states: list[dict[str, State] | None] = [None] * len(columns)
    for ended in jobs.run(HistoryWork(name), tree.kernels, executor=executor, workers=workers, observe=observe):
        column = columns[ended.number]
        if ended.error is not None:
            column.error = error_text(ended.error, column.source)
        else:
            states[ended.number], column.skipped = ended.value
    found = History(name, columns, states)
    if guesses:
        from btfkit.fleet.history_guesses import add_guesses

        add_guesses(found, tree.kernels, executor=executor, workers=workers)
    return found


class HistoryWork:
    """The work on a kernel (`work.job.Work`): what it has under a name, by kind."""

    def __init__(self, name: str) -> None:
        self.name = name

    def prepare(self) -> None:
        """Nothing is shared."""

    def run(self, state: None, job: Kernel) -> tuple[dict[str, State], list[str]]:
        """The states by kind, and an error for each module that was skipped."""
        skipped: list[str] = []
        vmlinux = job.load_vmlinux()
        found = states_of(vmlinux, self.name)
        if not any(found.values()) and job.has_modules:
            root = parsed(self.name)[0] if is_member(self.name) else self.name
            modules = modules_naming(
                job, vmlinux, [bare_name(root)], lambda error: skipped.append(error_text(error)), _TYPES
            )
            for name, module in modules:
                for kind, one in states_of(module, self.name, own=True).items():
                    known = found.get(kind)
                    if one and not known:
                        found[kind] = one._replace(module=name)
                    elif one and known and without_place(one) != without_place(known):
                        found[kind] = known._replace(definitions=known.definitions + 1)
                    elif one and known:
                        found[kind] = known._replace(module=f"{known.module}, {name}")
        return found, skipped


def states_of(btf: Btf, name: str, *, own: bool = False) -> dict[str, State]:
    """What one BTF has under a name, by kind; `own`: without the base."""
    if is_member(name):
        return {MEMBER: _member(btf, name)}
    found: dict[str, list[State]] = {}
    for type_id in btf.find_ids(name):
        kind = CLASSES.get(btf.kind(type_id), "")
        if kind in KINDS and (type_id >= btf.start_id or not own):
            found.setdefault(kind, []).append(_type(btf, type_id, kind))
    return {kind: first_state(states) for kind, states in found.items()}


def parts_of(btf: Btf, type_id: int, names: Spelling) -> tuple[Part, ...]:
    """The members of a struct or union, anonymous ones opened, or the enumerators of an enum."""
    view: Any = btf[type_id]
    if view.kind in spec.ENUMS:
        return tuple(Part(each.name, each.value, 0, 0, "") for each in view.enumerators)
    found = []
    for member in flat_members(btf, type_id):
        size = 8 * (btf.sizeof(member.type_id) or 0)
        found.append(Part(member.path, member.bit_offset, size, member.bits, names[member.type_id]))
    return tuple(found)


def _type(btf: Btf, type_id: int, kind: str) -> State:
    names = Spelling(btf)
    if kind == FUNC:
        tags = btf.find_ids(_KFUNC, spec.DECL_TAG)
        return State(names.declared(type_id), kfunc=any(btf.word(tag, 2) == type_id for tag in tags))
    if kind == VAR:
        return State(names.declared(type_id))
    size = btf.sizeof(type_id)
    target = btf.strip(type_id) if kind == TYPEDEF else type_id
    has_parts = kind != TYPEDEF or not btf.name(target)  # what has a name of its own has a history of its own
    parts: tuple[Part, ...] = ()
    if has_parts and btf.kind(target) in (*spec.COMPOSITES, *spec.ENUMS):
        parts = parts_of(btf, target, names)
    return State(names.declared(type_id), size=-1 if size is None else size, parts=parts)


def _member(btf: Btf, path: str) -> State:
    finder = Offsets(btf, suggests=False)
    try:
        place = finder.find(path)
    except (NotFoundError, UnsupportedError, AmbiguousError) as error:
        return _absent(finder, path, error.message)
    size = -1 if place.size is None else place.size
    holder, holder_size, parts = _holder(finder, path, place.root_id)
    return State(
        place.text, place.offset, size, place.bit_offset % 8, place.bits, parts, holder=holder, holder_size=holder_size
    )


def outer(path: str) -> tuple[str, str]:
    """The path without its last member (and its indexes), and the name of that; a root alone has neither."""
    around, _, last = path.rpartition(".")
    return around, last.partition("[")[0]


def _holder(finder: Offsets, path: str, root_id: int | None) -> tuple[str, int, tuple[Part, ...]]:
    """The struct around a member: its name, size, and its members."""
    found = _holder_id(finder, path, root_id)
    btf = finder.btf
    if not found:
        return "", -1, ()
    return spelled(btf, found), btf.sizeof(found) or 0, parts_of(btf, found, finder.names)


def _holder_id(finder: Offsets, path: str, root_id: int | None) -> int:
    around, _ = outer(path)
    btf = finder.btf
    if not around:
        return 0
    try:
        place = finder.find(around, root_id)
    except BtfError:
        return 0
    target = btf.strip(place.type_id)
    return target if btf.kind(target) in spec.COMPOSITES else 0


def _absent(finder: Offsets, path: str, reason: str) -> State:
    """A member that does not exist, with what a guess needs: the struct that should have it, and whether it is one struct further
    or in a struct that contains that one."""
    btf = finder.btf
    _, name = outer(path)
    holder_id = _holder_id(finder, path, None)
    if not holder_id:
        return State(absent=reason)
    from btfkit.fleet.hints import Rows

    holder, size, parts = _holder(finder, path, None)
    elsewhere = Rows(btf, holder_id).one_further(name) or _around(finder, holder_id, name)
    return State(parts=parts, holder=holder, holder_size=size, absent=reason, elsewhere=elsewhere)


def _around(finder: Offsets, holder_id: int, name: str) -> str:
    """A member of that name in a struct that contains the holder itself, not a pointer to it."""
    btf = finder.btf
    owners = dict.fromkeys(found.type_id for found in users_of(btf, holder_id) if _embeds(finder, found, holder_id))
    for owner in owners:
        if finder.members.find(owner, name) is not None:
            return f"{name} of {spelled(btf, owner)}, which contains {spelled(btf, holder_id)}"
    return ""


def _embeds(finder: Offsets, found: Found, holder_id: int) -> bool:
    if found.kind != MEMBER:
        return False
    member = finder.members.find(found.type_id, found.name)
    return member is not None and finder.btf.strip(member.type_id) == holder_id
