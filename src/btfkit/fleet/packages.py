"""`encode_packages`: the kernels in debug packages become an archive of BTF in BTFHub's layout.

A package is a job of its own: one worker unpacks its vmlinux in memory and encodes it.  Files are written by the parent, which
alone sees that two packages have one kernel.  The manifest in the output records, by content, which packages are done, so that a
run can be continued, and further packages be added to the archive.
"""

from __future__ import annotations

import os

from btfkit.errors import FormatError, NotFoundError, counted, error_text, printable, refuse_text
from btfkit.file_ops.encode import EncodeFiles, WithDwarf, open_elf
from btfkit.files.archives import is_package
from btfkit.files.modules import PACKAGES
from btfkit.fleet.distributions import UNKNOWN, distribution
from btfkit.fleet.keys import Key, arch_of_machine, canonical_arch, is_arch, key_of, uname_of_path, version_order
from btfkit.fleet.manifest import COMMAND, Journal, Manifest, remove_leftovers
from btfkit.fleet.output import Reader, is_current, packed, previous, write
from btfkit.fleet.store import Folder, open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from btfkit.btf_file import BtfFile
    from btfkit.files.package import PackageFacts
    from btfkit.fleet.manifest import Record
    from btfkit.fleet.store import Store
    from btfkit.work.jobs import Observe

    OnResult = Callable[["EncodedPackage"], None]

SCHEMA = 1
MADE, SAME, WITHOUT, FAILED = "made", "unchanged", "without", "failed"
NO_PACKAGES = "no debug packages found: expected *.deb, *.ddeb or *.rpm"


class Package:
    """A package: its place, `path` below the directory `root`."""

    __slots__ = ("path", "root")

    def __init__(self, root: str, path: str) -> None:
        self.root = root
        self.path = path

    def __repr__(self) -> str:
        return f"<Package {self.full}>"

    @property
    def full(self) -> str:
        """Its path."""
        return os.path.join(self.root, self.path)

    @property
    def order(self) -> tuple[Any, ...]:
        """The sort key: the last of two packages of one kernel is that of the greater version."""
        return version_order(self.path), self.root, self.path


class EncodedPackage:
    """What became of a package: its `path`, and `status`: MADE, SAME (made by an earlier run), WITHOUT a kernel with DWARF, or
    FAILED.

    `version` is that of the package, `record` that of the manifest, `blobs` are the files to write, by path; `omitted` counts
    the functions without a FUNC by reason and `warnings` what was done otherwise than DWARF says; `text` states why nothing was
    made, `error` is what was raised.
    """

    __slots__ = ("blobs", "digest", "error", "omitted", "path", "record", "status", "text", "version", "warnings")

    def __init__(self, path: str, status: str, digest: str = "", record: Record | None = None, text: str = "") -> None:
        self.path = path
        self.status = status
        self.digest = digest
        self.record = record
        self.text = text
        self.version = ""
        self.blobs: dict[str, bytes] = {}
        self.omitted: dict[str, int] = {}
        self.warnings: dict[str, int] = {}
        self.error: Exception | None = None

    def __repr__(self) -> str:
        return f"<EncodedPackage {self.path}: {self.status}>"

    @property
    def output(self) -> str:
        """The path of its BTF in the archive, "" if it has none."""
        return next(iter(self.record["outputs"]), "") if self.record is not None else ""

    def fail(self, text: str) -> None:
        """Make a failure of it."""
        self.status, self.text, self.record, self.blobs = FAILED, text, None, {}

    def as_json(self) -> dict[str, object]:
        """For JSON."""
        head: dict[str, object] = {"path": self.path, "status": self.status}
        if self.record is None or not self.output:
            return {**head, "error": self.text}
        return {
            **head,
            "kernel": dict(zip(("distro", "release", "arch", "uname"), self.record["key"], strict=True)),
            "output": self.output,
            **self.record["facts"],
            "omitted": self.omitted,
            "warnings": self.warnings,
        }


