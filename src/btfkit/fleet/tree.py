"""Trees of kernels: which there are, what each is called, and its BTF when it is asked for.

    tree = find_kernels(["/archive", "/boot/vmlinuz-6.1.0-47-amd64", "s3://bucket/btf"])
    for kernel in tree.kernels:            # sorted: distro, release, architecture, version
        btf = kernel.load()              # read and unpacked in memory, nothing is written
        print(kernel.key.uname, btf.vmlinux.find("struct task_struct").size, len(btf.modules))
    for place, text in tree.problems: ...  # what could not be listed, a line each

A kernel is a file or a folder:

    distro/release/arch/UNAME.btf.tar.xz   BTFHub's layout; also .btf, .btf.xz, .btf.zst, .btf.gz, .btf.tar, ...
    vmlinuz-UNAME, vmlinux-UNAME, Image-UNAME.xz
                                           boot images and ELF files, packed or not
    UNAME/vmlinux (vmlinuz, vmlinux.btf, ...)
                                           a kernel with its modules: *.ko, *.btf and, as in /sys/kernel/btf, files without
                                           suffix, packed or not, at any depth below UNAME/

Beside or in place of it may lie BTFHub's markers: UNAME.hasbtf (the kernel carries BTF itself, none is needed) and
UNAME.failed (none could be made).  Such a kernel is listed in `Tree.marks` and not in `Tree.kernels`. Finding opens no
file: a kernel that cannot be read raises when it is loaded."""

from __future__ import annotations

import os
import re

from btfkit.errors import AmbiguousError, BtfError, ChainError, NotFoundError, printable, refuse_text
from btfkit.fleet.keys import Key, arch_of_uname, key_of, version_order
from btfkit.fleet.store import Folder, is_url, open_store, split_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.btf_file import KernelBtf, SharedBase
    from btfkit.files.elf import Data
    from btfkit.fleet.store import Store

HAS_BTF, FAILED = "hasbtf", "failed"
SYSFS = "/sys/kernel/btf"

_PACKED = r"(?:\.(?:gz|xz|zst|bz2|lzma|lz4|lzo))?"
_BTF = re.compile(rf"(?P<uname>.+)\.btf(?:\.tar)?{_PACKED}", re.DOTALL)
_IMAGE = re.compile(
    rf"(?:vmlinu[xz]|(?:Image|[bz]Image|uImage|kernel|linux)(?=-\d))-(?P<uname>.+?)(?:\.efi)?{_PACKED}", re.DOTALL
)
_BARE = re.compile(rf"(?:vmlinux(?:\.btf(?:\.tar)?)?|vmlinuz|[bz]?Image|uImage){_PACKED}")
_MODULE = re.compile(rf".+\.(?:ko|btf(?:\.tar)?){_PACKED}", re.DOTALL)
_MARK = re.compile(rf"(?P<uname>.+)\.(?P<mark>{HAS_BTF}|{FAILED})", re.DOTALL)
LIMIT = 1 << 28  # bytes that a file may unpack to: a kernel image takes 100 MB, its BTF 10
_VERSION = re.compile(r"\d+\.\d+")
_BTF_MAGICS = (b"\x9f\xeb", b"\xeb\x9f")


