"""`minimize_archive`: minimize a whole tree of kernels, and their modules, to what programs read, into a tree of the same layout.

Each kernel is a job of its own: read, minimized, proved and written by one worker.  The output does not depend on the number
of workers, nor on whether it was made in one run: the manifest in the output records, by content, what is done already.
"""

from __future__ import annotations

from typing import NamedTuple

from btfkit.errors import AmbiguousError, refuse_text
from btfkit.fleet.archived import Archived, Made
from btfkit.fleet.manifest import Journal, Manifest, remove_leftovers
from btfkit.fleet.output import PACKINGS, OutputError, Reader, is_current, packed, previous, remove_obsolete, write
from btfkit.fleet.store import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from typing import TypedDict

    from btfkit.btf.btf import Btf
    from btfkit.co_re.outcome import Outcome
    from btfkit.co_re.program import BpfObject
    from btfkit.fleet.manifest import Record
    from btfkit.fleet.store import Store
    from btfkit.fleet.tree import Kernel, Tree
    from btfkit.loaded_kernel import LoadedKernel
    from btfkit.passes.minimize import Minimized
    from btfkit.passes.select import Closure
    from btfkit.work.job import Ended
    from btfkit.work.jobs import Observe

    OnError = Callable[[Kernel, Exception], None]

    class Minimizing(TypedDict, total=False):
        """The optional parameters of `minimize_archive`."""

        executor: Executor | None
        scheduler: str | None
        workers: int | None
        observe: Observe | None
        on_error: OnError | None
        heed_markers: bool
        keep_types: Sequence[str]
        keep_funcs: Sequence[str]
        closure: Closure | None
        loader: str | None
        verify: bool
        pack: str
        keep_going: bool
        report: str | None


class Options(NamedTuple):
    """How every kernel is minimized: parameters of `minimize_archive`."""

    keep_types: tuple[str, ...]
    keep_funcs: tuple[str, ...]
    closure: Closure | None
    loader: str | None
    verify: bool
    pack: str
    keep_going: bool
    report: str | None

    def as_json(self) -> dict[str, object]:
        """The options that the output depends on."""
        names = ("closure", "keep_funcs", "keep_types", "loader", "pack", "verify")
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in names}


def minimize_archive(
    tree: str | Tree,
    out: str | None,
    objects: Sequence[str | BpfObject],
    *,
    executor: Executor | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    observe: Observe | None = None,
    on_error: OnError | None = None,
    heed_markers: bool = True,
    keep_types: Sequence[str] = (),
    keep_funcs: Sequence[str] = (),
    closure: Closure | None = None,
    loader: str | None = None,
    verify: bool = True,
    pack: str = "none",
    keep_going: bool = False,
    report: str | None = None,
) -> Archived:
    """Minimize every kernel of `tree` to what `objects` read, and write it to the same place below `out`.

    `tree` is a directory, a URL, or a result of `find_kernels`, `objects` are paths or BpfObjects, and `out` is a directory or
    URL (None: the result has the bytes).

    The work is done by `executor` (any of concurrent.futures), by the Dask cluster whose scheduler is at the address
    `scheduler`, or by `workers` processes (None: one per CPU).  `observe(done, total)` is called after each kernel, and
    `on_error(kernel, error)` for one that fails, which does not end the run.  `keep_types`, `keep_funcs`, `closure` and `loader`
    are those of `minimize`.
    `pack` is one of PACKINGS; with `keep_going` a bad module is skipped, not its kernel; `report` ("missing" or
    "all") lists relocations in each `Made`.  Every output is proved to answer every relocation as its input does, unless
    `verify` is false.  Raises OSError if the tree cannot be listed or the output not be written, and what is wrong with an
    object.
    """
    from btfkit.co_re.loaders import loader_named
    from btfkit.fleet.tree import find_kernels
    from btfkit.work.executors import dask_executor
    from btfkit.work.jobs import run

    refuse_text(objects=objects, keep_types=keep_types, keep_funcs=keep_funcs)
    if loader is not None:
        loader_named(loader)
    if pack not in PACKINGS:
        raise ValueError(f"pack {pack!r}: expected one of {', '.join(PACKINGS)}")
    options = Options(tuple(keep_types), tuple(keep_funcs), closure, loader, verify, pack, keep_going, report)
    programs, digests = _read_programs(objects)
    found = find_kernels([tree], heed_markers=heed_markers) if isinstance(tree, str) else tree
    store = open_store(out) if out is not None else None
    manifest = Manifest(_work_digest(programs, options), _head(digests, options))
    result = Archived(found, manifest)
    before = previous(store, manifest, result.notes, "objects") if store is not None else {}
    with dask_executor(scheduler) as cluster, Journal(store, manifest) as journal:
        if store is not None:
            remove_leftovers(store, [path for record in before.values() for path in record["outputs"]])
        jobs = [(kernel, before.get(kernel.stem)) for kernel in found.kernels]
        work = Shrink(programs, options, out)
        ended: dict[int, Ended] = {}
        for one in run(work, jobs, executor=executor or cluster, workers=workers, observe=observe):
            _note(one, found.kernels[one.number], journal, on_error)
            ended[one.number] = one
        _collect(result, found.kernels, ended)
        if store is not None:
            result.removed += remove_obsolete(store, journal, {one.stem: one.record for one in result.made}, before)
    return result


