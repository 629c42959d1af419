"""`minimize` with its proof: relocations are answered again on the result, and compared."""

from __future__ import annotations

from btfkit.co_re.loaders import CILIUM, LIBBPF, loader_named
from btfkit.errors import BtfError, VerificationError, counted, error_text, printable, some_of
from btfkit.passes import minimize as _pass
from btfkit.passes.minimize import refuse_cycles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.outcome import Counts, Outcome
    from btfkit.co_re.program import BpfObject
    from btfkit.co_re.relocations import Relocated
    from btfkit.passes.minimize import Minimized
    from btfkit.passes.select import Closure


def minimize(
    vmlinux: Btf,
    objects: Sequence[BpfObject] = (),
    modules: Sequence[Btf] = (),
    *,
    keep_types: Iterable[str] = (),
    keep_funcs: Iterable[str] = (),
    keep_refs_of: Sequence[Btf] = (),
    closure: Closure | None = None,
    all_modules: bool = False,
    loader: str | None = None,
    prove: bool = True,
) -> Minimized:
    """Minimize `vmlinux` and `modules` (split BTFs on it) to what `objects` relocate against and what is named.

    `closure` is "direct", "by-value" or "full".  If it is None, named types and functions are kept with what they refer to
    directly, and relocations keep only what they read; otherwise it applies to both.  With `all_modules` the result has every
    module, otherwise only those of which something is kept.  By default the result has what libbpf and cilium/ebpf read; with
    `loader` ("libbpf", "cilium" or "aya"), what that one reads.  With `prove` every relocation is answered again on the bytes of
    the result, and must give the same answer as on the input.  Raises ChainError for a module on another base,
    NotFoundError for a name that does not exist, FormatError if a relocation looks at types that contain themselves,
    VerificationError if the proof fails.
    """
    result = _pass.minimize(
        vmlinux,
        objects,
        modules,
        keep_types=keep_types,
        keep_funcs=keep_funcs,
        keep_refs_of=keep_refs_of,
        closure=closure,
        all_modules=all_modules,
        loaders=(LIBBPF, CILIUM) if loader is None else (loader_named(loader),),
    )
    refuse_cycles(result)
    if prove:
        from btfkit.judges.answers import prove as prove_answers

        result.new_ids = prove_answers(
            objects, result.outcomes, result.target, result.blobs, result.loader, result.others, result.plan
        )
    return result


def merge_minimized(
    result: Minimized, objects: Sequence[BpfObject], names: Mapping[Btf, str] | None = None, *, prove: bool = True
) -> Btf:
    """The minimized vmlinux and modules in one BTF, which answers `objects` in the same way.

    `names` are those of the modules, for messages.  The types of vmlinux are preferred, as in CO-RE.  If an answer would change
    because a declaration finds its definition only in the merged BTF, nothing is deduped.  Raises VerificationError.
    """
    from btfkit.judges.answers import prove_merged
    from btfkit.passes.merge import BASE, merge

    modules = [result.layers[module].btf for module in result.used]
    known = [names[module] for module in result.used] if names is not None else []
    for dedup in (True, False):
        merged = merge(result.btf, modules, names=known, dedup=dedup, prefer=BASE).btf
        if not prove:
            return merged
        try:
            result.new_ids = prove_merged(
                objects, result.outcomes, result.target, merged.to_bytes(), result.loader, result.others, result.plan
            )
            return merged
        except VerificationError:
            if not dedup:
                raise
    raise AssertionError


# ---- files -------------------------------------------------------------------------------------------------------


class PathError(BtfError):
    """A path in the wrong place: an output that would replace an input or another output, or a module as the vmlinux."""


class MinimizedOutput:
    """A file to write: its `path`, the BTF that is minimized (`original`), the result (`btf`) and its bytes (`blob`)."""

    __slots__ = ("blob", "btf", "original", "path")

    def __init__(self, path: str, original: Btf, btf: Btf) -> None:
        self.path = path
        self.original = original
        self.btf = btf
        self.blob = btf.to_bytes()

    @property
    def original_size(self) -> int:
        """The bytes of the blob that `original` was read from."""
        btf = self.original
        return btf.header.length + 4 * len(btf.words) + len(btf.layout) + len(btf.strings)