class Kernel:
    """One kernel of a tree.

    `key` says what it is called, `store` and `paths` where it lies ("/" between folders; more than one path: several
    files for one kernel, which have to agree), `modules` are the paths of its modules.  `stem` is where it stands in the
    tree, without the suffix: "debian/12/x86_64/6.1.0-47-amd64"; in a folder of its own (`is_directory`) the folder.  Small,
    and pickles."""

    __slots__ = ("is_directory", "key", "modules", "paths", "stem", "store")

    def __init__(
        self,
        store: Store,
        key: Key,
        stem: str,
        paths: Sequence[str],
        modules: Sequence[str] = (),
        is_directory: bool = False,
    ) -> None:
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
        """What to call it in a line of text: its place in the tree, or the file itself where it was named alone."""
        return printable(self.stem or self.store.root)

    @property
    def source(self) -> str:
        """The file, or URL, that its vmlinux is read from."""
        return self.store.full(self.paths[0])

    @property
    def order(self) -> tuple[Any, ...]:
        """What kernels are sorted by."""
        return (*self.key.order, version_order(self.stem), self.stem)

    def read(self, path: str) -> Data:
        """The bytes of one of its files as they lie there."""
        return self.store.read(path)

    def load(
        self,
        read: Callable[[str], Data] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        wanted: Callable[[Btf], bool] | None = None,
    ) -> KernelBtf:
        """Its BTF, with that of its modules.

        `read` gives the bytes of a file in place of the store; only `wanted` modules stay in memory.  Raises AmbiguousError where
        several files for the kernel disagree, what `open_container` and `Btf.from_bytes` raise, and OSError; `on_error` is given
        a module's error in place of raising it, and the module is left out.
        """
        from btfkit.btf_file import KernelBtf, SharedBase

        read = read or self.read
        found = KernelBtf(self._vmlinux(read))
        base = SharedBase(found.vmlinux)
        for path in self.modules:
            try:
                self._add_module(found, base, path, read(path), wanted)
            except (BtfError, OSError) as error:
                if on_error is None:
                    raise
                on_error(error)
        return found

    def _vmlinux(self, read: Callable[[str], Data]) -> Btf:
        from btfkit.btf_file import open
        from btfkit.files.container import open_container

        first = open(read(self.paths[0]), self.store.full(self.paths[0]), limit=LIMIT)
        for path in self.paths[1:]:
            other = open_container(read(path), self.store.full(path), limit=LIMIT)
            if bytes(other.btf) != bytes(first.container.btf):
                names = " and ".join(printable(os.path.basename(one)) for one in (self.paths[0], path))
                raise AmbiguousError(
                    f"two files for one kernel, and they differ: {names}; remove one", source=self.source
                )
        if first.base_section is not None:
            raise ChainError("this is a module with a distilled base, where a vmlinux should be", source=self.source)
        return first.btf()

    def _add_module(
        self, found: KernelBtf, base: SharedBase, path: str, data: Data, wanted: Callable[[Btf], bool] | None
    ) -> None:
        from btfkit.btf_file import open

        if "." not in path.rpartition("/")[2] and bytes(data[:2]) not in _BTF_MAGICS:
            return  # modules.dep and the like
        try:
            module = open(data, self.store.full(path), limit=LIMIT).btf(base)
        except NotFoundError:
            found.without.append(path)
            return
        if wanted is not None and not wanted(module):
            found.unwanted += 1
            return
        found.modules.append(module)
        found.names.append(path)


class Mark:
    """A kernel that a marker stands for: its `key`, the `path` of the marker, `what` ("hasbtf" or "failed"), and `over`, the
    files that lie beside it all the same and are passed over."""

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
        return f"<Tree of {len(self.kernels)} kernels>"

    @property
    def root(self) -> str | None:
        """The directory or URL that was searched; None if there were several, or for a file."""
        (path, *others) = self.paths or [""]
        return path if path and not others and not os.path.isfile(path) else None

    def demand_kernels(self) -> None:
        """Raise NotFoundError if there is no kernel."""
        if not self.kernels:
            marks = f" ({len(self.marks):,} marked .hasbtf or .failed)" if self.marks else ""
            raise NotFoundError(
                f"no kernels found{marks}: expected UNAME.btf, UNAME.btf.tar.xz, vmlinuz-UNAME or UNAME/vmlinux at any depth",
                source=self.root,
            )


def find_kernels(paths: Iterable[str], *, heed_markers: bool = True) -> Tree:
    """The kernels in `paths`: files of any name, folders and URLs, each kernel once a path.

    With `heed_markers` false a kernel that has a file counts whatever marker lies beside it.  Raises OSError where one of
    `paths` itself cannot be read, UnsupportedError for a URL that nothing here can read."""
    refuse_text(paths=paths)
    whole = Tree(paths)
    for path in whole.paths:
        one = _single(path) or _walked(open_store(path), heed_markers)
        whole.kernels += one.kernels
        whole.marks += one.marks
        whole.problems += one.problems
        whole.ignored += one.ignored
    whole.kernels.sort(key=lambda kernel: kernel.order)
    whole.marks.sort(key=lambda mark: (mark.key.order, mark.path))
    whole.problems.sort()
    return whole


