"""Adding the kernels of a tree to an atlas.

added = add_to_atlas("kernels.atlas", ["btfhub-archive/debian"], modules=True)
print(added.kernels, added.present, added.failed)
"""

from __future__ import annotations

from btfkit.atlas.file import Atlas, Busy
from btfkit.errors import BtfError, refuse_text
from btfkit.files.modules import module_name
from btfkit.fleet.keys import flavor_of_uname, version_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.fleet.tree import Kernel, Tree
    from btfkit.work.job import Ended

    Loaded = tuple[Btf, list[tuple[str, Btf]] | None]
    OnError = Callable[[Kernel, Exception], None]
    Observe = Callable[[int, int], None]


def atlas_order(parts: tuple[str, str, str, str]) -> tuple[Any, ...]:
    """The sort key of kernels in an atlas: architecture, distribution, flavor, version; `parts` are those of a `Key`."""
    distro, release, arch, uname = parts
    return arch, distro, flavor_of_uname(uname), version_order(uname), version_order(release), parts


class AddedToAtlas:
    """What was added: the `kernels`, by key; `present`, the number of those that the atlas had already; `failed`, (kernel, error)
    each; `skipped`, errors of modules that were omitted."""

    __slots__ = ("failed", "kernels", "present", "skipped")

    def __init__(self) -> None:
        self.kernels: list[str] = []
        self.present = 0
        self.failed: list[tuple[Kernel, Exception]] = []
        self.skipped: list[Exception] = []

    def __repr__(self) -> str:
        return f"<AddedToAtlas: {len(self.kernels)} kernels, {self.present} present, {len(self.failed)} failed>"


def add_to_atlas(
    path: str,
    kernels: Iterable[str] | Tree,
    *,
    modules: bool = False,
    tables: bool = True,
    executor: Executor | None = None,
    workers: int | None = None,
    observe: Observe | None = None,
    on_error: OnError | None = None,
    on_skipped: Callable[[Exception], None] | None = None,
) -> AddedToAtlas:
    """Add kernels to the atlas at `path`, which is created if it does not exist, with `tables` or without.

    `kernels` are what `find_kernels` takes, or its result; with `modules`, their modules are added, too.  Each kernel is
    committed on its own: after an error, or if the process was killed, the same call goes on where it stopped.  A kernel that
    cannot be read, or of whose name the atlas has another one, is skipped, and `on_error(kernel, error)` is called;
    `on_skipped(error)` for a module that cannot be read.  `observe(done, total)` is called after each kernel.

    Kernels are read (unpacked, and checked) in `workers` processes (None: one per CPU) or on `executor`, and added by this
    process in their order: the atlas does not depend on the number of workers.

    Raises NotFoundError if there are no kernels, what `Atlas.open` raises, Busy if another process is writing the atlas, and
    OSError if it cannot be written (a full disk); the kernels before are in it.
    """
    from btfkit.fleet.tree import Tree, find_kernels

    refuse_text(kernels=kernels)
    tree = kernels if isinstance(kernels, Tree) else find_kernels(kernels)
    tree.demand_kernels()
    result = AddedToAtlas()

    def skip(error: Exception) -> None:
        result.skipped.append(error)
        if on_skipped is not None:
            on_skipped(error)

    with Atlas.open(path, write=True, create=True, tables=tables) as atlas:
        for number, loaded in enumerate(_loaded(tree.kernels, modules, skip, executor, workers)):
            kernel = tree.kernels[number]
            try:
                if isinstance(loaded, Exception):
                    raise loaded
                if atlas.add(kernel.key.parts, *loaded, atlas_order):
                    result.kernels.append(str(kernel.key))
                else:
                    result.present += 1
            except (BtfError, OSError, MemoryError) as error:
                if isinstance(error, Busy) or getattr(error, "filename", None) == path:
                    raise
                result.failed.append((kernel, error))
                if on_error is not None:
                    on_error(kernel, error)
            if observe is not None:
                observe(number + 1, len(tree.kernels))
    return result


class ReadWork:
    """The work on a kernel (`work.job.Work`): the bytes of its BTF and those of its modules, and errors of modules."""

    def __init__(self, modules: bool) -> None:
        self._modules = modules

    def prepare(self) -> None:
        """Nothing is shared."""

    def run(self, state: None, job: Kernel) -> tuple[bytes, list[tuple[str, bytes]] | None, list[Exception]]:
        """(vmlinux, modules by name or None, errors)."""
        errors: list[Exception] = []
        vmlinux, split = load_kernel(job, self._modules, errors.append)
        blobs = None if split is None else [(name, bytes(module.blob)) for name, module in split]
        return bytes(vmlinux.blob), blobs, errors


def _loaded(
    kernels: Sequence[Kernel],
    modules: bool,
    skip: Callable[[Exception], None],
    executor: Executor | None,
    workers: int | None,
) -> Iterator[Loaded | Exception]:
    """The BTF of each kernel, and of its modules, in order; an error for one that cannot be read.

    Processes are handed a few kernels at a time, so that only these are in memory, however long one of them takes.
    """
    from btfkit.btf.btf import Btf
    from btfkit.work import jobs
    from btfkit.work.jobs import cpus

    workers = min(workers or cpus(), len(kernels))
    if executor is None and workers == 1:
        for kernel in kernels:
            try:
                yield load_kernel(kernel, modules, skip)
            except (BtfError, OSError, MemoryError) as error:
                yield error
        return
    ahead = workers + 1 if modules else 4 * workers
    for first in range(0, len(kernels), ahead):
        some = kernels[first : first + ahead]
        waiting: dict[int, Ended] = {}
        turn = 0
        for ended in jobs.run(ReadWork(modules), some, executor=executor, workers=workers):
            waiting[ended.number] = ended
            while turn in waiting:
                one, source = waiting.pop(turn), some[turn].source
                turn += 1
                if one.error is not None:
                    yield one.error
                    continue
                blob, split, errors = one.value
                for omitted in errors:
                    skip(omitted)
                vmlinux = Btf.from_bytes(blob, source=source)
                named = [(name, Btf.from_bytes(data, vmlinux, source=name)) for name, data in split or ()]
                yield vmlinux, named if split is not None else None


def load_kernel(kernel: Kernel, modules: bool, skip: Callable[[Exception], None]) -> Loaded:
    """The BTF of a kernel, and that of its modules if they are wanted and there are any."""
    from btfkit.fleet.tree import Kernel

    if not modules:
        alone = Kernel(kernel.store, kernel.key, kernel.stem, kernel.paths, (), is_package=kernel.is_package)
        return alone.load(wanted=_none).vmlinux, None
    found = kernel.load(on_error=skip)
    if not found.modules:
        return found.vmlinux, None
    names = [module_name(name) for name in found.names]
    if len(set(names)) < len(names):  # in several directories
        names = [name.removeprefix(f"{kernel.stem}/") for name in found.names]
    return found.vmlinux, list(zip(names, found.modules, strict=True))


def _none(module: Btf) -> bool:
    """No module is wanted."""
    return False
