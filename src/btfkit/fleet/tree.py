"""Trees of kernels: find them, name them, and load their BTF on request.

    tree = find_kernels(["/archive", "/boot/vmlinuz-6.1.0-47-amd64", "s3://bucket/btf"])
    for kernel in tree.kernels:            # sorted: distro, release, architecture, version
        btf = kernel.load()              # read and unpacked in memory, nothing is written
        print(kernel.key.uname, btf.vmlinux.find("struct task_struct").size, len(btf.modules))
    for place, text in tree.problems: ...  # files that could not be listed

A kernel is a file, a directory, or an entry of a bundle (`btfkit bundle`) or of an atlas (`btfkit atlas`):

    distro/release/arch/UNAME.btf.tar.xz   BTFHub's layout; also .btf, .btf.xz, .btf.zst, .btf.gz, .btf.tar, ...
    vmlinuz-UNAME, vmlinux-UNAME, Image-UNAME.xz
                                           boot images and ELF files, compressed or not
    MACHINE-UNAME.efi, UNAME.itb, boot-UNAME.img
                                           unified, FIT and Android images
    linux-image-UNAME_*.deb, kernel-core-UNAME.rpm, ...
                                           packages; those with the modules (linux-modules-UNAME_*.deb, ...) in the same directory
                                           belong to the same kernel
    UNAME/vmlinux (vmlinuz, vmlinux.btf, ...)
                                           a kernel with its modules: *.ko, *.btf and, as in /sys/kernel/btf, files without
                                           suffix, compressed or not, at any depth below UNAME/

BTFHub marks kernels with files: UNAME.hasbtf (the kernel carries BTF itself, none is needed) and UNAME.failed (none could be
made).  Such a kernel is listed in `Tree.marks`, not in `Tree.kernels`.  No file is opened before its kernel is loaded, which is
when errors are raised.
"""

from __future__ import annotations

import os
import re

from btfkit import log
from btfkit.errors import (
    AmbiguousError,
    BtfError,
    ChainError,
    FormatError,
    NotFoundError,
    UnsupportedError,
    counted,
    printable,
    refuse_text,
)
from btfkit.files import sysfs
from btfkit.files.archives import open_archive, single_file
from btfkit.files.compression import unpack_limit
from btfkit.files.container import STDIN
from btfkit.files.modules import PACKAGES, archived_modules
from btfkit.fleet.keys import Key, arch_of_uname, key_of, version_order
from btfkit.fleet.store import Folder, is_url, open_store, split_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.btf_file import SharedBase
    from btfkit.files.archives import Archive
    from btfkit.files.elf import Data
    from btfkit.fleet.store import Store
    from btfkit.loaded_kernel import LoadedKernel

HAS_BTF, FAILED = "hasbtf", "failed"

_PACKED = r"(?:\.(?:gz|xz|zst|bz2|lzma|lz4|lzo))?"
_BTF = re.compile(rf"(?P<uname>.+)\.btf(?:\.tar)?{_PACKED}", re.DOTALL)
_IMAGE = re.compile(
    rf"(?:vmlinu[xz]|(?:Image|[bz]Image|uImage|fitImage|kernel|linux)(?=-\d))-(?P<uname>.+?)(?:\.efi)?{_PACKED}",
    re.DOTALL,
)
_CARRIER = (
    re.compile(  # a unified image (its name may end in +LEFT-DONE, boot counting), a FIT image, Android's boot.img
        r"(?:(?:[0-9a-f]{32}|[A-Za-z]+)[-_])??(?P<uname>\d+\.\d+.*?)(?:\+\d+(?:-\d+)?)?\.(?:efi|itb|fit)"
        r"|boot[-_](?P<android>\d+\.\d+.*)\.img",
        re.DOTALL,
    )
)
_BARE = re.compile(
    rf"(?:vmlinux(?:\.btf(?:\.tar)?)?|vmlinuz|[bz]?Image|uImage){_PACKED}|(?:boot\.img|fitImage|(?:linux|uki|vmlinuz)\.efi)"
)
_PACKAGE = re.compile(
    r"linux-(?:image|binary|modules(?:-core|-extra)?)(?:-unsigned)?-(?P<deb>\d[^_]*?)(?:-unsigned)?(?<!-dbg)_[^_]*_[^_]*\.u?deb"
    r"|kernel(?:-core|-modules(?:-core|-extra|-internal)?)?-(?P<rpm>\d.*)\.rpm"
)
_MODULE = re.compile(rf".+\.(?:ko|btf(?:\.tar)?){_PACKED}", re.DOTALL)
_MARK = re.compile(rf"(?P<uname>.+)\.(?P<mark>{HAS_BTF}|{FAILED})", re.DOTALL)
LIMIT = (
    1 << 28
)  # bytes that a file may unpack to unless the environment sets another limit: an image takes 100 MB, its BTF 10
_VERSION = re.compile(r"\d+\.\d+")
_BTF_MAGICS = (b"\x9f\xeb", b"\xeb\x9f")


