"""`check`: find which kernels a program breaks on, and why.

    matrix = btfkit.check(["prog.bpf.o"], ["btfhub-archive/", "/sys/kernel/btf/vmlinux"])
    for number, program in enumerate(matrix.programs):
        for part in matrix.ranges(number):
            print(program, part.status, len(part.columns))

Each kernel is a job of its own (`work/jobs.py`), whose result is a list of verdicts.  If a read is missing on some kernels only,
a second round compares the kernels on both sides of the change, and looks for a replacement (`fleet/hints.py`).
"""

from __future__ import annotations

import os

from btfkit.co_re.kinds import kind_name
from btfkit.co_re.loaders import loader_named
from btfkit.errors import BtfError, NotFoundError, UnsupportedError, error_text, printable, refuse_text
from btfkit.fleet.matrix import Matrix, Program, ReadSite, columns_of
from btfkit.fleet.meanings import add_meanings
from btfkit.fleet.objects import object_files, readable_codes
from btfkit.fleet.pieces import Judge, Pieces
from btfkit.fleet.symbol_tables import demand_symbol_tables, symbol_table_of
from btfkit.programs.checks import Checks
from btfkit.programs.code import EXTERN, KFUNC, NO_PROGRAM
from btfkit.programs.constants import version_range
from btfkit.programs.symbol_table import read_symbol_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from btfkit.btf.btf import Btf
    from btfkit.co_re.program import Relocation
    from btfkit.co_re.target import Target
    from btfkit.fleet.matrix import Column
    from btfkit.fleet.tree import Kernel, Tree
    from btfkit.programs.code import Code, Function
    from btfkit.programs.symbol_table import SymbolTable
    from btfkit.work.job import Ended

    Path = str | os.PathLike[str]
    Observe = Callable[[int, int], None]


class UnknownProgram(NotFoundError):
    """A required program is not in any of the objects."""


def check(
    objects: Iterable[Path],
    kernels: Iterable[Path] | Tree,
    modules: Sequence[Path] = (),
    *,
    given: Mapping[str, int] | None = None,
    require: Sequence[str] = (),
    allow: Iterable[str] = (),
    baseline: Path | None = None,
    hints: bool = True,
    loader: str = "libbpf",
    kallsyms: Sequence[Path] = (),
    executor: Executor | None = None,
    workers: int | None = None,
    observe: Observe | None = None,
) -> Matrix:
    """Judge each program of `objects` on each of `kernels`: whether it works, works guarded, or breaks.

    `objects` are files (BPF objects, or executables that embed some) and directories of them. `kernels` are BTF files, kernel
    images, directories, trees in BTFHub's layout and bundles, or a result of `find_kernels`. `modules` are files and
    directories of modules: for one kernel all of them, for several kernels the directories in them that are named like the
    kernels (`uname -r`). `given` are values that user space sets before loading, by the name of the `const volatile` variable
    or kconfig extern. `failures()` of the result depend on `require`, globs of the programs that must not break (default: all
    except optional ones), on `allow`, exceptions ("PROGRAM-GLOB@KERNEL-GLOB"), and on `baseline`, an earlier report, whose
    failures do not count again. `loader` is whose rules answer relocations: "libbpf", "cilium" or "aya".  `kallsyms` are symbol
    tables (System.map, /proc/kallsyms), for externs that BTF does not describe: for several kernels, files that are named like
    them (System.map-RELEASE), or directories of such; by default, one beside a kernel is read.

    A kernel that cannot be read is a column with an error; a module or an object that cannot is skipped (`Matrix.unread`).
    `observe(done, total)` is called for each kernel, then for each pair of kernels that is compared for hints.  Raises the
    error of the first object if none can be read, and NotFoundError if there are no kernels.
    """
    from btfkit.fleet.report import load_baseline
    from btfkit.fleet.tree import Tree, find_kernels
    from btfkit.work import jobs

    refuse_text(objects=objects, kernels=kernels, modules=modules, require=require, allow=allow, kallsyms=kallsyms)
    paths = object_files(os.fspath(path) for path in objects)
    tree = kernels if isinstance(kernels, Tree) else find_kernels(os.fspath(path) for path in kernels)
    tree.demand_kernels()
    module_paths = [os.fspath(path) for path in modules]
    unames = [kernel.key.uname for kernel in tree.kernels]
    _demand_modules(module_paths, unames)
    unread: dict[str, Exception] = {}
    codes = list(readable_codes(paths, unread.setdefault))
    if unread and not codes:
        raise next(iter(unread.values()))
    tables = [os.fspath(path) for path in kallsyms]
    demand_symbol_tables(tables)
    work = Work(
        paths,
        module_paths,
        dict(given or {}),
        single=len(unames) == 1,
        loader=loader_named(loader).name,
        codes=codes,
        kallsyms=tables,
    )
    matrix = matrix_of(codes, columns_of(tree.kernels))
    matrix.loader = loader
    matrix.unread = [(path, error_text(error, path)) for path, error in unread.items()]
    matrix.warnings += _useless(work, tree.kernels)
    matrix.warnings += _bundle_warnings(tree.kernels, paths)
    matrix.allowed = [parse_allowed(text) for text in allow]
    matrix.baseline = load_baseline(os.fspath(baseline)) if baseline is not None else None
    unknown = matrix.require(require)
    if unknown:
        raise UnknownProgram(f"no program {unknown[0]!r} in the objects")
    _judge(matrix, work, jobs.run(work, tree.kernels, executor=executor, workers=workers, observe=observe))
    add_meanings(matrix)
    if hints:
        from btfkit.fleet.hints import add_hints

        add_hints(matrix, tree.kernels, work, executor=executor, workers=workers, observe=observe)
    return matrix