def _single(path: str) -> Tree | None:
    """The tree of one file; None for a folder."""
    if is_url(path):
        if not (_BTF.fullmatch(path) or _IMAGE.fullmatch(split_url(path)[1]) or _BARE.fullmatch(split_url(path)[1])):
            return None
    elif os.path.isdir(path.removeprefix("file://")):
        return None
    folder, name = split_url(path)
    store = open_store(folder)
    if isinstance(store, Folder):
        os.stat(store.full(name))
    tree = Tree()
    uname = _uname_of(name)
    if not is_url(path) and os.path.realpath(path) == f"{SYSFS}/vmlinux":
        uname = os.uname().release
    key = Key("", "", arch_of_uname(uname), uname)
    above = store.above()
    if _BTF.fullmatch(name) or _IMAGE.fullmatch(name):
        key = key_of([], above, uname)
    tree.kernels.append(Kernel(store, key, path, [name]))
    return tree


def _uname_of(name: str) -> str:
    """The `uname -r` that the name of a file tells, or what is left of the name without its suffixes."""
    found = _BTF.fullmatch(name) or _IMAGE.fullmatch(name)
    return found["uname"] if found else name


# ---- walking -----------------------------------------------------------------------------------------------------


def _walked(store: Store, heed_markers: bool) -> Tree:
    tree = Tree()
    finder = _Finder(store, tree)
    for path in sorted(store.walk(lambda path, text: tree.problems.append((store.full(path), text)))):
        finder.take(path)
    finder.finish(heed_markers)
    return tree


class _Finder:
    """Sorts the files of a tree into kernels, modules, markers and the rest."""

    def __init__(self, store: Store, tree: Tree) -> None:
        self.store = store
        self.tree = tree
        self.above = store.above()
        self.files: dict[str, list[str]] = {}  # of kernels that have a file: paths by stem
        self.homes: dict[str, list[str]] = {}  # of kernels that have a folder: paths of their vmlinux by folder
        self.others: list[str] = []
        self.marks: dict[str, tuple[str, str]] = {}  # (path, mark) by stem

    def take(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        if _BARE.fullmatch(name):
            if _BARE.fullmatch(
                self.store.target(path)
            ):  # else a link as in /boot, to a kernel that has its own name there
                self.homes.setdefault(folder, []).append(path)
        elif found := _MARK.fullmatch(name):
            self.marks[_join(folder, found["uname"])] = path, found["mark"]
        elif (found := _IMAGE.fullmatch(name)) and found["uname"] == folder.rpartition("/")[2]:
            self.homes.setdefault(folder, []).append(path)
        elif (found := _IMAGE.fullmatch(name)) or ((found := _BTF.fullmatch(name)) and _VERSION.match(name)):
            self.files.setdefault(_join(folder, found["uname"]), []).append(path)
        else:
            self.others.append(path)

    def finish(self, heed_markers: bool) -> None:
        modules: dict[str, list[str]] = {folder: [] for folder in self.homes}
        for path in self.others:
            folder, _, name = path.rpartition("/")
            home = self._home(folder)
            found = _BTF.fullmatch(name)
            if home is not None and (_MODULE.fullmatch(name) or "." not in name):
                modules[home].append(path)
            elif found:
                self.files.setdefault(_join(folder, found["uname"]), []).append(path)
            else:
                self.tree.ignored += 1
        marks = self.marks if heed_markers else {stem: mark for stem, mark in self.marks.items() if not self._has(stem)}
        for stem, (path, mark) in marks.items():
            over = [*self.files.pop(stem, ()), *self.homes.pop(stem, ())]
            self.tree.marks.append(Mark(self._key(stem), path, mark, over))
        kernels = [Kernel(self.store, self._key(stem), stem, paths) for stem, paths in self.files.items()]
        kernels += [
            Kernel(self.store, self._home_key(folder), folder, paths, modules[folder], is_directory=True)
            for folder, paths in self.homes.items()
        ]
        self.tree.kernels += kernels

    def _has(self, stem: str) -> bool:
        return stem in self.files or stem in self.homes

    def _home(self, folder: str) -> str | None:
        """The folder of a kernel that `folder` is or lies in."""
        while folder not in self.homes:
            if not folder:
                return None
            folder = folder.rpartition("/")[0]
        return folder

    def _key(self, stem: str) -> Key:
        *folders, uname = stem.split("/")
        return key_of(folders, self.above, uname)

    def _home_key(self, folder: str) -> Key:
        """A folder's key; the root itself may be the folder of the one kernel."""
        if folder:
            return self._key(folder)
        if isinstance(self.store, Folder) and os.path.realpath(self.store.root) == SYSFS:
            return Key("", "", os.uname().machine, os.uname().release)
        return key_of([], self.above[:-1], self.above[-1] if self.above else "kernel")


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