class Kernel:
    """One kernel of a tree.

    `key` is its name; `paths` are its files in `store` (if there are several, they have to agree), and `modules` the paths of
    its modules.  `stem` is its place in the tree without the suffix, "debian/12/x86_64/6.1.0-47-amd64", or its directory if it
    has one of its own (`is_directory`).  If `is_package`, `paths` are packages, which hold the kernel and its modules.  Small,
    and pickles.
    """

    __slots__ = ("is_directory", "is_package", "key", "modules", "paths", "stem", "store")

    def __init__(
        self,
        store: Store,
        key: Key,
        stem: str,
        paths: Sequence[str],
        modules: Sequence[str] = (),
        is_directory: bool = False,
        is_package: bool = False,
    ) -> None:
        self.is_package = is_package
        self.store = store
        self.key = key
        self.stem = stem
        self.paths = tuple(paths)
        self.modules = tuple(modules)
        self.is_directory = is_directory

    def __repr__(self) -> str:
        return f"<Kernel {self.name}>"

    @property
    def name(self) -> str:
        """Its name for messages: the place in the tree, or the file if it was named alone."""
        return printable(self.stem or self.store.root)

    @property
    def source(self) -> str:
        """The file or URL of its vmlinux."""
        return self.store.full(self.paths[0])

    @property
    def order(self) -> tuple[Any, ...]:
        """The sort key of kernels."""
        return (*self.key.order, version_order(self.stem), self.stem)

    def read(self, path: str) -> Data:
        """The bytes of one of its files."""
        return self.store.read(path)

    def load(
        self,
        read: Callable[[str], Data] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        wanted: Callable[[Btf], bool] | None = None,
    ) -> LoadedKernel:
        """Its BTF, with that of its modules.

        `read` returns the bytes of a file in place of the store; only `wanted` modules stay in memory.  Raises AmbiguousError if
        several files for the kernel disagree, what `open` and `BtfFile.btf` raise, and OSError; with `on_error`, that is called
        with the error of a module, and the module is skipped.
        """
        from btfkit.loaded_kernel import LoadedKernel

        found = LoadedKernel(self.load_vmlinux(read))
        self.load_modules(found, read, on_error, wanted)
        return found

    def load_vmlinux(self, read: Callable[[str], Data] | None = None) -> Btf:
        """The BTF of its vmlinux alone; parameters and errors as of `load`."""
        read = read or self.read
        return self._packaged_vmlinux(read) if self.is_package else self._vmlinux(read)

    @property
    def has_modules(self) -> bool:
        """Whether it may have modules: that shows before any file is read."""
        return bool(self.modules or self.is_package)

    def load_modules(
        self,
        found: LoadedKernel,
        read: Callable[[str], Data] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        wanted: Callable[[Btf], bool] | None = None,
        may_have: Callable[[Data], bool] | None = None,
    ) -> None:
        """Add its modules to `found`, which has its vmlinux; parameters and errors as of `load`.

        `may_have` answers for the bytes of a file, whether `wanted` can be true of it: other files are not opened.
        """
        from btfkit.btf_file import SharedBase

        read = read or self.read
        base = SharedBase(found.vmlinux)
        for path in self.modules:
            try:
                content = read(path)
                if may_have is not None and not may_have(content):
                    found.unwanted += 1
                    continue
                self._add_module(found, base, path, self.store.full(path), content, wanted)
            except (BtfError, OSError) as error:
                if on_error is None:
                    raise
                log.info("skipped: %s", error)
                on_error(error)
        for path in self.paths if self.is_package else ():
            archive = _package(read(path), self.store.full(path))
            for name, content in archived_modules(archive):
                place = f"{self.stem}/{name}" if self.is_directory else name
                if may_have is not None and not may_have(content):
                    found.unwanted += 1
                    continue
                try:
                    self._add_module(found, base, place, archive.named(name), content, wanted)
                except (BtfError, OSError) as error:
                    if on_error is None:
                        raise
                    log.info("skipped: %s", error)
                    on_error(error)

    def _packaged_vmlinux(self, read: Callable[[str], Data]) -> Btf:
        """The kernel in the packages; raises NotFoundError if none of them has one."""
        from btfkit.btf_file import open

        limit = unpack_limit(default=LIMIT)
        for path in self.paths:
            archive = _package(read(path), self.store.full(path))
            try:
                name, content = single_file(archive, kernel=True)
            except NotFoundError:
                continue
            return open(content, archive.named(name), limit=limit).btf()
        names = ", ".join(printable(os.path.basename(path)) for path in self.paths)
        raise NotFoundError(
            f"no kernel in {names}: put the package that has it (linux-image, linux-binary, kernel-core) beside it",
            source=self.source,
        )

    def _vmlinux(self, read: Callable[[str], Data]) -> Btf:
        from btfkit.btf_file import open
        from btfkit.files.container import open_container

        limit = unpack_limit(default=LIMIT)
        first = open(read(self.paths[0]), self.store.full(self.paths[0]), limit=limit)
        for path in self.paths[1:]:
            other = open_container(read(path), self.store.full(path), limit=limit)
            if bytes(other.btf) != bytes(first.container.btf):
                names = " and ".join(printable(os.path.basename(one)) for one in (self.paths[0], path))
                raise AmbiguousError(f"two different files for one kernel: {names}; remove one", source=self.source)
        if first.base_section is not None:
            raise ChainError("expected a vmlinux, found a module with a distilled base", source=self.source)
        return first.btf()

    def module(self, path: str, base: SharedBase, content: Data | None = None, source: str = "") -> Btf | None:
        """The BTF of one of its modules on `base`; None for a module without BTF, and for a file that is no module.

        `content` and `source` are those of the file if the caller has read it.  Raises what `open` and `BtfFile.btf` raise.
        """
        from btfkit.btf_file import open

        data = self.read(path) if content is None else content
        if "." not in path.rpartition("/")[2] and bytes(data[:2]) not in _BTF_MAGICS:
            return None  # modules.dep and the like
        try:
            return open(data, source or self.store.full(path), limit=unpack_limit(default=LIMIT)).btf(base)
        except NotFoundError:
            return None

    def _add_module(
        self,
        found: LoadedKernel,
        base: SharedBase,
        path: str,
        source: str,
        data: Data,
        wanted: Callable[[Btf], bool] | None,
    ) -> None:
        if "." not in path.rpartition("/")[2] and bytes(data[:2]) not in _BTF_MAGICS:
            return
        module = self.module(path, base, data, source)
        if module is None:
            found.without.append(path)
            return
        if wanted is not None and not wanted(module):
            found.unwanted += 1
            return
        found.modules.append(module)
        found.names.append(path)


