"""`minimize_archive`: a whole tree of kernels, and their modules, cut down to what programs read, into a tree of the same
layout.

Each kernel is a job of its own: read, cut, proved and written by one worker.  What comes out does not depend on how many
workers there are, nor on whether it was done in one run: the manifest beside the output tells what is done already, by
content."""

from __future__ import annotations

from btfkit.errors import AmbiguousError, FormatError, refuse_text
from btfkit.fleet.manifest import Journal, Manifest, read_manifest, remove_leftovers
from btfkit.fleet.store import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from btfkit.btf.btf import Btf
    from btfkit.btf_file import KernelBtf
    from btfkit.co_re.program import BpfObject
    from btfkit.co_re.relocate import Outcome
    from btfkit.files.elf import Data
    from btfkit.fleet.manifest import Record
    from btfkit.fleet.store import Store
    from btfkit.fleet.tree import Kernel, Tree
    from btfkit.passes.minimize import Minimized
    from btfkit.passes.select import Closure
    from btfkit.work.job import Ended
    from btfkit.work.jobs import Observe

PACKINGS = ("none", "xz", "zst", "gz", "tar.xz")
_KINDS = {"xz": "xz", "tar.xz": "xz", "zst": "zstd", "gz": "gzip"}


class OutputError(OSError):
    """The output cannot be written (disk full, no permission): no kernel's fault, and the end of the run."""


class Options:
    """How every kernel is cut; see `btfkit.minimize`.  `pack`: how outputs are packed; `keep_going`: a bad module is left
    out."""

    __slots__ = ("closure", "keep_funcs", "keep_going", "keep_types", "pack", "report", "verify")

    def __init__(
        self,
        *,
        keep_types: Sequence[str],
        keep_funcs: Sequence[str],
        closure: Closure | None,
        verify: bool,
        pack: str,
        keep_going: bool,
        report: str | None,
    ) -> None:
        if pack not in PACKINGS:
            raise ValueError(f"pack {pack!r}: it has to be one of {', '.join(PACKINGS)}")
        self.keep_types = tuple(keep_types)
        self.keep_funcs = tuple(keep_funcs)
        self.closure = closure
        self.verify = verify
        self.pack = pack
        self.keep_going = keep_going
        self.report = report

    def as_dict(self) -> dict[str, object]:
        """What the output depends on."""
        names = ("closure", "keep_funcs", "keep_types", "pack", "verify")
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in names}


class Made:
    """What was made of a kernel: its `stem`, the `record` for the manifest, `same` where all of it was there already.

    `left_out` are the errors of modules; `blobs` the outputs by path where they are not written; `report` is what
    `Options.report` asked for, (object, access, what it yields) each.
    """

    __slots__ = ("blobs", "left_out", "record", "report", "same", "stem")

    def __init__(self, stem: str, record: Record, *, same: bool = False) -> None:
        self.stem = stem
        self.record = record
        self.same = same
        self.left_out: list[str] = []
        self.report: list[tuple[str, str, str]] = []
        self.blobs: dict[str, bytes] | None = None


class Archived:
    """The result of `minimize_archive`.

    `tree` is what was found; `kernels` are those that could be cut, in the tree's order, and `made` what became of each;
    `failed` has (kernel, error) of the others; `removed` are the paths of outputs that went because their kernel is gone
    or fails now; `notes` are sentences about the manifest; `manifest` is as written."""

    def __init__(self, tree: Tree, manifest: Manifest) -> None:
        self.tree = tree
        self.manifest = manifest
        self.kernels: list[Kernel] = []
        self.made: list[Made] = []
        self.failed: list[tuple[Kernel, Exception]] = []
        self.removed: list[str] = []
        self.notes: list[str] = []


