"""Close names for messages: "no struct called 'tsk_struct'; did you mean 'task_struct'?"."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import text
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from btfkit.btf.btf import Btf

FEW = 1000  # names that are all compared; of more, those whose length and first or last letters agree
MOST = 3  # names in a suggestion


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a message that suggests those of `names` that are close to `name`, or ""."""
    return _question(close_names(name, set(names)))


def did_you_mean_type(btf: Btf, name: str, kinds: Collection[int] = ()) -> str:
    """`did_you_mean` for the names of types: of `kinds` only (all by default); or says of which kind `name` is."""
    others = sorted({btf.kind(type_id) for type_id in btf.find_ids(name)})
    if others:
        return f"; there is a {' and a '.join(spec.kind_name(kind) for kind in others)} of that name"
    strings = {text(string) for layer in btf.chain for string in bytes(layer.strings).split(b"\0")}
    close = close_names(name, strings, 10 * MOST)
    return _question([other for other in close if _is_type(btf, other, kinds)][:MOST])


def close_names(name: str, names: Collection[str], most: int = MOST) -> list[str]:
    """Those of `names` that are close to `name`, the closest first."""
    from difflib import get_close_matches

    names = sorted(filter(None, names))
    if len(names) > FEW:
        slack = 1 + len(name) // 4
        names = [
            other
            for other in names
            if -slack <= len(other) - len(name) <= slack and (other[0] == name[:1] or other[-3:] == name[-3:])
        ]
    return get_close_matches(name, names, most, 0.7)


def _is_type(btf: Btf, name: str, kinds: Collection[int]) -> bool:
    return any(not kinds or btf.kind(type_id) in kinds for type_id in btf.find_ids(name))


def _question(names: list[str]) -> str:
    quoted = [f"'{printable(name)}'" for name in names]
    shown = " or ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))
    return f"; did you mean {shown}?" if names else ""
