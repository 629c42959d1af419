"""ISF, the JSON that Volatility 3 reads the types and symbols of a kernel from, in version 6.2.0 of its schema.

BTF knows the types of few variables: only of per-CPU ones, unless pahole was asked for all.  Others that plugins need have had
the same type for years; `KNOWN` states it, and applies if the BTF has a type of that name.
"""

from __future__ import annotations

from base64 import b64encode
from json.encoder import encode_basestring_ascii as quoted

from btfkit._version import __version__
from btfkit.btf import spec
from btfkit.btf.spec import text
from btfkit.errors import NotFoundError
from btfkit.show.source import Names, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfkit.btf.btf import Btf
    from btfkit.files.kernel_symbols import KernelSymbols

FORMAT = "6.2.0"
_BYTES_PER_PIECE = 1 << 20
_FLOATS = (2, 4, 8)  # sizes of floats that Volatility reads
_THROUGH = spec.MODS_AND_TYPEDEFS | {spec.VAR, spec.DECL_TAG}

# Variables of the kernel that plugins of Volatility read, by type: C spelled as far as it is needed here.
KNOWN = {
    "struct task_struct": "init_task",
    "struct mm_struct": "init_mm",
    "struct files_struct": "init_files",
    "struct fs_struct": "init_fs",
    "struct cred": "init_cred",
    "struct nsproxy": "init_nsproxy",
    "struct pid_namespace": "init_pid_ns",
    "struct user_namespace": "init_user_ns",
    "struct net": "init_net",
    "struct list_head": "modules net_namespace_list tty_drivers super_blocks",
    "struct printk_ringbuffer *": "prb",
    "char *": "log_buf saved_command_line",
    "struct file_system_type *": "file_systems",
    "struct idr": "prog_idr map_idr",
    "int": "cap_last_cap",
    "unsigned long": "page_offset_base vmalloc_base vmemmap_base jiffies tainted_mask",
    "long unsigned int": "page_offset_base vmalloc_base vmemmap_base jiffies tainted_mask",
    "gate_desc [256]": "idt_table",
    "struct inet_hashinfo": "tcp_hashinfo",
    "struct udp_table": "udp_table",
    "struct hlist_head *": "mount_hashtable",
    "struct file_operations": "socket_file_ops",
    "struct dentry_operations": "sockfs_dentry_operations",
    "struct kset *": "module_kset",
    "struct atomic_notifier_head": "keyboard_notifier_list panic_notifier_list",
    "struct resource": "iomem_resource ioport_resource",
    "struct ftrace_ops *": "ftrace_ops_list",
    "struct tk_data": "tk_core",
    "struct kobject *": "fs_kobj",
}


def isf_text(
    btf: Btf,
    symbols: KernelSymbols | None = None,
    *,
    ids: Iterable[int] | None = None,
    banner: bytes = b"",
    unsorted: bool = False,
) -> Iterator[bytes]:
    """The types of the whole chain of `btf`, or those of `ids` with what they need by value, as ISF with `symbols`, in pieces.

    `banner` is the text of linux_banner (/proc/version), by which Volatility finds the symbols for a memory image; the one
    that a vmlinux as `symbols` has is known.  Raises as `btfkit.show.rust.rust_text`, and NotFoundError for a banner without the
    symbol linux_banner.
    """
    return _Isf(btf, ids, unsorted=unsorted).document(symbols, banner)