def _package(data: Data, source: str) -> Archive:
    """The archive in a package's bytes; raises FormatError if there is none."""
    archive, _ = open_archive(data, source, limit=unpack_limit(default=LIMIT))
    if archive is None:
        raise FormatError("not a package (.deb, .rpm)", source=source)
    return archive


class Mark:
    """A marked kernel: its `key`, the `path` of the marker, `what` it states ("hasbtf" or "failed"), and `over`, the kernel's
    files, which are skipped."""

    __slots__ = ("key", "over", "path", "what")

    def __init__(self, key: Key, path: str, what: str, over: Sequence[str] = ()) -> None:
        self.key = key
        self.path = path
        self.what = what
        self.over = tuple(over)

    def __repr__(self) -> str:
        return f"<Mark {self.key}: {self.what}>"


class Tree:
    """What was found below `paths`: `kernels` and `marks`, sorted; `problems`, (path, error) each; `ignored`, the number of other
    files."""

    __slots__ = ("ignored", "kernels", "marks", "paths", "problems")

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self.paths = list(paths)
        self.kernels: list[Kernel] = []
        self.marks: list[Mark] = []
        self.problems: list[tuple[str, str]] = []
        self.ignored = 0

    def __repr__(self) -> str:
        return f"<Tree of {counted(len(self.kernels), 'kernel')}>"

    @property
    def root(self) -> str | None:
        """The directory or URL that was searched; None if there were several, or for a file."""
        (path, *others) = self.paths or [""]
        return path if path and not others and not os.path.isfile(path) else None

    def files(self) -> list[str]:
        """The files and URLs of all kernels and their modules."""
        return [kernel.store.full(path) for kernel in self.kernels for path in (*kernel.paths, *kernel.modules)]

    def demand_kernels(self) -> None:
        """Raise NotFoundError if there is no kernel."""
        if not self.kernels:
            marks = f" ({len(self.marks):,} marked .hasbtf or .failed)" if self.marks else ""
            raise NotFoundError(
                f"no kernels found{marks}: expected UNAME.btf, UNAME.btf.tar.xz, vmlinuz-UNAME or UNAME/vmlinux at any depth",
                source=self.root,
            )


