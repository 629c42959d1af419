"""Small typed records: what an operation reports, as attributes for Python and as an object for JSON."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from typing import dataclass_transform as dataclass_transform
else:  # importing typing costs more than an operation on a module

    def dataclass_transform(**_: object):
        return lambda cls: cls


@dataclass_transform(kw_only_default=True)
class Record:
    """A subclass annotates the fields, which are given by keyword; None means that there is nothing to report."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value is not None)
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def as_json(self) -> dict[str, object]:
        """The fields that are not None, in the order of the class."""
        fields = {name: getattr(self, name) for name in type(self).__annotations__}
        return {name: _plain(value) for name, value in fields.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.as_json()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