def _note(one: Ended, kernel: Kernel, journal: Journal, on_error: OnError | None) -> None:
    """Record the result of a kernel in the journal, or pass on its error."""
    if isinstance(one.error, OutputError):
        raise one.error
    if one.error is not None and on_error is not None:
        on_error(kernel, one.error)
    if one.error is None and not one.value.same:
        journal.add(kernel.stem, one.value.record)


def _collect(result: Archived, kernels: Sequence[Kernel], ended: dict[int, Ended]) -> None:
    for number, kernel in enumerate(kernels):
        one = ended[number]
        if one.error is not None:
            result.failed.append((kernel, one.error))
        else:
            result.kernels.append(kernel)
            result.made.append(one.value)


def _head(digests: list[dict[str, str]], options: Options) -> dict[str, object]:
    from btfkit._version import __version__

    return {"tool": f"btfkit {__version__}", "objects": digests, "options": options.as_json()}


def _work_digest(programs: Sequence[Program], options: Options) -> str:
    from hashlib import sha256
    from json import dumps

    head = _head([{"name": "", "sha256": program.digest()} for program in programs], options)
    return sha256(dumps(head, sort_keys=True).encode()).hexdigest()


# ---- objects that travel -----------------------------------------------------------------------------------------


class Program:
    """The parts of a BPF object that relocations depend on, in a form that pickles."""

    __slots__ = ("blob", "name", "pointer_size", "records", "source")

    def __init__(self, obj: BpfObject) -> None:
        self.name = obj.name
        self.source = obj.source
        self.blob = obj.btf.blob
        self.pointer_size = obj.btf.given_pointer_size
        self.records = [(r.section, r.insn_off, r.type_id, r.access, r.kind) for r in obj.relocations]

    def load(self) -> BpfObject:
        """The object again."""
        from btfkit.btf.btf import Btf
        from btfkit.co_re.program import BpfObject, Relocation

        btf = Btf.from_bytes(self.blob, source=self.source, pointer_size=self.pointer_size)
        return BpfObject(self.name, btf, [Relocation(*record) for record in self.records], source=self.source)

    def digest(self) -> str:
        """SHA-256 of everything that an answer depends on."""
        from hashlib import sha256

        parts = repr((self.name, self.pointer_size, self.records)).encode("utf-8", "surrogateescape")
        return sha256(len(parts).to_bytes(8, "little") + parts + self.blob).hexdigest()


def _read_programs(objects: Sequence[str | BpfObject]) -> tuple[list[Program], list[dict[str, str]]]:
    """The programs of all objects, and for each file its name and SHA-256."""
    import os
    from hashlib import sha256

    from btfkit.co_re.program import load_objects
    from btfkit.files.container import open_bytes

    programs: list[Program] = []
    digests: list[dict[str, str]] = []
    for one in objects:
        if isinstance(one, str):
            programs += map(Program, load_objects(one))
            digests.append({"name": os.path.basename(one), "sha256": sha256(open_bytes(one)).hexdigest()})
        else:
            programs.append(Program(one))
            digests.append({"name": one.name, "sha256": programs[-1].digest()})
    return programs, digests


# ---- the job -----------------------------------------------------------------------------------------------------