class MinimizedFiles:
    """What `minimize_files` did: `result` (of `minimize`), `outputs`, the `objects`, and the `names` of the modules by BTF.

    `skipped` are the errors of objects and modules, `without` the files of modules that hold no BTF, `empty` the directories and
    tars without a module, `is_merged` whether all went into one BTF.
    """

    __slots__ = ("empty", "is_merged", "names", "objects", "outputs", "result", "skipped", "without")

    def __init__(self) -> None:
        self.result: Minimized
        self.objects: list[BpfObject] = []
        self.names: dict[Btf, str] = {}
        self.outputs: list[MinimizedOutput] = []
        self.skipped: list[Exception] = []
        self.without: list[str] = []
        self.empty: list[str] = []
        self.is_merged = False

    def __repr__(self) -> str:
        return f"<MinimizedFiles {', '.join(output.path for output in self.outputs)}>"

    @property
    def counts(self) -> Counts:
        """How many relocations have which status."""
        return self.result.report.relocations

    def relocations(self, *, all: bool = False) -> list[Relocated]:
        """The relocations without an answer, or all."""
        return self._those(lambda outcome: all or outcome.status != "value" or bool(outcome.misread))

    def faults(self) -> list[Relocated]:
        """The relocations for which libbpf rejects the object, or gives a wrong answer."""
        return self._those(lambda outcome: outcome.status == "error" or bool(outcome.misread))

    def _those(self, are_wanted: Callable[[Outcome], bool]) -> list[Relocated]:
        found = [
            (obj, number, outcome)
            for obj, outcomes in zip(self.objects, self.result.outcomes, strict=True)
            for number, outcome in enumerate(outcomes)
            if are_wanted(outcome)
        ]
        if not found:  # the usual case, which needs no import
            return []
        from btfkit.co_re.relocations import Relocated

        return [Relocated(*each) for each in found]

    def as_json(self, *, all_relocations: bool = False) -> dict[str, object]:
        """For JSON: schema 1, described in docs/min.md."""
        counts = self.counts
        ids = self.result.new_ids
        outputs: list[dict[str, object]] = [
            {
                "path": output.path,
                "input": output.original.source,
                "types": len(output.btf.positions),
                "bytes": len(output.blob),
                "input_types": len(output.original.positions),
                "input_bytes": output.original_size,
                "relocations_answered_here": counts.by_status["value"]
                if self.is_merged
                else counts.by_btf.get(output.original, 0),
            }
            for output in self.outputs
        ]
        if self.is_merged:
            outputs[0]["modules_merged"] = [self.names[module] for module in self.result.used]
        return {
            "schema": 1,
            "outputs": outputs,
            "relocations": counts.as_json(),
            "verified": None if ids is None else True,
            "new_type_ids": None if ids is None else len(ids),
            "all" if all_relocations else "without_answer": [
                row.as_json() for row in self.relocations(all=all_relocations)
            ],
            "modules_searched": len(self.names),
            "modules_without_btf": len(self.without),
            "left_out": [error_text(error) for error in self.skipped],
        }

    def _empty_outputs(self) -> Iterator[str]:
        for output in self.outputs:
            if not len(output.btf.positions):
                where = "standard output" if output.path == "-" else printable(output.path)
                yield f"{where}: no types, because nothing reads {printable(output.original.source or 'the input')}"

    def summary_lines(self, *, with_modules: bool = True) -> Iterator[str]:
        """The outputs with their sizes, the modules, and whether the relocations have been proved."""
        counts = self.counts
        for output in self.outputs:
            readers = counts.by_btf.get(output.original, 0)
            yield (
                f"{'standard output' if output.path == '-' else printable(output.path)}: "
                f"{counted(len(output.btf.positions), 'type')}, {len(output.blob):,} bytes"
                f" (of {counted(len(output.original.positions), 'type')}, {output.original_size:,} bytes)"
                + (f"; read by {counted(readers, 'relocation')}" if len(self.outputs) > 1 else "")
            )
        yield from self._empty_outputs()
        if with_modules and (self.names or self.without):
            without = ""
            if self.without:
                without = (
                    f", {counted(len(self.without), 'file')} without BTF skipped: {printable(some_of(self.without))}"
                )
            what = "merged with it" if self.is_merged else "written"
            yield f"modules: {len(self.names):,} searched, {len(self.result.used):,} {what}{without}"
        if self.objects:
            proof = "not verified"
            if (ids := self.result.new_ids) is not None:
                proof = "every answer identical to that on the input (verified"
                proof += f"; {counted(len(ids), 'new type id')})" if ids else ")"
            yield f"{counts}; {proof}"


