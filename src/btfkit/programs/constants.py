"""What the kernel knows of a program's data when it verifies it: read-only variables, and the kernel configuration.

libbpf freezes `.rodata` and `.kconfig` before it loads programs, so that the verifier takes what lies there for numbers.
What lies there is not certain here: user space may set `const volatile` variables before loading.  So these count as
unknown, unless a value is given, or the caller asks what would be if all kept their initial values.
`LINUX_KERNEL_VERSION` is known as far as the kernel's name tells it: 6.1.0-47-amd64 is some 6.1."""

from __future__ import annotations

import re

from btfkit.programs.registers import span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfkit.programs.code import Code, Variable
    from btfkit.programs.registers import Value

KCONFIG = ".kconfig"
VERSION = "LINUX_KERNEL_VERSION"


def version_range(uname: str) -> Value:
    """What LINUX_KERNEL_VERSION may be on a kernel of that name, None where the name does not tell.

    Distributions keep the third number in their names at what it was when the series began, so it is left open.
    """
    found = re.match(r"(?:.*[^0-9.])?(\d{1,3})\.(\d{1,3})(?:[.\-+_~]|$)", uname) if not uname[:1].isdigit() else None
    found = found or re.match(r"(\d{1,3})\.(\d{1,3})(?:[.\-+_~]|$)", uname)
    if found is None:
        return None
    low = int(found[1]) << 16 | int(found[2]) << 8
    return span(low, low | 0xFF)


class Known:
    """The data of one object.

    `given` are values by the name of a variable or of a kconfig extern; `version` is what LINUX_KERNEL_VERSION may be.  `open`
    tells which volatile variables count as unknown: all but those in `fixed` (None: none at all, the initial values hold).
    """

    __slots__ = ("_data", "_given", "_order", "_rows", "asked", "fixed", "version")

    def __init__(self, code: Code, given: Mapping[str, int], version: Value = None) -> None:
        self._order = code.order
        self._given = given
        self._data: dict[str, bytearray] = {name: bytearray(data) for name, data in code.data.items()}
        self._rows: dict[str, list[Variable]] = {}
        self.version = version
        self.fixed: frozenset[str] | None = frozenset(given)
        self.asked: dict[str, None] = {}
        for variable in code.variables:
            data = self._data.get(variable.section)
            if data is None:
                continue
            self._rows.setdefault(variable.section, []).append(variable)
            if variable.name in given and variable.offset + variable.size <= len(data):
                value = given[variable.name] & ((1 << 8 * variable.size) - 1)
                data[variable.offset : variable.offset + variable.size] = value.to_bytes(variable.size, self._order)

    def read(self, section: str, off: int, size: int) -> Value:
        """What a load of `size` bytes yields; notes in `asked` which volatile variables were read."""
        if section.startswith(KCONFIG):
            return self._configured(section[len(KCONFIG) + 1 :], size)
        data = self._data.get(section)
        if data is None or off < 0 or off + size > len(data):
            return None
        for variable in self._rows.get(section, ()):
            if variable.volatile and variable.offset < off + size and off < variable.offset + variable.size:
                self.asked[variable.name] = None
                if self.fixed is not None and variable.name not in self.fixed:
                    return None
        return int.from_bytes(data[off : off + size], self._order)

    def _configured(self, name: str, size: int) -> Value:
        if name in self._given:
            return self._given[name] & ((1 << 8 * size) - 1)
        return self.version if name == VERSION and size == 4 else None

    def initial(self, name: str) -> int | None:
        """The value of a variable as it stands in the object."""
        for section, rows in self._rows.items():
            for variable in rows:
                if variable.name == name and variable.size <= 8:
                    place = slice(variable.offset, variable.offset + variable.size)
                    return int.from_bytes(self._data[section][place], self._order)
        return None