class Shrink:
    """The work of `minimize_archive`: a job is (kernel, the record of an earlier run or None), its result a `Made`."""

    def __init__(self, programs: Sequence[Program], options: Options, out: str | None) -> None:
        self.programs = programs
        self.options = options
        self.out = out

    def prepare(self) -> tuple[list[BpfObject], Store | None]:
        return [program.load() for program in self.programs], open_store(self.out) if self.out is not None else None

    def run(self, state: tuple[list[BpfObject], Store | None], job: tuple[Kernel, Record | None]) -> Made:
        objects, store = state
        kernel, before = job
        if (
            before is not None
            and store is not None
            and is_current(before, {*kernel.paths, *kernel.modules}, kernel.store, store)
        ):
            return Made(kernel.stem, before, same=True)
        reader = Reader(kernel.store)
        skipped: list[str] = []
        on_error = (lambda error: skipped.append(str(error))) if self.options.keep_going else None
        btf = kernel.load(reader.read, on_error, self._wanted(kernel, objects))
        result, blobs = self._cut(kernel, btf, objects)
        outputs = {path: packed(self.options.pack, path, blob) for path, blob in blobs.items()}
        reader.demand_unchanged()
        made = Made(kernel.stem, self._record(kernel, btf, result, reader, blobs, outputs))
        made.skipped = skipped
        if self.options.report:
            made.report = list(_report_lines(objects, result.outcomes, self.options.report))
        if store is None:
            made.blobs = outputs
        else:
            write(store, outputs, before["outputs"] if before else ())
        return made

    def _wanted(self, kernel: Kernel, objects: Sequence[BpfObject]) -> Callable[[Btf], bool] | None:
        """Whether a relocation can read from a module; thousands of others need no memory.  None: keep all."""
        if not (kernel.modules or kernel.is_package) or self.options.keep_types or self.options.keep_funcs:
            return None
        from btfkit.co_re.relocate import roots

        return roots(objects).are_in

    def _cut(
        self, kernel: Kernel, btf: LoadedKernel, objects: Sequence[BpfObject]
    ) -> tuple[Minimized, dict[str, bytes]]:
        """The minimized BTF of vmlinux and of the modules that are read, by path, proved."""
        from btfkit.file_ops.minimize import minimize

        options = self.options
        result = minimize(
            btf.vmlinux,
            objects,
            btf.modules,
            keep_types=options.keep_types,
            keep_funcs=options.keep_funcs,
            closure=options.closure,
            loader=options.loader,
            prove=options.verify,
        )
        blobs = {self._place(kernel): result.blobs[btf.vmlinux]}
        names = dict(zip(btf.modules, btf.names, strict=True))
        for module in result.used:
            path = self._module_place(names[module])
            if path in blobs:
                raise AmbiguousError(f"two files for one module: {path}", source=kernel.store.full(names[module]))
            blobs[path] = result.blobs[module]
        return result, blobs

    def _place(self, kernel: Kernel) -> str:
        """The path of the output for a kernel's vmlinux: a file of the kernel's name, or `vmlinux` in its directory."""
        suffix = "" if self.options.pack == "none" else f".{self.options.pack}"
        if not kernel.is_directory:
            return f"{kernel.stem}.btf{suffix}"
        return _below(kernel.stem, f"vmlinux.btf{suffix}" if suffix else "vmlinux")

    def _module_place(self, path: str) -> str:
        from btfkit.files.modules import module_name

        directory, _, name = path.rpartition("/")
        suffix = "" if self.options.pack == "none" else f".btf.{self.options.pack}"
        return _below(directory, module_name(name) + suffix)

    def _record(
        self,
        kernel: Kernel,
        btf: LoadedKernel,
        result: Minimized,
        reader: Reader,
        blobs: dict[str, bytes],
        outputs: dict[str, bytes],
    ) -> Record:
        from hashlib import sha256

        statuses = [outcome.status for outcomes in result.outcomes for outcome in outcomes]
        record: Record = {
            "key": list(kernel.key.parts),
            "btf": sha256(btf.vmlinux.blob).hexdigest(),
            "inputs": reader.digests,
            "outputs": {path: sha256(data).hexdigest() for path, data in outputs.items()},
            "facts": {
                "types": sum(len(result.layers[layer].btf.positions) for layer in (btf.vmlinux, *result.used)),
                "bytes": sum(map(len, blobs.values())),
                "input_bytes": len(btf.vmlinux.blob),
                "modules": len(btf.modules) + btf.unwanted,
                "relocations": len(statuses),
                "answered": statuses.count("value"),
                "missing": statuses.count("missing"),
                "ambiguous": statuses.count("ambiguous"),
                "error": statuses.count("error"),
                "misread": sum(bool(outcome.misread) for outcomes in result.outcomes for outcome in outcomes),
            },
        }
        if reader.etags:
            record["etags"] = reader.etags
        return record


def _below(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _report_lines(
    objects: Sequence[BpfObject], outcomes: Sequence[Sequence[Outcome]], report: str
) -> Iterator[tuple[str, str, str]]:
    """(object, access, outcome) of the relocations that the report lists."""
    for obj, answers in zip(objects, outcomes, strict=True):
        for relocation, outcome in zip(obj.relocations, answers, strict=True):
            if outcome.misread:
                yield obj.name, obj.expression(relocation), f"{outcome.value}, wrong: {outcome.misread}"
            elif report == "all" or outcome.status != "value":
                yield obj.name, obj.expression(relocation), f"{outcome.status}: {outcome.detail or outcome.value}"