def find_kernels(paths: Iterable[str], *, heed_markers: bool = True) -> Tree:
    """Find the kernels in `paths`: files of any name, directories, URLs and bundles.

    Without `heed_markers` a kernel that has a file is listed even if it is marked.  Raises OSError if one of `paths` itself
    cannot be read, UnsupportedError for "-" and for a URL that this installation cannot read.
    """
    refuse_text(paths=paths)
    whole = Tree(paths)
    for path in whole.paths:
        if path == "-":
            raise UnsupportedError("kernels are read from files and directories, which have names", source=STDIN)
        if not path:
            raise NotFoundError("no file: an empty name")
        one = _in_atlas(path) or _bundled(path) or _single(path) or _walked(open_store(path), heed_markers)
        log.info("%s: %d kernels, %d marked, %d other files", path, len(one.kernels), len(one.marks), one.ignored)
        whole.kernels += one.kernels
        whole.marks += one.marks
        whole.problems += one.problems
        whole.ignored += one.ignored
    whole.kernels.sort(key=lambda kernel: kernel.order)
    whole.marks.sort(key=lambda mark: (mark.key.order, mark.path))
    whole.problems.sort()
    for path, error in whole.problems:
        log.info("skipped %s: %s", path, error)
    return whole


def _in_atlas(path: str) -> Tree | None:
    """The tree of the kernels in an atlas; None for everything else."""
    from btfkit.atlas.schema import is_atlas

    path = path.removeprefix("file://")
    if is_url(path) or os.path.isdir(path) or not is_atlas(path):
        return None
    from btfkit.fleet.atlas_store import AtlasStore, key_of_entry

    store = AtlasStore(path)
    tree = Tree()
    for entry in store.entries.values():
        vmlinux, *modules = store.paths(entry)
        key = key_of_entry(entry)
        tree.kernels.append(Kernel(store, key, entry.key, [vmlinux], modules, is_directory=bool(modules)))
    return tree


def _bundled(path: str) -> Tree | None:
    """The tree of the kernels in a bundle; None for everything else."""
    name = split_url(path)[1]
    if _BTF.fullmatch(name) or _image(name) or _BARE.fullmatch(name) or name.endswith(PACKAGES):
        return None
    if is_url(path) and "." not in name and "bundle" not in name:
        return None  # a directory: asking costs a request
    from btfkit.fleet.bundled import BundleStore, is_bundle

    path = path.removeprefix("file://")
    if not is_bundle(path):
        return None
    store = BundleStore(path)
    tree = Tree()
    for entry in store.bundle.entries:
        vmlinux, *modules = store.paths(entry)
        tree.kernels.append(Kernel(store, entry.key, str(entry.key), [vmlinux], modules, is_directory=True))
    return tree


def _single(path: str) -> Tree | None:
    """The tree of one file; None for a directory."""
    if is_url(path):
        name = split_url(path)[1]
        if not (_BTF.fullmatch(path) or _image(name) or _BARE.fullmatch(name) or name.endswith(PACKAGES)):
            return None
    elif os.path.isdir(path.removeprefix("file://")):
        return None
    directory, name = split_url(path)
    store = open_store(directory)
    if isinstance(store, Folder):
        os.stat(store.full(name))
    tree = Tree()
    uname = _uname_of(name)
    if not is_url(path) and os.path.realpath(path) == sysfs.VMLINUX:
        uname = os.uname().release
    key = Key("", "", arch_of_uname(uname), uname)
    above = store.above()
    if uname != name:
        key = key_of([], above, uname)
    tree.kernels.append(Kernel(store, key, path, [name], is_package=name.endswith(PACKAGES)))
    return tree


def _uname_of(name: str) -> str:
    """The `uname -r` in the name of a file, or the whole name if it has none."""
    found = _BTF.fullmatch(name)
    return found["uname"] if found else _image(name) or _packaged(name) or name


def _image(name: str) -> str | None:
    """The `uname -r` in the name of a kernel image, or None."""
    found = _IMAGE.fullmatch(name) or _CARRIER.fullmatch(name)
    return next(filter(None, found.groups()), None) if found else None


def _packaged(name: str) -> str | None:
    """The `uname -r` in the name of a package with a kernel or its modules, or None."""
    found = _PACKAGE.fullmatch(name)
    return found["deb"] or found["rpm"] if found else None


# ---- walking -----------------------------------------------------------------------------------------------------


