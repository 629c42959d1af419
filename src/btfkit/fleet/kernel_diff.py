"""The differences between two kernels with all of their modules: `diff` for each pair of BTFs.

    found = diff_kernels("6.12.107/", "6.12.117/")
    print(found.vmlinux, len(found.modules), found.added, found.removed)

A kernel is a directory with its vmlinux and its modules, or a package.  Modules are matched by name; each worker reads both
vmlinux once, and compares a few modules at a time.
"""

from __future__ import annotations

import os

from btfkit.errors import AmbiguousError, BtfError, counted, error_text
from btfkit.files.modules import module_name
from btfkit.show.diff import ModuleDiffs, diff
from btfkit.show.diff_values import DIFFERENCES
from btfkit.tables import Tabular, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.btf_file import SharedBase
    from btfkit.fleet.tree import Kernel
    from btfkit.loaded_kernel import LoadedKernel
    from btfkit.show.diff_values import Change, Diff
    from btfkit.show.kabi import Kabi
    from btfkit.show.kabi_lists import Suppression, Symbols
    from btfkit.tables import Table

    Job = tuple[str, str, str]  # the name of a module, its path in both kernels
    Path = str | os.PathLike[str]

SIZE = 16  # modules that a worker compares at a time
ALONE = 64  # modules below which starting processes does not pay
SCHEMA = 1