class EncodedArchive:
    """The result of `encode_packages`: an EncodedPackage for each package, in the order of their versions, and `notes`, sentences
    about the manifest."""

    def __init__(self) -> None:
        self.packages: list[EncodedPackage] = []
        self.notes: list[str] = []

    def __repr__(self) -> str:
        return f"<EncodedArchive of {len(self.packages)} packages>"

    def of(self, status: str) -> list[EncodedPackage]:
        """The packages of a status."""
        return [one for one in self.packages if one.status == status]

    def as_json(self) -> dict[str, object]:
        """For JSON: schema 1, described in docs/encode.md."""
        return {"schema": SCHEMA, "packages": [one.as_json() for one in self.packages], "notes": self.notes}

    def summary_lines(self) -> Iterator[str]:
        """How many kernels were made, and of how many packages not."""
        yield from map(printable, self.notes)
        facts = [one.record["facts"] for one in (*self.of(MADE), *self.of(SAME)) if one.record is not None]
        yield (
            f"{counted(len(self.packages), 'package')}: {len(self.of(MADE)):,} made, {len(self.of(SAME)):,} unchanged,"
            f" {len(self.of(WITHOUT)):,} without a kernel with DWARF, {len(self.of(FAILED)):,} failed;"
            f" {counted(sum(fact['types'] for fact in facts), 'type')} with"
            f" {counted(sum(fact['functions'] for fact in facts), 'function')},"
            f" {sum(fact['bytes'] for fact in facts):,} bytes of BTF"
        )


def find_packages(paths: Iterable[str], on_error: Callable[[str, str], None] | None = None) -> list[Package]:
    """The packages in `paths`, files or directories, at any depth, in the order of their versions.

    `on_error(path, text)` is called for what cannot be listed.  Raises OSError for one of `paths` itself.
    """
    found: list[Package] = []
    for path in paths:
        if not os.path.isdir(path):
            os.stat(path)
            found.append(Package(os.path.dirname(path), os.path.basename(path)))
            continue
        store = Folder(path)

        def problem(name: str, text: str, store: Folder = store) -> None:
            if on_error is not None and (name.endswith(PACKAGES) or os.path.isdir(store.full(name))):
                on_error(store.full(name), text)

        found += [Package(path, name) for name in store.walk(problem) if name.endswith(PACKAGES)]
    unique = {os.path.realpath(one.full): one for one in sorted(found, key=lambda one: one.order)}
    return list(unique.values())


def encode_packages(
    paths: Iterable[str],
    out: str,
    *,
    workers: int | None = None,
    observe: Observe | None = None,
    on_result: OnResult | None = None,
    **options: Any,
) -> EncodedArchive:
    """Encode the kernel in each of the debug packages in `paths` (files and directories, at any depth), and write its BTF to
    DISTRO/RELEASE/ARCH/UNAME.btf.tar.xz below `out`, a directory or URL.

    Directories that are called so name a package's place; otherwise distribution and release are taken from the package, and
    omitted if it does not show them.  Packages that an earlier run has made are skipped; what else is in `out` stays.  Of two
    packages of one kernel, that of the greater version is taken, and the other has failed.

    The work is done by `workers` processes (None: one per CPU); `observe(done, total)` is called after each package, and
    `on_result(package)` with each EncodedPackage, once more if it is replaced by one of a greater version.  A package that fails
    does not end the run.  `options` are `features`, `skip_languages`, `force` and `debug_dirs` of `encode_file`.  Raises OSError
    if `paths` cannot be listed or the output not be written, NotFoundError if there is no package, UnsupportedError if `out` has
    the output of `min --archive`.
    """
    from btfkit.work.jobs import run

    paths = list(paths)
    refuse_text(paths=paths)
    operation = EncodeFiles(None, raw=True, **options)
    problems: list[EncodedPackage] = []
    packages = find_packages(paths, lambda path, text: problems.append(_problem(path, f"{printable(path)}: {text}")))
    if not packages and not problems:
        raise NotFoundError(NO_PACKAGES, source=paths[0] if len(paths) == 1 else None)
    store = open_store(out)
    head = _head(operation)
    manifest = Manifest(_work_digest(head), head)
    result = EncodedArchive()
    before = previous(store, manifest, result.notes, "versions")
    for one in problems:
        _report(one, on_result)
    with Journal(store, manifest, alone=True) as journal:
        remove_leftovers(store, [path for record in before.values() for path in record["outputs"]])
        places = _Places(store, journal, packages, before)
        work = EncodePackages(operation, out, before)
        for ended in run(work, packages, workers=workers, observe=observe):
            one = ended.value if ended.error is None else _failed(packages[ended.number], ended.error)
            for reported in places.put(ended.number, one):
                _report(reported, on_result)
        for reported in places.settle():
            _report(reported, on_result)
        result.packages = [*problems, *places.packages()]
    return result