def minimize_archive(
    tree: str | Tree,
    out: str | None,
    objects: Sequence[str | BpfObject],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    observe: Observe | None = None,
    on_error: Callable[[Kernel, Exception], None] | None = None,
    heed_markers: bool = True,
    keep_types: Sequence[str] = (),
    keep_funcs: Sequence[str] = (),
    closure: Closure | None = None,
    verify: bool = True,
    pack: str = "none",
    keep_going: bool = False,
    report: str | None = None,
) -> Archived:
    """Cut every kernel of `tree` (a folder, a URL, or what `find_kernels` found) down to what `objects` (paths of files, or
    BpfObjects) read, and write it to the same place below `out` (a folder or URL; None: the result has the bytes).

    `executor` is any executor of concurrent.futures, else `workers` processes are started (None: one a processor);
    `observe(done, total)` is called as kernels are done, `on_error(kernel, error)` when one fails, which does not end the
    run. `keep_types`, `keep_funcs` and `closure` are those of `minimize`; `pack` is one of PACKINGS; with `keep_going` a
    bad module is left out in place of its kernel; `report` ("missing" or "all") lists relocations in each `Made`. Every
    output answers every relocation as its input does: proved unless `verify` is false.  Raises OSError where the tree
    cannot be listed or the output not be written, and what is wrong with an object."""
    from btfkit.fleet.tree import find_kernels
    from btfkit.work.jobs import run

    refuse_text(objects=objects, keep_types=keep_types, keep_funcs=keep_funcs)
    options = Options(
        keep_types=keep_types,
        keep_funcs=keep_funcs,
        closure=closure,
        verify=verify,
        pack=pack,
        keep_going=keep_going,
        report=report,
    )
    programs, digests = _read_programs(objects)
    found = find_kernels([tree], heed_markers=heed_markers) if isinstance(tree, str) else tree
    store = open_store(out) if out is not None else None
    manifest = Manifest(_work_digest(programs, options), _head(digests, options))
    result = Archived(found, manifest)
    before = _previous(store, manifest, result) if store is not None else {}
    journal = Journal(store, manifest) if store is not None else None
    try:
        if store is not None:
            remove_leftovers(store, [path for record in before.values() for path in record["outputs"]])
        jobs = [(kernel, before.get(kernel.stem)) for kernel in found.kernels]
        ended: dict[int, Ended] = {}
        for one in run(Shrink(programs, options, out), jobs, executor=executor, workers=workers, observe=observe):
            _note(one, found.kernels[one.number], journal, on_error)
            ended[one.number] = one
        _collect(result, found.kernels, ended)
        if store is not None and journal is not None:
            _clear(store, journal, result, before)
    finally:
        if journal is not None:
            journal.close()
    return result


def _note(
    one: Ended, kernel: Kernel, journal: Journal | None, on_error: Callable[[Kernel, Exception], None] | None
) -> None:
    """Take down what became of a kernel."""
    if isinstance(one.error, OutputError):
        raise one.error
    if one.error is not None and on_error is not None:
        on_error(kernel, one.error)
    if one.error is None and journal is not None and not one.value.same:
        journal.add(kernel.stem, one.value.record)


def _collect(result: Archived, kernels: Sequence[Kernel], ended: dict[int, Ended]) -> None:
    for number, kernel in enumerate(kernels):
        one = ended[number]
        if one.error is not None:
            result.failed.append((kernel, one.error))
        else:
            result.kernels.append(kernel)
            result.made.append(one.value)


# ---- what is there already ---------------------------------------------------------------------------------------


def _previous(store: Store, manifest: Manifest, result: Archived) -> dict[str, Record]:
    """The records of an earlier run, which `manifest` takes over; what was made otherwise only counts as to be replaced."""
    try:
        earlier = read_manifest(store)
    except FormatError as error:
        result.notes.append(f"{error}; everything is made anew, and what is there and not made again stays")
        return {}
    if earlier is None:
        return {}
    if earlier.work != manifest.work:
        what = "with other objects or options"
        if earlier.head.get("tool") != manifest.head["tool"]:
            what = f"by {earlier.head.get('tool')}"
        result.notes.append(f"what is there was made {what}: everything is made anew")
        for record in earlier.records.values():
            record["inputs"] = {}
    manifest.records.update(earlier.records)
    return earlier.records


def _clear(store: Store, journal: Journal, result: Archived, before: dict[str, Record]) -> None:
    """Remove what earlier runs wrote and this one did not."""
    made = {one.stem: one.record for one in result.made}
    current = {path for record in made.values() for path in record["outputs"]}
    for stem in sorted(before):
        for path in sorted(set(before[stem]["outputs"]) - current):
            if store.stamp(path):
                store.remove(path)
                result.removed.append(path)
        if stem not in made:
            journal.add(stem, None)


