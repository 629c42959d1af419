"""A module's BTF without a base becomes split BTF on its kernel's.

With DWARF a module often defines what its kernel only declares (a private structure that other code handles by pointer).  Then
everything that reaches the structure would differ from the kernel's types, up to `task_struct`.  So *the declarations of the
base are leaves*: where own types are compared with those of the base, a declaration of the base that it defines nowhere and
the own definitions of that name count as one type.  Own types that are equivalent under this rule become those of the base;
the definition stays, and own types that are left refer to it.

The sizes of structures that both define show whether it is the right kernel.  A private structure may have the name of one of
the kernel's, and modules with copies of a subsystem (backports of drm or mac80211) have its structures in another version, so
only those of `CORE` decide, which every module takes from the headers that it is compiled with.  Among Debian's modules none of
them differs on the right kernel, and at least 3 on any other, be it the same version in another configuration.
"""

from __future__ import annotations

from array import array

from btfkit.btf.emit import Frame
from btfkit.errors import ChainError, counted, printable
from btfkit.hot import assembly as _loops
from btfkit.hot.rebase import tag_of as _tag_of
from btfkit.passes.dedup import dedup
from btfkit.passes.rebase import NameIndex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.btf.btf import Btf
    from btfkit.passes.array_style import Style
    from btfkit.passes.prepared_base import PreparedBase

ALONE = 3  # modules that are compared with an excerpt of the base
ENUMERATION, NO_TAG, DECLARATION = range(2, 5)  # of `hot.rebase.tag_of`
ENOUGH = 2  # structures of CORE with other sizes that prove another build
SHOWN = 5  # structures that an error names
CORE = frozenset(
    b"""address_space backing_dev_info bio block_device bpf_prog bus_type cftype cgroup class cpumask cred css_set ctl_table
    dentry dev_pm_info device device_driver device_type dst_entry file file_system_type folio ftrace_ops gendisk inode irq_data
    irq_desc kernel_param kernfs_node key kmem_cache kobject kset lock_class_key lruvec mem_cgroup mm_struct mnt_namespace module
    napi_struct neighbour net net_device netns_ipv4 netns_ipv6 nsproxy page path pci_bus pci_dev perf_event pglist_data
    pid_namespace proc_dir_entry pt_regs Qdisc rcu_head request request_queue rq seq_file signal_struct sk_buff sock socket
    super_block task_struct thread_struct timer_list trace_event_call tracepoint user_namespace user_struct vfsmount
    vm_area_struct work_struct workqueue_struct writeback_control zone""".split()
)
_MARK = b"\1"  # before the names of definitions while they are compared


class SplitBase:
    """A base for any number of modules: `btf`, what is known of its names, and `prepared` for dedup."""

    __slots__ = ("_compared", "_index", "_prepared", "_style", "btf")

    def __init__(self, btf: Btf, prepared: PreparedBase | None = None) -> None:
        self.btf = btf
        self._index: NameIndex | None = None
        self._style: Style | None = None
        self._prepared = prepared
        self._compared = 0

    def compare(self, split: Btf, leaves: dict[bytes, tuple[int, int]], opaque: set[int] | None) -> Btf | None:
        """`split` without what the base has, found without a look at most of the base: for the first modules, because for many
        it pays to know all of it.  None if it has to be known anyway.  `opaque` as for an `Excerpt`, or None."""
        from btfkit.passes.array_style import flatten
        from btfkit.passes.dedup import dedup_on
        from btfkit.passes.excerpt import Excerpt
        from btfkit.passes.prepared_base import PreparedBase

        self._compared += 1
        if self._prepared is not None or self._compared > ALONE or opaque is None:
            return None
        if self.style.is_nested_for(split):
            return None
        nested = self.style.to_flatten(split)
        excerpt = Excerpt(flatten(split, nested) if nested else split, opaque)
        if not excerpt.exact:
            return None
        prepared = PreparedBase(excerpt.btf)
        done = dedup_on(prepared, excerpt.split).btf
        if leaves:
            known = {
                name: (excerpt.id_of(declaration), excerpt.name_of(offset))
                for name, (declaration, offset) in leaves.items()
            }
            done = dedup_on(prepared, _with_leaves(done, known)).btf
        return excerpt.restored(done)

    @property
    def style(self) -> Style:
        """How the base has arrays of arrays."""
        if self._style is None:
            from btfkit.passes.array_style import Style

            self._style = Style(self.btf)
        return self._style

    @property
    def prepared(self) -> PreparedBase:
        """The classes of the base."""
        if self._prepared is None:
            from btfkit.passes.prepared_base import PreparedBase

            self._prepared = PreparedBase(self.btf)
        return self._prepared

    @property
    def names(self) -> NameIndex:
        """The index of the names of the base."""
        if self._index is None:
            self._index = NameIndex(self.btf)
        return self._index

    def find(self, name: bytes, tag: int) -> tuple[list[int], list[int]]:
        """The ids of the definitions and of the declarations of a name and tag."""
        defined: list[int] = []
        declared: list[int] = []
        for type_id in self.names.find(name):
            found = _tag(self.btf, type_id)
            if found is not None and found[0] == tag:
                (defined if found[1] else declared).append(type_id)
        return defined, declared