def _demand_modules(paths: Sequence[str], unames: Sequence[str]) -> None:
    """Raise an error for modules that are missing, or of none of several kernels, before any kernel is read."""
    from btfkit.files.modules import check_modules

    for path in paths:
        check_modules(path)
    if paths and len(unames) > 1 and not any(_own_modules(paths, unames)):
        raise NotFoundError(
            f"modules for {len(unames)} kernels: expected directories named like them ({printable(unames[0])}, ...)",
            source=paths[0],
        )


def _useless(work: Work, kernels: Sequence[Kernel]) -> Iterable[tuple[str, str]]:
    """A warning for each operand that has modules or symbols of none of the kernels."""
    from btfkit.files.modules import NO_MODULES, has_modules

    unames = [kernel.key.uname for kernel in kernels]
    for path in work.modules:
        places = [path] if work.single else _own_modules([path], unames)
        if not any(has_modules(place) for place in places):
            yield path, NO_MODULES if work.single else f"no modules of these {len(unames)} kernels"
    for path in work.kallsyms:
        if not any(symbol_table_of(kernel, [path], single=work.single, beside=False) for kernel in kernels):
            yield path, "no symbol table of these kernels (System.map-RELEASE, kallsyms-RELEASE)"


def _judge(matrix: Matrix, work: Work, ended: Iterable[Ended]) -> None:
    """Put the verdicts of the kernels, as they arrive, into their columns."""
    arrived = Pieces(matrix)
    for job in ended:
        if job.error is not None:
            matrix.columns[job.number].error = error_text(job.error)
        else:
            pieces, matrix.columns[job.number].skipped = job.value
            arrived.put(job.number, pieces)
    matrix.settle()


def _bundle_warnings(kernels: Sequence[Kernel], objects: Sequence[str]) -> Iterable[tuple[str, str]]:
    """A warning for each object that a bundle of minimized BTF was not made for."""
    from btfkit.fleet.bundled import BundleStore

    bundles = {kernel.store.root: kernel.store for kernel in kernels if isinstance(kernel.store, BundleStore)}
    if not bundles:
        return
    from hashlib import sha256

    from btfkit.files.container import open_bytes

    for path in objects:
        try:
            digest = sha256(open_bytes(path)).hexdigest()
        except OSError:
            continue
        for store in bundles.values():
            if not store.is_made_for(os.path.basename(path), digest):
                yield (
                    path,
                    f"the BTF in {store.root} was minimized for other objects: what it lacks, the kernels may have",
                )