def minimize_files(
    path: str,
    objects: Sequence[str] = (),
    output: str | None = None,
    *,
    directory: str | None = None,
    modules: Sequence[str] = (),
    base: str | None = None,
    base_output: str | None = None,
    merge: bool = False,
    keep_types: Iterable[str] = (),
    keep_funcs: Iterable[str] = (),
    keep_refs_of: Sequence[str] = (),
    closure: Closure | None = None,
    all_modules: bool = False,
    loader: str | None = None,
    prove: bool = True,
    keep_going: bool = False,
) -> MinimizedFiles:
    """Minimize the vmlinux in the file `path` with its `modules` (files, directories, tars) for the BPF files `objects`.

    The results go to `output`, or each under its own name below `directory`.  With `base`, a vmlinux, `path` is one module, and
    `base_output` the file for the minimized base, if any.  `merge` writes one BTF that stands alone.  `keep_refs_of` are
    files of split BTF; the other options are those of `minimize`.  With `keep_going` a bad object or module is skipped.  Raises
    PathError if `path` is a module and no `base` is given, and for an output that is also an input or another output; what
    `minimize` and `open` raise; and OSError.
    """
    from btfkit.btf_file import load

    done = MinimizedFiles()

    def on_error(error: Exception) -> None:
        if not keep_going:
            raise error
        done.skipped.append(error)

    _read_objects(done, objects, on_error)
    vmlinux = load(base or path)
    if base is not None:
        done.names[load(path, vmlinux)] = path
    else:
        _read_modules(done, vmlinux, modules, on_error if keep_going else None)
    result = done.result = minimize(
        vmlinux,
        done.objects,
        list(done.names),
        keep_types=keep_types,
        keep_funcs=keep_funcs,
        keep_refs_of=[load(split, vmlinux) for split in keep_refs_of],
        closure=closure,
        all_modules=all_modules or base is not None,
        loader=loader or ("libbpf" if merge else None),  # cilium/ebpf finds types of modules beside those of vmlinux
        prove=prove and not merge,
    )
    main = path if base is not None and not merge else vmlinux.source or "vmlinux"
    first = output if output is not None else _below(directory, main)
    if merge:
        done.is_merged = True
        merged = merge_minimized(result, done.objects, done.names, prove=prove)
        done.outputs.append(MinimizedOutput(first, vmlinux, merged))
    elif base is not None:
        (module,) = done.names
        places = [(first, module)] + ([(base_output, vmlinux)] if base_output else [])
        done.outputs += (MinimizedOutput(place, btf, result.layers[btf].btf) for place, btf in places)
    else:
        done.outputs.append(MinimizedOutput(first, vmlinux, result.layers[vmlinux].btf))
        for module in result.used:
            name = done.names[module]
            place = _below(directory, module.source or name, name)
            done.outputs.append(MinimizedOutput(place, module, result.layers[module].btf))
    _write(done, [path, base, *objects, *keep_refs_of])
    return done


def _read_objects(done: MinimizedFiles, paths: Sequence[str], on_error: Callable[[Exception], None]) -> None:
    from btfkit.co_re.program import load_objects

    for path in paths:
        try:
            done.objects += load_objects(path)
        except (BtfError, OSError) as error:
            on_error(error)


def _read_modules(
    done: MinimizedFiles, vmlinux: Btf, paths: Sequence[str], on_error: Callable[[Exception], None] | None
) -> None:
    if vmlinux.base is not None:
        raise PathError("this is a module, where the vmlinux is expected", source=vmlinux.source, remedy="base")
    if not paths:
        return
    from btfkit.loaded_kernel import load_modules

    found = load_modules(paths, vmlinux, on_error)
    done.without = found.without
    done.empty = found.empty
    done.names = dict(zip(found.modules, found.names, strict=True))


def _below(directory: str | None, source: str, module: str | None = None) -> str:
    """The output below `directory` for the input `source`."""
    from btfkit.files.modules import output_name

    return f"{(directory or '.').rstrip('/')}/{output_name(source, module)}"


def _write(done: MinimizedFiles, inputs: Sequence[str | None]) -> None:
    """Write the outputs, unless one of them would replace an input or another."""
    from btfkit.files.write import overwriting, write_all

    blobs = {output.path: output.blob for output in done.outputs}
    paths = [output.path for output in done.outputs]
    if text := overwriting(paths, [*inputs, *(module.source for module in done.names)]):
        raise PathError(text)
    write_all(blobs)