def _tag(btf: Btf, type_id: int) -> tuple[int, bool] | None:
    """The tag of a struct, union or enumeration, and whether it is defined; None for other types."""
    tag = _tag_of(btf.word(type_id, 1))
    return None if tag == NO_TAG else (tag & NO_TAG, tag < DECLARATION)


class Sizes:
    """The structures and unions that a module and its base both define: how many (`compared`), and those with another size,
    (name, size in the module, size in the base) each, those of CORE first."""

    __slots__ = ("compared", "different")

    def __init__(self) -> None:
        self.compared = 0
        self.different: list[tuple[str, int, int]] = []

    def __repr__(self) -> str:
        return f"<Sizes: {len(self.different)} of {self.compared} differ>"

    def add(self, name: bytes, own: set[int], known: set[int]) -> None:
        """Compare the sizes of the definitions of a name; one that is equal is enough."""
        self.compared += 1
        if not own & known:
            one = name.decode("utf-8", "surrogateescape"), min(own), min(known)
            if name in CORE:
                self.different.insert(self.core, one)
            else:
                self.different.append(one)

    @property
    def core(self) -> int:
        """The number of those of CORE that differ."""
        return sum(name.encode("utf-8", "surrogateescape") in CORE for name, _, _ in self.different)

    @property
    def prove_another_build(self) -> bool:
        """Whether the module was built for another kernel."""
        return self.core >= ENOUGH

    def __str__(self) -> str:
        some = [f"{name} ({own} bytes, the kernel's {known})" for name, own, known in self.different[:SHOWN]]
        more = ", ..." if len(self.different) > SHOWN else ""
        count = counted(self.compared, "struct")
        return f"{len(self.different):,} of {count} that both define differ in size: {printable(', '.join(some))}{more}"


def on_base(btf: Btf, base: SplitBase, *, any_build: bool = False) -> tuple[Btf, Sizes]:
    """The types of `btf`, which has no base, split on `base`, without those that the base has; and how sizes compare.

    Raises ChainError if these show that `btf` is of another build, unless `any_build`.
    """
    moved = _Moved(btf, base)
    if moved.sizes.prove_another_build and not any_build:
        raise ChainError(
            f"built for another kernel than {printable(base.btf.source or 'its base')}: {moved.sizes}",
            source=btf.source,
            remedy="any_build",
        )
    split, leaves = moved.split()
    done = base.compare(split, leaves, moved.opaque if moved.is_alone else None)
    if done is None:
        done = dedup(split, prepared=base.prepared).btf
        done = dedup(_with_leaves(done, leaves), prepared=base.prepared).btf if leaves else done
    return done, moved.sizes


