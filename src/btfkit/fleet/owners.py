"""Which modules of a kernel define a name.

A kernel has thousands of modules, and a name is in one or two of them.  Raw BTF without the name's bytes is not even opened.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.finders import own_ids_called
from btfkit.errors import error_text
from btfkit.files.modules import module_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.files.elf import Data
    from btfkit.fleet.tree import Kernel

UTF8 = "utf-8", "surrogateescape"
_MAGIC = {"little": b"\x9f\xeb", "big": b"\xeb\x9f"}


def modules_naming(
    kernel: Kernel,
    vmlinux: Btf,
    names: Collection[str],
    on_error: Callable[[Exception], None] | None = None,
    kinds: tuple[int, ...] = (),
) -> list[tuple[str, Btf]]:
    """(name, BTF) of each module of a kernel that itself defines a type with one of `names` (of one of `kinds`), in order.

    Errors are as in `Kernel.load_modules`.
    """
    if not names or not kernel.has_modules:
        return []
    from btfkit.loaded_kernel import LoadedKernel

    raw = [name.encode(*UTF8) for name in names]
    found = LoadedKernel(vmlinux)
    kernel.load_modules(
        found,
        on_error=on_error,
        wanted=lambda module: any(next(own_ids_called(module, name, kinds), 0) for name in raw),
        may_have=_Needles(vmlinux, raw).may_be_in,
    )
    pairs = [(module_name(name, underscores=True), btf) for name, btf in zip(found.names, found.modules, strict=True)]
    return sorted(pairs, key=lambda pair: pair[0])


class KernelTypes:
    """The types of a kernel by name: those of its vmlinux, and of its modules for what the vmlinux does not have."""

    __slots__ = ("_kernel", "errors", "vmlinux")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.vmlinux = kernel.load_vmlinux()
        self.errors: list[str] = []

    def owners(self, names: Sequence[str], kinds: tuple[int, ...]) -> dict[str, list[tuple[str, Btf]]]:
        """(module, BTF) of each that has a type of one of `kinds` called so, by name ("struct x", "x"): ("", vmlinux),
        or the modules that have it, or if none has it the vmlinux.  Errors of modules are added to `errors`."""
        vmlinux = self.vmlinux
        found = {name: [("", vmlinux)] for name in names}
        absent = {name: bare_name(name) for name in names if not any(vmlinux.find_ids(name, kinds))}
        modules = modules_naming(self._kernel, vmlinux, [*absent.values()], self._note, kinds)
        for name in absent:
            some = [
                (module, btf) for module, btf in modules if any(i >= btf.start_id for i in btf.find_ids(name, kinds))
            ]
            found[name] = some or found[name]
        return found

    def _note(self, error: Exception) -> None:
        self.errors.append(error_text(error))

    def search(self, pattern: str, look: Callable[[str, Btf], None]) -> None:
        """Call `look(module, BTF)` for the vmlinux (""), and for each module that may have the name `pattern` (a glob or regular
        expression: for each module), one after the other."""
        look("", self.vmlinux)
        if not self._kernel.has_modules:
            return
        from btfkit.loaded_kernel import LoadedKernel
        from btfkit.show.find import is_exact

        raw = [bare_name(pattern).encode(*UTF8)]
        may_have = _Needles(self.vmlinux, raw).may_be_in if is_exact(pattern) else None
        found = LoadedKernel(self.vmlinux)
        self._kernel.load_modules(found, on_error=self._note, may_have=may_have)
        named = zip((module_name(name, underscores=True) for name in found.names), found.modules, strict=True)
        for name, module in sorted(named, key=lambda pair: pair[0]):
            look(name, module)


def bare_name(name: str) -> str:
    """The name without C's tag."""
    tag, _, rest = name.partition(" ")
    return rest if rest and tag in spec.C_TAGS else name


class _Needles:
    """Bytes of which split BTF has some if it uses one of `names`: the name itself, or its offset in the strings of the base."""

    def __init__(self, vmlinux: Btf, names: Collection[bytes]) -> None:
        order = vmlinux.byte_order
        self._magic = _MAGIC[order]
        self._needles = [name + b"\0" for name in names]
        for name in names:
            self._needles += (offset.to_bytes(4, order) for offset in vmlinux.string_offsets(name))

    def may_be_in(self, data: Data) -> bool:
        """Whether a file may use one of the names; certain only for raw BTF."""
        if bytes(data[:2]) != self._magic:
            return True
        content = data if hasattr(data, "find") else bytes(data)
        return any(content.find(needle) >= 0 for needle in self._needles)