class KernelDiff(Tabular):
    """The differences: `vmlinux`, and `modules` that differ, by name; `same` modules do not.

    `added` and `removed` are names of modules that only one kernel has; `without` those without BTF on either side; `skipped` are
    errors of modules that could not be read.
    """

    __slots__ = ("added", "modules", "removed", "same", "skipped", "vmlinux", "without")

    def __init__(self, vmlinux: Diff) -> None:
        self.vmlinux = vmlinux
        self.modules: dict[str, Diff] = {}
        self.added: list[str] = []
        self.removed: list[str] = []
        self.without: list[str] = []
        self.skipped: list[str] = []
        self.same = 0

    def __repr__(self) -> str:
        return f"<KernelDiff: {self.vmlinux!r}, {counted(len(self.modules), 'module')} of {self.same + len(self.modules)} differ>"

    def __bool__(self) -> bool:
        return bool(self.vmlinux or self.modules or self.added or self.removed)

    def table(self) -> Table:
        """The rows of `Diff.table` for the vmlinux and each module, after the `module` ("": vmlinux).

        A module that only one kernel has is a row of the kind "module".
        """
        return table_of(("module", *DIFFERENCES), self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for module, found in (("", self.vmlinux), *self.modules.items()):
            yield from ((module, *row) for row in found.rows())
        rest = (None,) * (len(DIFFERENCES) - 4)
        for what, names in ("removed", self.removed), ("added", self.added):
            yield from ((name, "module", name, what, "", *rest) for name in names)

    def as_json(self) -> dict[str, object]:
        """The JSON document (schema 1)."""
        return {
            "schema": SCHEMA,
            "differs": bool(self),
            "vmlinux": self.vmlinux.as_json(),
            "modules": {
                "same": self.same,
                "added": self.added,
                "removed": self.removed,
                "without_btf": self.without,
                "changed": [{"name": name, **found.as_json()} for name, found in self.modules.items()],
            },
        }


def is_kernel_directory(path: Path) -> bool:
    """Whether a path is a directory, which holds a kernel, and not a file with BTF."""
    return os.fspath(path) != "-" and os.path.isdir(path)


def kernel_in(path: Path) -> Kernel:
    """The kernel of a directory or file; raises NotFoundError if there is none, AmbiguousError for several."""
    from btfkit.fleet.tree import find_kernels

    tree = find_kernels([os.fspath(path)], heed_markers=False)
    tree.demand_kernels()
    if len(tree.kernels) > 1:
        names = ", ".join(kernel.name for kernel in tree.kernels[:3])
        raise AmbiguousError(
            f"{len(tree.kernels)} kernels ({names}, ...): expected the directory of one", source=os.fspath(path)
        )
    return tree.kernels[0]


def as_kernel(path: Path | Kernel) -> Kernel:
    """A kernel as it is, or `kernel_in` a path."""
    from btfkit.fleet.tree import Kernel

    return path if isinstance(path, Kernel) else kernel_in(path)


def diff_kernels(
    old: Path | Kernel,
    new: Path | Kernel,
    *,
    workers: int | None = None,
    observe: Callable[[int, int], None] | None = None,
) -> KernelDiff:
    """Compare two kernels, each a directory with a vmlinux and modules, a package, or a result of `find_kernels`.

    A module that cannot be read is skipped (`KernelDiff.skipped`).  `observe(done, total)` is called for each pair of modules.
    Raises what `Kernel.load_vmlinux` raises.
    """
    from btfkit.work import jobs

    a, b = as_kernel(old), as_kernel(new)
    base, other = a.load_vmlinux(), b.load_vmlinux()
    found = KernelDiff(diff(base, other).without_btf())
    if a.is_package or b.is_package:
        _diff_loaded(found, a, b, base, other)
        return found
    ours, theirs = _by_name(a, found), _by_name(b, found)
    found.removed = sorted(ours.keys() - theirs.keys())
    found.added = sorted(theirs.keys() - ours.keys())
    pairs = [(name, path, theirs[name]) for name, path in sorted(ours.items()) if name in theirs]
    if len(pairs) < ALONE:
        workers = 1
    results: list[tuple[int, Diff | str | None]] = []
    received: dict[tuple[int, int], list[Change]] = {}
    for ended in jobs.run(ModulePairs(a, b), pairs, workers=workers, size=SIZE, observe=observe):
        if ended.error is not None:
            found.skipped.append(error_text(ended.error, a.store.full(pairs[ended.number][1])))
        else:
            value = ended.value.unpacked(received) if isinstance(ended.value, Packed) else ended.value
            results.append((ended.number, value))
    for number, value in sorted(results, key=lambda one: one[0]):
        _note(found, pairs[number][0], value)
    found.skipped.sort()
    return found


def _note(found: KernelDiff, name: str, value: Diff | str | None) -> None:
    """Store the result for a module: its diff, None if nothing differs, or text if there is no BTF."""
    if value is None:
        found.same += 1
    elif isinstance(value, str):
        found.without.append(name)
    else:
        found.modules[name] = value


def _by_name(kernel: Kernel, found: KernelDiff) -> dict[str, str]:
    """The paths of a kernel's modules by name; of a name that is there twice, the first."""
    named: dict[str, str] = {}
    for path in sorted(kernel.modules):
        name = module_name(path, underscores=True)
        if name in named:
            found.skipped.append(f"{kernel.store.full(path)}: same module name as {named[name]}")
        else:
            named[name] = path
    return named


class ModulePairs:
    """The work on a pair of modules (`work.job.Work`)."""

    def __init__(self, old: Kernel, new: Kernel) -> None:
        self.old = old
        self.new = new

    def prepare(self) -> tuple[ModuleDiffs, SharedBase, SharedBase, dict[int, list[Change]]]:
        """Both vmlinux."""
        from btfkit.btf_file import SharedBase

        old, new = self.old.load_vmlinux(), self.new.load_vmlinux()
        return ModuleDiffs(old, new), SharedBase(old), SharedBase(new), {}

    def run(
        self, state: tuple[ModuleDiffs, SharedBase, SharedBase, dict[int, list[Change]]], job: Job
    ) -> Packed | str | None:
        """The differences; None if there are none, "" if a module has no BTF."""
        diffs, old_base, new_base, sent = state
        _, old_path, new_path = job
        old, new = self.old.module(old_path, old_base), self.new.module(new_path, new_base)
        if old is None or new is None:
            return ""
        found = diffs.diff(old, new)
        return Packed(found.without_btf(), sent) if found else None


class Packed:
    """A diff on its way out of a worker: lists of changes that earlier diffs had are left out (`show.diff.ModuleDiffs` gives the
    diffs of modules that share a struct one list), and `unpacked` puts them back.  What a worker has `sent` its parent received
    before this, in the order in which it was sent."""

    __slots__ = ("_diff", "_lists", "_worker")

    def __init__(self, diff: Diff, sent: dict[int, list[Change]]) -> None:
        self._diff = diff
        self._worker = os.getpid()
        self._lists: list[tuple[int, list[Change] | None]] = []
        for change in diff.changed:
            number = id(change.changes)  # `sent` keeps the list, so that no other gets its number
            self._lists.append((number, None if number in sent else change.changes))
            sent[number] = change.changes
            change.changes = []

    def unpacked(self, received: dict[tuple[int, int], list[Change]]) -> Diff:
        """The diff; `received` has the lists by worker and number."""
        for change, (number, changes) in zip(self._diff.changed, self._lists, strict=True):
            key = self._worker, number
            if changes is not None:
                received[key] = changes
            change.changes = received[key]
        return self._diff


def _diff_loaded(found: KernelDiff, a: Kernel, b: Kernel, base: Btf, other: Btf) -> None:
    """The modules of packages, which are unpacked together."""
    from btfkit.loaded_kernel import LoadedKernel

    sides: list[dict[str, Btf]] = []
    for kernel, vmlinux in ((a, base), (b, other)):
        loaded: LoadedKernel = LoadedKernel(vmlinux)
        kernel.load_modules(loaded, on_error=lambda error: found.skipped.append(error_text(error)))
        sides.append({module_name(n, underscores=True): m for n, m in zip(loaded.names, loaded.modules, strict=True)})
    ours, theirs = sides
    found.removed = sorted(ours.keys() - theirs.keys())
    found.added = sorted(theirs.keys() - ours.keys())
    diffs = ModuleDiffs(base, other)
    for name in sorted(ours.keys() & theirs.keys()):
        try:
            one = diffs.diff(ours[name], theirs[name])
        except BtfError as error:
            found.skipped.append(error_text(error))
            continue
        _note(found, name, one.without_btf() if one else None)


# ---- the kernel ABI --------------------------------------------------------------------------------------------------


def kabi_of(
    old: Path | Btf,
    new: Path | Btf,
    symbols: Symbols,
    suppressions: Sequence[Suppression] = (),
    on_error: Callable[[Exception], None] | None = None,
    exported: Symbols | None = None,
) -> Kabi:
    """The findings about what `symbols` reach, in two kernels: files, directories with modules, or BTFs.

    `exported` is the Module.symvers of the new kernel: symbols that it does not have break, too.

    Of the modules, those are read that define symbols which vmlinux does not, or that the list names.
    """
    from btfkit.btf.btf import Btf as BtfClass
    from btfkit.btf_file import load
    from btfkit.fleet.owners import modules_naming
    from btfkit.show.kabi import kabi_of_kernels

    diffs: list[tuple[str, Diff]] = []
    bases: list[Btf] = []
    modules: list[dict[str, Btf]] = []
    for side in (old, new):
        named: dict[str, Btf] = {}
        if isinstance(side, BtfClass):
            base = side
        elif not is_kernel_directory(side):
            base = load(side)
        else:
            kernel = kernel_in(side)
            base = kernel.load_vmlinux()
            missing = [name for name in symbols.names if symbols.modules.get(name) or base.find_id(name) is None]
            named = dict(modules_naming(kernel, base, missing, on_error))
        bases.append(base)
        modules.append(named)
    diffs.append(("", diff(*bases)))
    pairs = ModuleDiffs(*bases)
    for name, module in modules[0].items():
        other = modules[1].get(name)
        diffs.append((name, pairs.diff(module, other) if other is not None else _removed(pairs, module, bases[1])))
    return kabi_of_kernels(diffs, symbols, suppressions, exported)


def _removed(pairs: ModuleDiffs, module: Btf, base: Btf) -> Diff:
    """The diff of a module that the new kernel does not have: with an empty one."""
    from btfkit.btf.build import Builder

    return pairs.diff(module, Builder(base).build())