def _report(one: EncodedPackage, on_result: OnResult | None) -> None:
    if on_result is not None:
        on_result(one)


def _problem(path: str, text: str) -> EncodedPackage:
    return EncodedPackage(path, FAILED, text=text)


def _failed(package: Package, error: Exception) -> EncodedPackage:
    text = error_text(error)
    place = printable(package.full)
    one = _problem(package.full, text if place in text else f"{place}: {text}")
    one.error = error
    return one


def _head(operation: EncodeFiles) -> dict[str, object]:
    from btfkit._version import __version__

    options = {
        "features": list(operation.features),
        "skip_languages": list(operation.skip_languages),
        "force": operation.force,
    }
    return {"tool": f"btfkit {__version__}", "command": COMMAND, "options": options}


def _work_digest(head: dict[str, object]) -> str:
    from hashlib import sha256
    from json import dumps

    return sha256(dumps(head, sort_keys=True).encode()).hexdigest()


class _Places:
    """Writes the files of packages as they are done, each place by the package of the greatest version, in whatever order they
    come."""

    def __init__(self, store: Store, journal: Journal, packages: list[Package], before: dict[str, Record]) -> None:
        self._made_before = {output: digest for digest, record in before.items() for output in record["outputs"]}
        self._contested: list[int] = []  # packages whose place an earlier run gave to another, which may come yet
        self._store = store
        self._journal = journal
        self._packages = packages
        self._done: dict[int, EncodedPackage] = {}
        self._taken: dict[str, int] = {}  # the number of the package by place

    def packages(self) -> list[EncodedPackage]:
        """All that are done, in order."""
        return [self._done[number] for number in sorted(self._done)]

    def put(self, number: int, one: EncodedPackage) -> list[EncodedPackage]:
        """Take the result of a package, and return those to report: this one, and any that is now replaced.

        Raises OutputError if it cannot be written.
        """
        self._done[number] = one
        if one.status == MADE and self._made_before.get(one.output, one.digest) != one.digest:
            self._contested.append(number)
            return []
        return self._place(number, one)

    def settle(self) -> list[EncodedPackage]:
        """Take those whose place might have been that of a package made by an earlier run; returns those to report."""
        waiting, self._contested = sorted(self._contested), []
        return [reported for number in waiting for reported in self._place(number, self._done[number])]

    def _place(self, number: int, one: EncodedPackage) -> list[EncodedPackage]:
        lost: list[EncodedPackage] = []
        if one.record is None:
            return [one]
        if one.output:
            other = self._taken.get(one.output)
            if other is not None and self._done[other].digest == one.digest:
                one.status, one.blobs = SAME, {}  # a copy of the same package
                return [one]
            if other is not None and self._rank(other) > self._rank(number):
                return self._replaced(number, other)
            self._taken[one.output] = number
            write(self._store, one.blobs, ())
            for digest, record in list(self._journal.records()):
                if digest != one.digest and one.output in record["outputs"]:
                    self._journal.add(digest, None)
            if other is not None:
                lost = self._replaced(other, number)
        one.blobs = {}
        if one.status != SAME:
            self._journal.add(one.digest, one.record)
        return [one, *lost]

    def _rank(self, number: int) -> tuple[Any, ...]:
        """The order of packages of one kernel."""
        return version_order(self._done[number].version), self._packages[number].order

    def _replaced(self, number: int, other: int) -> list[EncodedPackage]:
        """Make failures of a package and its copies, since `other` has the same kernel."""
        output, digest = self._done[number].output, self._done[number].digest
        found: list[EncodedPackage] = []
        for copy, one in self._done.items():
            if one.digest == digest and one.record is not None:
                place = printable(self._packages[copy].full)
                one.fail(f"{place}: has the same kernel ({output}) as {printable(self._packages[other].full)}; skipped")
                found.append(one)
        return found