def _walked(store: Store, heed_markers: bool) -> Tree:
    tree = Tree()
    finder = _Finder(store, tree)
    for path in sorted(store.walk(lambda path, text: tree.problems.append((store.full(path), text)))):
        finder.take(path)
    finder.finish(heed_markers)
    return tree


class _Finder:
    """Sorts the files of a tree into kernels, modules, markers and others."""

    def __init__(self, store: Store, tree: Tree) -> None:
        self.store = store
        self.tree = tree
        self.above = store.above()
        self.files: dict[str, list[str]] = {}  # kernels with a file of their own: paths by stem
        self.homes: dict[str, list[str]] = {}  # kernels with a directory: paths of the vmlinux by directory
        self.packages: dict[str, list[str]] = {}  # the packages of a kernel, by stem
        self.others: list[str] = []
        self.marks: dict[str, tuple[str, str]] = {}  # (path, mark) by stem

    def take(self, path: str) -> None:
        directory, _, name = path.rpartition("/")
        if _BARE.fullmatch(name):
            if _BARE.fullmatch(self.store.target(path)):  # not a link as in /boot, to a kernel under its own name
                self.homes.setdefault(directory, []).append(path)
        elif found := _MARK.fullmatch(name):
            self.marks[_join(directory, found["uname"])] = path, found["mark"]
        elif (uname := _image(name)) and uname == directory.rpartition("/")[2]:
            self.homes.setdefault(directory, []).append(path)
        elif uname:
            self.files.setdefault(_join(directory, uname), []).append(path)
        elif uname := _packaged(name):
            self.packages.setdefault(_join(directory, uname), []).append(path)
        elif (found := _BTF.fullmatch(name)) and _VERSION.match(name):
            self.files.setdefault(_join(directory, found["uname"]), []).append(path)
        else:
            self.others.append(path)

    def finish(self, heed_markers: bool) -> None:
        modules: dict[str, list[str]] = {directory: [] for directory in self.homes}
        for path in self.others:
            directory, _, name = path.rpartition("/")
            home = self._home(directory)
            found = _BTF.fullmatch(name)
            if home is not None and (_MODULE.fullmatch(name) or "." not in name):
                modules[home].append(path)
            elif found:
                self.files.setdefault(_join(directory, found["uname"]), []).append(path)
            else:
                self.tree.ignored += 1
                self._doubt(path)
        marks = self.marks if heed_markers else {stem: mark for stem, mark in self.marks.items() if not self._has(stem)}
        for stem, (path, mark) in marks.items():
            over = [*self.files.pop(stem, ()), *self.homes.pop(stem, ()), *self.packages.pop(stem, ())]
            self.tree.marks.append(Mark(self._key(stem), path, mark, over))
        kernels = [Kernel(self.store, self._key(stem), stem, paths) for stem, paths in self.files.items()]
        kernels += [
            Kernel(self.store, self._home_key(directory), directory, paths, modules[directory], is_directory=True)
            for directory, paths in self.homes.items()
        ]
        kernels += [
            Kernel(self.store, self._key(stem), stem, paths, is_directory=True, is_package=True)
            for stem, paths in self.packages.items()
        ]
        self.tree.kernels += kernels

    def _doubt(self, path: str) -> None:
        """Make a problem of a file without a suffix that cannot be read, or is BTF: its name does not say which kernel's."""
        if "." in path.rpartition("/")[2] or not isinstance(self.store, Folder):
            return
        try:
            with open(self.store.full(path), "rb", buffering=0) as file:
                if file.read(2) not in _BTF_MAGICS:
                    return
            text = (
                "BTF without a suffix: call a kernel's UNAME.btf, and put a module's below the directory of its vmlinux"
            )
        except OSError as error:
            text = error.strerror or str(error)
        self.tree.problems.append((self.store.full(path), text))

    def _has(self, stem: str) -> bool:
        return stem in self.files or stem in self.homes or stem in self.packages

    def _home(self, directory: str) -> str | None:
        """The nearest directory of a kernel: `directory`, or one above it."""
        while directory not in self.homes:
            if not directory:
                return None
            directory = directory.rpartition("/")[0]
        return directory

    def _key(self, stem: str) -> Key:
        *directories, uname = stem.split("/")
        return key_of(directories, self.above, uname)

    def _home_key(self, directory: str) -> Key:
        """The key of a kernel in its own directory, which may be the root itself."""
        if directory:
            return self._key(directory)
        if isinstance(self.store, Folder) and os.path.realpath(self.store.root) == sysfs.BTF:
            return Key("", "", os.uname().machine, os.uname().release)
        return key_of([], self.above[:-1], self.above[-1] if self.above else "kernel")


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