class _Moved:
    """The types of a BTF with the ids and string offsets that they have above a base.

    `is_alone` says whether no declaration is left that the base defines; `opaque` are the types of the base that
    declarations stood for.
    """

    def __init__(self, btf: Btf, base: SplitBase) -> None:
        self.btf = btf
        self.base = base
        below = base.btf
        self.first_offset = below.start_str_off + len(below.strings)
        self.words = array("I", bytes(btf.words))
        self.positions = array("I", btf.positions)
        self.ids = array("I", bytes(4 * len(btf)))
        self.strings = bytearray(btf.strings)
        self.leaves: dict[bytes, tuple[int, int]] = {}  # marked name -> the base's declaration, the name's offset there
        self.dropped = bytearray(len(btf))
        self._leaf_ids: dict[int, int] = {}
        self.opaque: set[int] = set()
        self.is_alone = True
        self.sizes = Sizes()
        self._compare_names()

    def split(self) -> tuple[Btf, dict[bytes, tuple[int, int]]]:
        """The split BTF, and the declarations of the base that stand for own definitions, by the marked names of these."""
        below, words = self.base.btf, self.words
        number = len(below)
        for own in range(1, len(self.btf)):
            if not self.dropped[own]:
                self.ids[own] = number
                number += 1
        columns = self.btf.columns
        ids = self.ids[:]
        for own, target in self._leaf_ids.items():
            ids[own] = target
        _loops.renumber(words, columns.ids, ids, columns.names, self.first_offset - 1)
        out = self._kept() if any(self.dropped) else words
        frame = Frame(self.btf.byte_order, below, pointer_size=self.btf.given_pointer_size, source=self.btf.source)
        return frame.emit(out, bytes(self.strings[1:])), self.leaves

    def _compare_names(self) -> None:
        """Resolve declarations that the base defines, find definitions that it only declares, and compare sizes."""
        btf, words = self.btf, self.words
        tagged: dict[tuple[bytes, int], tuple[list[int], list[int]]] = {}
        self.sizes.compared, doubtful = self.base.names.differing(btf)
        for own in doubtful:
            found = _tag(btf, own)
            if found is not None:
                lists = tagged.setdefault((btf.string(words[self.positions[own - 1]]), found[0]), ([], []))
                lists[0 if found[1] else 1].append(own)
        for (name, tag), (defined, declared) in tagged.items():
            known, only_declared = self.base.find(name, tag)
            if tag != ENUMERATION and known and defined:
                own_sizes = {words[self.positions[own - 1] + 2] for own in defined}
                self.sizes.add(name, own_sizes, {self.base.btf.word(one, 2) for one in known})
            if not known and only_declared and defined:
                self._make_leaves(name, only_declared[0], defined)
            elif len(known) == 1 and not only_declared and not defined:
                self.opaque.add(known[0])
                for own in declared:
                    self.dropped[own] = 1
                    self._leaf_ids[own] = known[0]
            elif known and declared:
                self.is_alone = False

    def _make_leaves(self, name: bytes, declaration: int, defined: list[int]) -> None:
        marked = _MARK + name
        self.leaves[marked] = declaration, self.base.btf.word(declaration, 0)
        offset = len(self.strings)
        self.strings += marked + b"\0"
        for own in defined:
            self.words[self.positions[own - 1]] = offset
            self._leaf_ids[own] = declaration

    def _kept(self) -> array[int]:
        """The words of the types that are not dropped."""
        out = array("I")
        start = 0
        ends = [*self.positions[1:], len(self.words)]
        for own in range(1, len(self.btf)):
            if self.dropped[own]:
                out += self.words[start : self.positions[own - 1]]
                start = ends[own - 1]
        out += self.words[start:]
        return out


def _with_leaves(done: Btf, leaves: dict[bytes, tuple[int, int]]) -> Btf:
    """The result with the definitions in the place of the declarations of the base that stood for them, whose marked names are
    still there: to be deduplicated again."""
    words = array("I", bytes(done.words))
    ids = array("I", range(len(done)))
    for index, at in enumerate(done.positions):
        if words[at]:
            name = done.string(words[at])
            if name in leaves:
                declaration, offset = leaves[name]
                words[at] = offset
                if ids[declaration] == declaration:  # of several definitions, the first
                    ids[declaration] = done.start_id + index
    columns = done.columns
    _loops.renumber(words, columns.ids, ids, array("I"), 0)
    return Frame.of(done, done.base).emit(words, done.strings)