def _head(digests: list[dict[str, str]], options: Options) -> dict[str, object]:
    from btfkit._version import __version__

    return {"tool": f"btfkit {__version__}", "objects": digests, "options": options.as_dict()}


def _work_digest(programs: Sequence[Program], options: Options) -> str:
    from hashlib import sha256
    from json import dumps

    head = _head([{"name": "", "sha256": program.digest()} for program in programs], options)
    return sha256(dumps(head, sort_keys=True).encode()).hexdigest()


# ---- objects that travel -----------------------------------------------------------------------------------------


class Program:
    """What of a BPF object a relocation can see, in a form that pickles."""

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
        """SHA-256 of all that an answer depends on."""
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
        if before is not None and store is not None and _is_current(kernel, before, store):
            return Made(kernel.stem, before, same=True)
        reader = _Reader(kernel)
        left_out: list[str] = []
        chain = kernel.load(reader.read, self._excuse(left_out), self._readable(kernel, objects))
        result, blobs = self._cut(kernel, chain, objects)
        outputs = {path: self._pack(path, blob) for path, blob in blobs.items()}
        reader.demand_unchanged()
        made = Made(kernel.stem, self._record(kernel, chain, result, reader, blobs, outputs))
        made.left_out = left_out
        if self.options.report:
            made.report = list(_report_lines(objects, result.outcomes, self.options.report))
        if store is None:
            made.blobs = outputs
        else:
            _write(store, outputs, before)
        return made

    def _readable(self, kernel: Kernel, objects: Sequence[BpfObject]) -> Callable[[Btf], bool] | None:
        """Which modules can be read at all; thousands cannot, and need no room.  None: any."""
        if not kernel.modules or self.options.keep_types or self.options.keep_funcs:
            return None
        from btfkit.co_re.relocate import roots

        return roots(objects).are_in

    def _excuse(self, left_out: list[str]) -> Callable[[Exception], None] | None:
        return (lambda error: left_out.append(str(error))) if self.options.keep_going else None

    def _cut(
        self, kernel: Kernel, chain: KernelBtf, objects: Sequence[BpfObject]
    ) -> tuple[Minimized, dict[str, bytes]]:
        """The cut BTF of vmlinux and of the modules that are read, by path, proved."""
        from btfkit.file_ops.minimize import minimize

        options = self.options
        result = minimize(
            chain.vmlinux,
            objects,
            chain.modules,
            keep_types=options.keep_types,
            keep_funcs=options.keep_funcs,
            closure=options.closure,
            prove=options.verify,
        )
        blobs = {self._place(kernel): result.blobs[chain.vmlinux]}
        names = dict(zip(chain.modules, chain.names, strict=True))
        for module in result.used:
            path = self._module_place(names[module])
            if path in blobs:
                raise AmbiguousError(f"two files for one module: {path}", source=kernel.store.full(names[module]))
            blobs[path] = result.blobs[module]
        return result, blobs

    def _place(self, kernel: Kernel) -> str:
        """Where the output for a kernel's vmlinux goes: a file of the kernel's name, or `vmlinux` in its folder."""
        suffix = "" if self.options.pack == "none" else f".{self.options.pack}"
        if not kernel.is_folder:
            return f"{kernel.stem}.btf{suffix}"
        return _below(kernel.stem, f"vmlinux.btf{suffix}" if suffix else "vmlinux")

    def _module_place(self, path: str) -> str:
        from btfkit.files.modules import module_name

        folder, _, name = path.rpartition("/")
        suffix = "" if self.options.pack == "none" else f".btf.{self.options.pack}"
        return _below(folder, module_name(name) + suffix)

    def _pack(self, path: str, blob: bytes) -> bytes:
        kind = _KINDS.get(self.options.pack)
        if kind is None:
            return blob
        from btfkit.files.compression import pack
        from btfkit.files.tar import single_member

        if self.options.pack == "tar.xz":
            blob = single_member(path.rpartition("/")[2].removesuffix(".tar.xz"), blob)
        return pack(blob, kind, path)

    def _record(
        self,
        kernel: Kernel,
        chain: KernelBtf,
        result: Minimized,
        reader: _Reader,
        blobs: dict[str, bytes],
        outputs: dict[str, bytes],
    ) -> Record:
        from hashlib import sha256

        statuses = [outcome.status for outcomes in result.outcomes for outcome in outcomes]
        return {
            "key": list(kernel.key.parts),
            "btf": sha256(chain.vmlinux.blob).hexdigest(),
            "inputs": reader.digests,
            **({"etags": reader.etags} if reader.etags else {}),
            "outputs": {path: sha256(data).hexdigest() for path, data in outputs.items()},
            "facts": {
                "types": sum(len(result.layers[btf].btf.positions) for btf in (chain.vmlinux, *result.used)),
                "bytes": sum(map(len, blobs.values())),
                "input_bytes": len(chain.vmlinux.blob),
                "modules": len(chain.modules) + chain.unwanted,
                "relocations": len(statuses),
                "answered": statuses.count("value"),
                "missing": statuses.count("missing"),
                "ambiguous": statuses.count("ambiguous"),
                "error": statuses.count("error"),
            },
        }


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_current(kernel: Kernel, record: Record, store: Store) -> bool:
    """Whether a kernel's files are those that a record was made of, and the outputs are there, byte for byte."""
    from hashlib import sha256

    inputs = record["inputs"]
    if set(inputs) != {*kernel.paths, *kernel.modules}:
        return False
    try:
        if any(sha256(store.read(path)).hexdigest() != digest for path, digest in record["outputs"].items()):
            return False
        if record.get("etags") and record["etags"] == _etags(kernel.store, inputs):
            return True  # the other side has told that nothing changed
        return all(sha256(kernel.store.read(path)).hexdigest() == digest for path, digest in inputs.items())
    except OSError:
        return False


