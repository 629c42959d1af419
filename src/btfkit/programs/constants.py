"""What the kernel knows of a program's data when it verifies the program: read-only variables and the kernel configuration.

libbpf freezes `.rodata` and `.kconfig` before it loads programs, so the verifier treats their contents as numbers.  The contents
are not certain here, because user space may set `const volatile` variables before loading.  These count as unknown unless a
value is given, or the caller asks what happens if all keep their initial values.  `LINUX_KERNEL_VERSION` is known as far as the
kernel's name shows it: 6.1.0-47-amd64 is some 6.1.
"""

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
    """The possible values of LINUX_KERNEL_VERSION on a kernel of that name, None if the name has no version.

    Distributions freeze the third number of their names when a series begins, so it is left open.
    """
    prefix = "" if uname[:1].isdigit() else r"(?:.*[^0-9.])?"
    found = re.match(prefix + r"(\d{1,3})\.(\d{1,3})(?:[.\-+_~]|$)", uname)
    if found is None:
        return None
    low = int(found[1]) << 16 | int(found[2]) << 8
    return span(low, low | 0xFF)


class Constants:
    """The read-only data of one object on one kernel.

    `given` are values by the name of a variable or of a kconfig extern; `version` is the range of LINUX_KERNEL_VERSION.
    Volatile variables count as unknown unless they are in `fixed`; if that is None, all have their initial values.
    """

    __slots__ = ("_data", "_given", "_order", "_variables", "asked", "fixed", "version")

    def __init__(self, code: Code, given: Mapping[str, int], version: Value = None) -> None:
        self._order = code.order
        self._given = given
        self._data: dict[str, bytearray] = {name: bytearray(data) for name, data in code.data.items()}
        self._variables: dict[str, list[Variable]] = {}
        self.version = version
        self.fixed: frozenset[str] | None = frozenset(given)
        self.asked: dict[str, None] = {}
        for variable in code.variables:
            data = self._data.get(variable.section)
            if data is None:
                continue
            self._variables.setdefault(variable.section, []).append(variable)
            if variable.name in given and variable.offset + variable.size <= len(data):
                value = given[variable.name] & ((1 << 8 * variable.size) - 1)
                data[variable.offset : variable.offset + variable.size] = value.to_bytes(variable.size, self._order)

    def read(self, section: str, off: int, size: int) -> Value:
        """The value of a load of `size` bytes; adds the volatile variables that it covers to `asked`."""
        if section.startswith(KCONFIG):
            name = section[len(KCONFIG) + 1 :]
            if name in self._given:
                return self._given[name] & ((1 << 8 * size) - 1)
            return self.version if name == VERSION and size == 4 else None
        data = self._data.get(section)
        if data is None or off < 0 or off + size > len(data):
            return None
        for variable in self._variables.get(section, ()):
            if variable.volatile and variable.offset < off + size and off < variable.offset + variable.size:
                self.asked[variable.name] = None
                if self.fixed is not None and variable.name not in self.fixed:
                    return None
        return int.from_bytes(data[off : off + size], self._order)

    def initial(self, name: str) -> int | None:
        """The value of a variable in the object file."""
        for section, variables in self._variables.items():
            for variable in variables:
                if variable.name == name and variable.size <= 8:
                    place = slice(variable.offset, variable.offset + variable.size)
                    return int.from_bytes(self._data[section][place], self._order)
        return None