def matrix_of(codes: Sequence[Code], columns: Sequence[Column]) -> Matrix:
    """An empty matrix for the programs of `codes` and the kernels of `columns`."""
    matrix = Matrix(_programs(codes), columns, _object_names(codes))
    matrix.warnings = [(code.name, text) for code in codes for text in _warnings(code)]
    return matrix


class Work:
    """The work on a kernel (`work.job.Work`): relocate all objects on it and walk their programs."""

    def __init__(
        self,
        objects: list[str],
        modules: list[str],
        given: dict[str, int],
        *,
        single: bool,
        loader: str = "libbpf",
        codes: list[Code] | None = None,
        kallsyms: Sequence[str] = (),
    ) -> None:
        self.loader = loader
        self.kallsyms = list(kallsyms)
        self.objects = objects
        self.modules = modules
        self.given = given
        self.single = single
        self._codes = codes  # the objects, if they were read; other machines read them again

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_codes": None}

    def prepare(self) -> Judge:
        """The objects, read and linked."""
        codes = self._codes if self._codes is not None else list(readable_codes(self.objects, _ignored))
        return Judge(Checks(codes, self.given, loader_named(self.loader)))

    def run(self, state: Judge, job: Kernel) -> tuple[list[bytes], list[str]]:
        """The verdicts of all programs on one kernel (`pieces.py`), and an error for each module that was skipped."""
        skipped: list[str] = []
        target = self.target(job, state.checks, lambda error: skipped.append(error_text(error)))
        symbols = self.symbols(job, state.checks)
        return state.pieces(target, version_range(job.key.uname), symbols), skipped

    def symbols(self, kernel: Kernel, checks: Checks) -> SymbolTable | None:
        """The symbol table of a kernel, if one was given or stands beside it, and an object asks for symbols."""
        wanted = checks.symbols
        path = symbol_table_of(kernel, self.kallsyms, single=self.single) if wanted else ""
        if not path:
            return None
        with open(path, "rb") as file:
            return read_symbol_table(file.read(), wanted, path)

    def target(self, kernel: Kernel, checks: Checks, on_error: Callable[[Exception], None]) -> Target:
        """The BTF of a kernel and of those of its modules that `checks` ask for; `on_error` receives the error of a module that
        cannot be read."""
        from btfkit.btf_file import SharedBase
        from btfkit.co_re.target import Target
        from btfkit.loaded_kernel import modules_on

        kept: list[Btf] = []

        def is_wanted(module: Btf) -> bool:
            """The first module is kept in any case: its presence states that modules are known."""
            return not kept or checks.ask_for(module)

        btf = kernel.load(on_error=on_error, wanted=is_wanted)
        kept += btf.modules
        paths = self.modules if self.single else _own_modules(self.modules, [kernel.key.uname])
        for _, _, module in modules_on(paths, SharedBase(btf.vmlinux), on_error):
            if module is not None and is_wanted(module):
                kept.append(module)
        return Target(btf.vmlinux, kept)


def _ignored(path: str, error: Exception) -> None:
    """`check` has reported this object."""


def _own_modules(directories: Sequence[str], unames: Sequence[str]) -> list[str]:
    """The directories and tars in `directories` that are named like one of the kernels."""
    suffixes = ("", ".tar", ".tar.xz", ".tar.zst", ".tar.gz")
    places = (
        os.path.join(directory, uname + suffix) for directory in directories for uname in unames for suffix in suffixes
    )
    return [path for path in places if os.path.exists(path)]