def _etags(store: Store, paths: Iterable[str]) -> dict[str, str]:
    """The stamps of files that follow their content: of object stores, and of web servers that know such."""
    from btfkit.fleet.store import ETAG

    stamps = {path: store.stamp(path) for path in paths}
    return stamps if all(stamp.startswith(ETAG) for stamp in stamps.values()) else {}


def _write(store: Store, outputs: dict[str, bytes], before: Record | None) -> None:
    """Write a kernel's outputs; those of an earlier run that are no more go.  Raises OutputError."""
    try:
        for path, data in outputs.items():
            store.write(path, data)
        for path in set(before["outputs"] if before else ()) - set(outputs):
            store.remove(path)
    except OSError as error:
        raise OutputError(error.errno, error.strerror or str(error), error.filename) from None


def _report_lines(
    objects: Sequence[BpfObject], outcomes: Sequence[Sequence[Outcome]], report: str
) -> Iterator[tuple[str, str, str]]:
    """(object, expression, what it yields) of the relocations that the report lists."""
    for obj, answers in zip(objects, outcomes, strict=True):
        for relocation, outcome in zip(obj.relocations, answers, strict=True):
            if report == "all" or outcome.status != "value":
                yield obj.name, obj.expression(relocation), f"{outcome.status}: {outcome.detail or outcome.value}"


class _Reader:
    """Reads a kernel's files and keeps the SHA-256 of what it read; a file that changes meanwhile is found out."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.digests: dict[str, str] = {}
        self.stamps: dict[str, str] = {}

    def read(self, path: str) -> Data:
        from hashlib import sha256

        self.stamps[path] = self.kernel.store.stamp(path)
        data = self.kernel.store.read(path)
        self.digests[path] = sha256(data).hexdigest()
        return data

    @property
    def etags(self) -> dict[str, str]:
        """The stamps, where all of them follow the content."""
        from btfkit.fleet.store import ETAG

        return self.stamps if all(stamp.startswith(ETAG) for stamp in self.stamps.values()) else {}

    def demand_unchanged(self) -> None:
        """Raise FormatError where a file is another one than when it was read."""
        for path, stamp in self.stamps.items():
            if self.kernel.store.stamp(path) != stamp:
                raise FormatError("it changed while it was read: run this again", source=self.kernel.store.full(path))