class EncodePackages:
    """The work of `encode_packages`: a job is a Package, its result an EncodedPackage; `before` are the records of an earlier
    run."""

    def __init__(self, operation: EncodeFiles, out: str, before: dict[str, Record]) -> None:
        self.operation = operation
        self.out = out
        self.before = before

    def prepare(self) -> Store:
        return open_store(self.out)

    def run(self, store: Store, package: Package) -> EncodedPackage:
        from btfkit.files.package import package_facts

        inputs = Folder(package.root)
        reader = Reader(inputs)
        data = reader.read(package.path)
        digest = reader.digests[package.path]
        if not is_package(data):
            what = f"begins with {bytes(data[:4]).hex(' ')}" if len(data) else "is empty"
            raise FormatError(f"expected a package (.deb, .rpm), found a file that {what}", source=package.full)
        facts = package_facts(data, package.full)
        record = self.before.get(digest)
        if record is not None and record["inputs"] and _is_right(record, package, facts, store):
            if not record["outputs"]:
                text = f"{printable(package.full)}: no kernel with DWARF"
                return EncodedPackage(package.full, WITHOUT, digest, record, text)
            same = EncodedPackage(package.full, SAME, digest, record)
            same.version = facts.version
            return same
        try:
            file = open_elf(package.full, data)
        except NotFoundError as error:
            record = _record(Key("", "", "", ""), b"", {package.path: digest}, {}, {})
            return EncodedPackage(package.full, WITHOUT, digest, record, error_text(error))
        try:
            dwarf = WithDwarf(file, package.full, self.operation.debug_dirs)
        except NotFoundError as error:
            return EncodedPackage(package.full, WITHOUT, digest, text=error_text(error))
        made = self._encoded(package, file, dwarf, facts, digest)
        reader.demand_unchanged()
        return made

    def _encoded(
        self, package: Package, file: BtfFile, dwarf: WithDwarf, facts: PackageFacts, digest: str
    ) -> EncodedPackage:
        from hashlib import sha256

        elf = file.elf
        assert elf is not None
        uname = uname_of_path(elf.source.removeprefix(f"{package.full}(").removesuffix(")")) or file.release
        if not uname:
            raise FormatError(
                "its name does not show which kernel's it is: expected vmlinux-RELEASE or RELEASE/vmlinux",
                source=elf.source,
            )
        arch = arch_of_machine(elf.machine, elf.bits, elf.order) or canonical_arch(facts.arch) or UNKNOWN
        key = _key(package, facts, arch, uname)
        encoded = self.operation.encoded(None, dwarf, alone=True)
        blob = encoded.btf.to_bytes()
        place = f"{key}.btf.tar.xz"
        output = packed("tar.xz", place, blob)
        report = encoded.report
        counts = {
            "types": len(encoded.btf.positions),
            "functions": report.functions,
            "variables": report.variables,
            "bytes": len(blob),
            "units": report.units,
            "dies": report.dies,
        }
        record = _record(key, blob, {package.path: digest}, {place: sha256(output).hexdigest()}, counts)
        made = EncodedPackage(package.full, MADE, digest, record)
        made.version = facts.version
        made.blobs = {place: output}
        made.omitted = dict(sorted(report.omitted.items()))
        made.warnings = report.warnings
        return made


def _record(key: Key, blob: bytes, inputs: dict[str, str], outputs: dict[str, str], counts: dict[str, int]) -> Record:
    from hashlib import sha256

    facts = {"types": 0, "functions": 0, "variables": 0, "bytes": 0, **counts}
    digest = sha256(blob).hexdigest()
    return {"key": list(key.parts), "btf": digest, "inputs": inputs, "outputs": outputs, "facts": facts}


def _key(package: Package, facts: PackageFacts, arch: str, uname: str) -> Key:
    """The key of a kernel: by the directories of its package if they have BTFHub's layout, else by what the package says."""
    directories = package.path.split("/")[:-1]
    if directories and is_arch(directories[-1]):
        named = key_of(directories, Folder(package.root).above(), uname)
        if named.distro and named.release:
            return named
    distro, release = distribution(facts)
    return Key(_safe(distro), _safe(release), _safe(arch), _safe(uname))


def _safe(part: str) -> str:
    """A part of a key that is one name of a file: packages may say anything."""
    return part.replace("/", "_").replace("\0", "_").lstrip(".")


def _is_right(record: Record, package: Package, facts: PackageFacts, store: Store) -> bool:
    """Whether a package's BTF is in the archive as recorded, at the place that it would get now."""
    _, _, arch, uname = record["key"]
    if not is_current({**record, "inputs": {}}, (), store, store):
        return False
    return not record["outputs"] or _key(package, facts, arch, uname) == Key(*record["key"])