class _Isf(Source):
    """Makes one document."""

    language = "ISF"
    reserved = frozenset()

    def __init__(self, btf: Btf, ids: Iterable[int] | None, *, unsorted: bool) -> None:
        self._enum_names = Names()
        super().__init__(btf, ids, unsorted=unsorted)
        self._endian = btf.byte_order
        self._known: dict[int, str] = {}
        self._strings: dict[int, str] = {}
        self._base_names = Names()
        self._base_types: dict[str, str] = {}
        self._base_keys: dict[tuple[str, int, bool, str], str] = {}
        self.user_types: list[str] = []
        self.enums: list[str] = []
        self._base("void", 0, False, "void")
        self._base("pointer", self.pointer_size, False, "int")
        for integer in btf.types(spec.INT):
            self._int(integer.id)

    def styled(self, raw: bytes) -> str:
        return text(raw)

    styled_member = styled

    def new_name(self, type_id: int, raw: bytes) -> str:
        is_enum = self.btf.kind(type_id) in spec.ENUMS
        name = text(raw).replace("!", "_")  # Volatility puts the table's name and "!" before it
        return (self._enum_names if is_enum else self.free).new(name)

    # ---- the document --------------------------------------------------------------------------------------------------

    def document(self, symbols: KernelSymbols | None, banner: bytes) -> Iterator[bytes]:
        for root in self.order:
            self.pending.append(root)
            while self.pending:
                self._add(self.pending.pop())
        found = self._symbols(symbols, banner) if symbols is not None else []
        while self.pending:  # types that only variables have
            self._add(self.pending.pop())
        yield f'{{"metadata":{self._metadata(symbols)}'.encode()
        base_types = [f"{quoted(name)}:{form}" for name, form in self._base_types.items()]
        for key, rows in (
            ("base_types", base_types),
            ("user_types", self.user_types),
            ("enums", self.enums),
            ("symbols", found),
        ):
            yield f',\n"{key}":{{\n'.encode()
            yield from _pieces(rows)
            yield b"\n}"
        yield b"}\n"

    def _metadata(self, symbols: KernelSymbols | None) -> str:
        producer = f'"producer":{{"name":"btfkit","version":{quoted(__version__)}}}'
        item = ""
        if symbols is not None:
            name = quoted(symbols.source.replace("\\", "/").rpartition("/")[2])
            item = f'{{"kind":"{symbols.kind}","name":{name},"hash_type":"sha256","hash_value":"{symbols.digest}"}}'
        return f'{{"format":"{FORMAT}",{producer},"linux":{{"symbols":[{item}],"types":[]}}}}'

    def _add(self, type_id: int) -> None:
        """Add a composite or enum."""
        kind = self.btf.kind(type_id)
        if kind in spec.COMPOSITES:
            self._add_composite(type_id)
        elif kind in spec.ENUMS:
            self._add_enum(type_id)

    def _add_composite(self, type_id: int) -> None:
        layer, at = self.btf.locate(type_id)
        words = layer.words
        flag, name = words[at + 1] >> 31, self.names[type_id]
        kind = "struct" if words[at + 1] >> 24 & 127 == spec.STRUCT else "union"
        strings, known = self._strings, self._known
        fields: list[str] = []
        taken: set[str] = set()
        numbers: dict[int, int] = {}  # the last one of each name that comes again
        number = 0
        for place in range(at + 3, at + 3 + 3 * (words[at + 1] & spec.MAX_VLEN), 3):
            name_off, member_id, where = words[place : place + 3]
            offset, bits = (where & 0xFFFFFF, where >> 24) if flag else (where, 0)
            shown = strings.get(name_off)
            if shown is None:
                shown = strings[name_off] = quoted(text(self.btf.string(name_off)))
            extra = ""
            if not name_off or shown == '""':
                number += 1
                shown = f'"__anon_{number}"'
                extra = (
                    ',"anonymous":true' if self.btf.kind(self.btf.strip(member_id, _THROUGH)) in spec.COMPOSITES else ""
                )
            while shown in taken:
                again = numbers[name_off] = numbers.get(name_off, 1) + 1
                shown = quoted(f"{text(self.btf.string(name_off))}___{again}")
            taken.add(shown)
            form = known.get(member_id) or self._form(member_id, name)
            if bits or offset & 7 or form is _PART:
                fields.append(f"{shown}:{{{self._bit_field(member_id, offset, bits, name)}}}")
            else:
                fields.append(f'{shown}:{{"type":{form},"offset":{offset >> 3}{extra}}}')
        self.user_types.append(
            f'{quoted(name)}:{{"kind":"{kind}","size":{words[at + 2]},"fields":{{{",".join(fields)}}}}}'
        )

    def _add_enum(self, type_id: int) -> None:
        size = self.btf.word(type_id, 2)
        is_signed = self.btf.word(type_id, 1) >> 31 != 0
        name = self.names.get(type_id) or self._enum_names.new(f"enum__anon_{type_id}")
        constants = Names()
        rows = [f"{quoted(constants.new(text(raw)))}:{value}" for raw, value in self.enumerators(type_id)]
        base = quoted(self._integer(size, is_signed))
        self.enums.append(f'{quoted(name)}:{{"size":{size},"base":{base},"constants":{{{",".join(rows)}}}}}')

    # ---- types in their places -----------------------------------------------------------------------------------------

    def _form(self, type_id: int, within: str) -> str:
        """A type as a descriptor; _PART for an integer that has only some bits of its bytes (old BTF of bit-fields)."""
        found = self._known.get(type_id)
        if found is None:
            found = self._known[type_id] = self.type_text(type_id, within)
        return found

    def type_form(self, type_id: int, within: str) -> str:
        btf = self.btf
        stripped = btf.strip(type_id, _THROUGH)
        kind = btf.kind(stripped)
        if kind == spec.PTR:
            return f'{{"kind":"pointer","subtype":{self._whole(btf.word(stripped, 2), within)}}}'
        if kind == spec.ARRAY:
            element, count = btf.word(stripped, 3), btf.word(stripped, 5)
            return f'{{"kind":"array","count":{count},"subtype":{self._whole(element, within)}}}'
        if kind in spec.COMPOSITES:
            keyword = "struct" if kind == spec.STRUCT else "union"
            return f'{{"kind":"{keyword}","name":{quoted(self.name(stripped, within))}}}'
        if kind == spec.FWD:
            keyword = "union" if btf.word(stripped, 1) >> 31 else "struct"
            return f'{{"kind":"{keyword}","name":{quoted(self.name(stripped, within))}}}'
        if kind in spec.ENUMS:
            return f'{{"kind":"enum","name":{quoted(self.name(stripped, within))}}}'
        if kind in (spec.FUNC, spec.FUNC_PROTO):
            return '{"kind":"function"}'
        if kind == spec.INT:
            return self._int(stripped)
        if kind == spec.FLOAT:
            size = btf.word(stripped, 2)
            if size not in _FLOATS:
                return self._raw(size)
            return _base_form(self._base(btf.name(stripped), size, True, "float"))
        return _base_form("void")

    def _whole(self, type_id: int, within: str) -> str:
        form = self._form(type_id, within)
        return self._raw(self.btf.word(self.btf.strip(type_id, _THROUGH), 2)) if form is _PART else form

    def _int(self, type_id: int) -> str:
        btf = self.btf
        size, word = btf.word(type_id, 2), btf.word(type_id, 3)
        if word >> 16 & 0xFF or word & 0xFF != 8 * size:
            return _PART
        encoding, name = word >> 24 & 0xFF, btf.name(type_id)
        kind = "bool" if encoding & spec.INT_BOOL else "char" if name == "char" and size == 1 else "int"
        return _base_form(self._base(name, size, encoding & spec.INT_SIGNED != 0, kind))

    def _raw(self, size: int) -> str:
        """Bytes whose meaning the format cannot state."""
        return f'{{"kind":"array","count":{size},"subtype":{_base_form(self._integer(1, False))}}}'

    def _base(self, name: str, size: int, is_signed: bool, kind: str) -> str:
        """The name of a base type, added on first use."""
        key = name, size, is_signed, kind
        found = self._base_keys.get(key)
        if found is None:
            found = self._base_keys[key] = self._base_names.new(name or f"int{8 * size}")
            sign = "true" if is_signed else "false"
            self._base_types[found] = f'{{"size":{size},"signed":{sign},"kind":"{kind}","endian":"{self._endian}"}}'
        return found

    def _integer(self, size: int, is_signed: bool) -> str:
        """The name of an integer of that size: one of the BTF's own, or another."""
        for (name, known_size, known_sign, kind), found in self._base_keys.items():
            if (known_size, known_sign, kind) == (size, is_signed, "int") and name != "pointer":
                return found
        return self._base(f"{'' if is_signed else 'u'}int{8 * size}", size, is_signed, "int")

    def _bit_field(self, type_id: int, offset: int, bits: int, within: str) -> str:
        """The type and offset of a bit-field: its storage unit in bytes, and its place among the bits of that."""
        btf = self.btf
        stripped = btf.strip(type_id, _THROUGH)
        kind = btf.kind(stripped)
        size = btf.word(stripped, 2) if kind in (spec.INT, *spec.ENUMS) else 0
        if kind == spec.INT and not bits:
            word = btf.word(stripped, 3)
            offset, bits = offset + (word >> 16 & 0xFF), word & 0xFF
        base = self._form(stripped, within)
        if base is _PART or not size:
            base = _base_form(self._integer(size or 8, False))
        begin = offset // (8 * size) * size if size else 0
        first = offset - 8 * begin
        if first + bits > 8 * size:  # packed: a unit that begins elsewhere, or is wider
            begin, first = offset // 8, offset % 8
            if first + bits > 8 * size:
                size = next((wide for wide in (2, 4, 8) if first + bits <= 8 * wide), 0)
                base = _base_form(self._integer(size, False))
        if not size or not bits:
            return f'"type":{self._raw((offset % 8 + bits + 7) // 8)},"offset":{offset // 8}'
        if self._endian == "big":
            first = 8 * size - first - bits
        form = f'{{"kind":"bitfield","bit_position":{first},"bit_length":{bits},"type":{base}}}'
        return f'"type":{form},"offset":{begin}'

    # ---- symbols --------------------------------------------------------------------------------------------------------

    def _symbols(self, symbols: KernelSymbols, banner: bytes) -> list[str]:
        types = self._types_of_symbols()
        data = banner or symbols.banner
        if data and b"linux_banner" not in symbols.addresses:
            raise NotFoundError("no symbol linux_banner, which the banner belongs to", source=symbols.source)
        if data:
            data = data.rstrip(b"\n\0") + b"\n\0"
            types[b"linux_banner"] = (
                f',"type":{{"kind":"array","count":{len(data)},"subtype":{_base_form(self._char())}}}'
                f',"constant_data":"{b64encode(data).decode()}"'
            )
        get = types.get
        return [
            f'{quoted(text(name))}:{{"address":{address}{get(name, "")}}}'
            for name, address in symbols.addresses.items()
        ]

    def _char(self) -> str:
        return next((found for key, found in self._base_keys.items() if key[3] == "char"), "") or self._integer(
            1, False
        )

    def _types_of_symbols(self) -> dict[bytes, str]:
        """The type of each variable and function, as the rest of the symbol's row."""
        btf = self.btf
        found: dict[bytes, str] = {}
        for spelled, names in KNOWN.items():
            form = self._known_form(spelled)
            if form:
                found |= dict.fromkeys((name.encode() for name in names.split()), f',"type":{form}')
        function = ',"type":{"kind":"function"}'
        for type_id in range(1, len(btf)):
            kind = btf.kind(type_id)
            if kind == spec.FUNC:
                found[self.raw_name(type_id)] = function
            elif kind == spec.VAR:
                raw = self.raw_name(type_id)
                found[raw] = f',"type":{self._whole(type_id, text(raw))}'
        return found

    def _known_form(self, spelled: str) -> str:
        """The descriptor of a type in KNOWN; "" if the BTF does not define it."""
        name, _, array = spelled.removesuffix(" *").partition(" [")
        defined = [i for i in self.btf.find_ids(name) if i in self.names or self.btf.kind(i) == spec.INT]
        if not defined:
            return ""
        form = self._whole(defined[0], name)
        if array:
            return f'{{"kind":"array","count":{array.rstrip("]")},"subtype":{form}}}'
        return f'{{"kind":"pointer","subtype":{form}}}' if spelled.endswith("*") else form


_PART = "part"


def _base_form(name: str) -> str:
    return f'{{"kind":"base","name":{quoted(name)}}}'


def _pieces(rows: list[str]) -> Iterator[bytes]:
    """The rows of an object, one a line."""
    start, size = 0, 0
    for number, row in enumerate(rows):
        size += len(row)
        if size > _BYTES_PER_PIECE:
            yield (",\n".join(rows[start : number + 1]) + (",\n" if number + 1 < len(rows) else "")).encode()
            start, size = number + 1, 0
    yield ",\n".join(rows[start:]).encode()
