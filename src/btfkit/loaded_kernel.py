"""The BTF of a kernel with its modules, of which there may be thousands: files, directories and tars of them."""

from __future__ import annotations

from btfkit import log
from btfkit.btf_file import SharedBase, as_btf
from btfkit.btf_file import open as open_btf
from btfkit.errors import BtfError, NotFoundError, counted, refuse_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.btf_file import Source


class LoadedKernel:
    """The BTF of a kernel: `vmlinux`, and its `modules` with a name for each in `names`.

    `without` lists the files of modules that hold no BTF, `empty` the paths below which there was no module at all; `unwanted`
    counts modules that were read and not kept.
    """

    __slots__ = ("empty", "modules", "names", "unwanted", "vmlinux", "without")

    def __init__(self, vmlinux: Btf) -> None:
        self.vmlinux = vmlinux
        self.modules: list[Btf] = []
        self.names: list[str] = []
        self.without: list[str] = []
        self.empty: list[str] = []
        self.unwanted = 0

    def __repr__(self) -> str:
        return f"<LoadedKernel {self.vmlinux.source or 'vmlinux'} with {counted(len(self.modules), 'module')}>"


def load_modules(
    paths: Sequence[str], base: Btf | SharedBase | Source, on_error: Callable[[Exception], None] | None = None
) -> LoadedKernel:
    """The modules in files, directories and tars, each on `base`, in the given order and by name within each.

    Files without BTF are listed in `without`, directories and tars without a module in `empty`.  An error is
    raised, or passed to `on_error`, and the file skipped.
    """
    refuse_text(paths=paths)
    shared = base if isinstance(base, SharedBase) else SharedBase(as_btf(base))
    found = LoadedKernel(shared.btf)
    for name, source, module in modules_on(paths, shared, on_error, empty=found.empty):
        if module is None:
            found.without.append(source)
        else:
            found.modules.append(module)
            found.names.append(name)
    return found


def modules_on(
    paths: Sequence[str],
    base: Btf | SharedBase,
    on_error: Callable[[Exception], None] | None = None,
    *,
    underscores: bool = False,
    empty: list[str] | None = None,
) -> Iterator[tuple[str, str, Btf | None]]:
    """(name, source, BTF on `base` or None) of each module in `paths`, one at a time.

    With `underscores` names are spelled as in the kernel.  Paths without any module are added to `empty`.  Errors are as in
    `load_modules`.
    """
    if not paths:
        return
    from btfkit.files.modules import module_blobs

    shared = base if isinstance(base, SharedBase) else SharedBase(base)
    for path in paths:
        any_here = False

        def skip(error: Exception) -> None:
            nonlocal any_here
            any_here = True
            on_error(error)  # type: ignore[misc]  # only called if there is one

        blobs = module_blobs(path, underscores=underscores, on_error=None if on_error is None else skip)
        for name, data, source in blobs:
            any_here = True
            try:
                module = open_btf(data, source).btf(shared)
            except NotFoundError:
                yield name, source, None
            except BtfError as error:
                if on_error is None:
                    raise
                log.info("skipped: %s", error)
                on_error(error)
            else:
                yield name, source, module
        if not any_here and empty is not None:
            empty.append(path)