def _programs(codes: Sequence[Code]) -> list[Program]:
    programs = []
    for name, code in zip(_object_names(codes), codes, strict=True):
        places = {
            number: _place(code, relocation, code.object.expression(relocation), kind_name(relocation.kind))
            for number, relocation in enumerate(code.object.relocations)
            if code.owners[number] is not None
        }
        for program in code.entries:
            if program is NO_PROGRAM:
                start = ReadSite("", "", 0, "", "object", code.object.source)
            else:
                start = _place(code, _Spot(program.section, program.offset), program.attach, "attach")
            programs.append(
                Program(name, program.name, program.attach, program.optional, places, start, _uses(code, program))
            )
    return programs


def _object_names(codes: Sequence[Code]) -> list[str]:
    """Short names, with the path if two objects share one."""
    count: dict[str, int] = {}
    for code in codes:
        count[code.name] = count.get(code.name, 0) + 1
    return [code.name if count[code.name] == 1 else f"{code.name} ({code.object.source})" for code in codes]


class _Spot:
    """An instruction without a relocation."""

    __slots__ = ("insn_off", "section")

    def __init__(self, section: str, insn_off: int) -> None:
        self.section = section
        self.insn_off = insn_off


def _uses(code: Code, program: Function) -> dict[str, ReadSite]:
    """The first place where a program uses each extern, by name."""
    uses: dict[str, ReadSite] = {}
    try:
        linked = code.link(program)
    except BtfError:
        return uses
    for slot, reference in linked.references.items():
        if reference.kind in (KFUNC, EXTERN) and reference.name not in uses:
            start, function = linked.function_at(slot)
            spot = _Spot(function.section, function.offset + 8 * (slot - start))
            uses[reference.name] = _place(code, spot, reference.name, reference.kind)
    return uses


def _place(code: Code, spot: Relocation | _Spot, access: str, kind: str) -> ReadSite:
    owner = code.owner(spot.section, spot.insn_off)
    line = code.line(spot.section, spot.insn_off)
    source = (line.file, line.line, line.column, line.source) if line is not None else ()
    name, offset = (owner.name, owner.offset) if owner is not None else ("", 0)
    return ReadSite(name, spot.section, (spot.insn_off - offset) // 8, access, kind, *source)


def _warnings(code: Code) -> Iterable[str]:
    """Warnings about what is not checked: BTF that libbpf does not read, functions that the linker dropped, and sub-programs
    that nothing calls."""
    yield from code.object.notes
    dropped = sum(owner is None for owner in code.owners)
    if dropped and code.functions:  # without symbols, no function is known
        plural = "s belong" if dropped > 1 else " belongs"
        yield f"{dropped} relocation{plural} to functions that the linker dropped (weak ones that others replaced)"
    try:
        linked = {function for program in code.programs for _, function in code.link(program).functions}
    except BtfError:
        return
    uncalled = [f.name for f in code.functions if f not in linked and any(owner is f for owner in code.owners)]
    if uncalled:
        yield f"no program calls {', '.join(uncalled[:5])}{' and others' if len(uncalled) > 5 else ''}: not checked"


def parse_allowed(text: str) -> tuple[str, str]:
    """(program glob, kernel glob) of "PROGRAM@KERNEL-GLOB"; raises UnsupportedError."""
    program, mark, kernel = text.partition("@")
    if not mark or not program or not kernel:
        raise UnsupportedError(f"{text}: expected PROGRAM@KERNEL-GLOB, as in 'block_*@5.10.*'")
    return program, kernel


def parse_given(texts: Sequence[str]) -> dict[str, int]:
    """{name: value} of NAME=VALUE words (numbers as C writes them, y, n, m, true, false).  Raises UnsupportedError."""
    words = {"y": 1, "n": 0, "m": 2, "true": 1, "false": 0}
    found = {}
    for text in texts:
        name, mark, value = text.partition("=")
        try:
            found[name] = words[value] if value in words else int(value, 0)
        except ValueError:
            mark = ""
        if not mark or not name:
            raise UnsupportedError(f"{text!r}: expected NAME=NUMBER")
    return found
