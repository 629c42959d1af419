"""`merge` of files: a vmlinux and its modules, from files, directories and tars, become one BTF."""

from __future__ import annotations

import os

from btfkit.btf.header import SECOND
from btfkit.btf.platform import other_platform, platform_of
from btfkit.btf_file import load
from btfkit.errors import ChainError
from btfkit.loaded_kernel import modules_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.file_ops.operation import Path
    from btfkit.passes.merge import Merged


class MergedFiles:
    """The result of `merge_files`: `merged` (that of the pass), `blob` (its bytes), the `paths` of all inputs, with the vmlinux
    first, those of files `without` BTF, the directories and tars that are `empty`: without a module, and `notes` on inputs,
    (path, sentence) each: of another machine, with a second BTF."""

    __slots__ = ("blob", "empty", "merged", "notes", "paths", "without")

    def __init__(
        self,
        merged: Merged,
        blob: bytes,
        paths: list[str],
        without: list[str],
        empty: list[str],
        notes: list[tuple[str, str]],
    ) -> None:
        self.merged = merged
        self.blob = blob
        self.paths = paths
        self.without = without
        self.empty = empty
        self.notes = notes

    def __repr__(self) -> str:
        return f"<MergedFiles {len(self.paths)} inputs, {len(self.merged.btf.positions)} types, {len(self.blob)} bytes>"


def merge_files(
    vmlinux: str,
    modules: Sequence[str],
    output: Path | None = None,
    *,
    prefer: Sequence[str] = (),
    dedup: bool = True,
    on_error: Callable[[Exception], None] | None = None,
) -> MergedFiles:
    """Merge the BTF in the file `vmlinux` and that of `modules` (files, directories, tars) into one, and write it to `output` if
    given.

    `prefer` lists inputs (module names, "vmlinux", or paths) whose types keep their names if others have different types of the
    same names; without `dedup` equivalent types are not merged.  A bad module raises what `BtfFile.btf` does, or is passed to
    `on_error` and skipped.  Raises ChainError if `vmlinux` is a module, NotFoundError for an unknown name in `prefer`.
    """
    from btfkit.files.write import refuse_overwriting, write_atomic
    from btfkit.passes.merge import merge

    if output is not None:
        refuse_overwriting([os.fspath(output)], [vmlinux, *modules])
    base = load(vmlinux)
    if base.base is not None:
        raise ChainError("a module, not a vmlinux: name the vmlinux first, then its modules", source=vmlinux)
    names: list[str] = []
    paths = [vmlinux]
    without: list[str] = []
    empty: list[str] = []
    first = platform_of(base)
    notes = [(vmlinux, SECOND)] if base.second else []

    def inputs() -> Iterator[Btf]:
        for name, source, btf in modules_on(modules, base, on_error, underscores=True, empty=empty):
            if btf is None:
                without.append(source)
                continue
            names.append(name)
            paths.append(source)
            if difference := other_platform(btf, first, vmlinux):
                notes.append((source, difference))
            if btf.second:
                notes.append((source, SECOND))
            yield btf

    merged = merge(base, inputs(), names=names, dedup=dedup, prefer=[_input_name(name, vmlinux) for name in prefer])
    blob = merged.btf.to_bytes()
    if output is not None:
        write_atomic(output, blob)
    return MergedFiles(merged, blob, paths, without, empty, notes)


def _input_name(text: str, vmlinux: str) -> str:
    """The name of the input with this name or path."""
    from btfkit.files.modules import module_name
    from btfkit.passes.merge import BASE

    return BASE if text in (BASE, vmlinux) else module_name(text, underscores=True)
