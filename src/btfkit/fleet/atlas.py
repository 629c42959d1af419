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
    from collections.abc import Callable, Iterable
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.fleet.tree import Kernel, Tree

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
    observe: Observe | None = None,
    on_error: OnError | None = None,
    on_skipped: Callable[[Exception], None] | None = None,
) -> AddedToAtlas:
    """Add kernels to the atlas at `path`, which is created if it does not exist, with `tables` or without.

    `kernels` are what `find_kernels` takes, or its result; with `modules`, their modules are added, too.  Each kernel is
    committed on its own: after an error, or if the process was killed, the same call goes on where it stopped.  A kernel that
    cannot be read, or of whose name the atlas has another one, is skipped, and `on_error(kernel, error)` is called;
    `on_skipped(error)` for a module that cannot be read.  `observe(done, total)` is called after each kernel.

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
        for number, kernel in enumerate(tree.kernels):
            try:
                vmlinux, split = _loaded(kernel, modules, skip)
                if atlas.add(kernel.key.parts, vmlinux, split, atlas_order):
                    result.kernels.append(str(kernel.key))
                else:
                    result.present += 1
            except (BtfError, OSError) as error:
                if isinstance(error, Busy) or getattr(error, "filename", None) == path:
                    raise
                result.failed.append((kernel, error))
                if on_error is not None:
                    on_error(kernel, error)
            if observe is not None:
                observe(number + 1, len(tree.kernels))
    return result


def _loaded(
    kernel: Kernel, modules: bool, skip: Callable[[Exception], None]
) -> tuple[Btf, list[tuple[str, Btf]] | None]:
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
