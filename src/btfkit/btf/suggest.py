"""Close names for messages: "no struct called 'tsk_struct'; did you mean 'task_struct'?"."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.name_search import NameSearch
from btfkit.btf.spec import text
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from btfkit.btf.btf import Btf

MOST = 3  # names in a suggestion


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a message that suggests those of `names` that are close to `name`, or ""."""
    return _question(NameSearch(names).close(name, MOST))


def did_you_mean_type(btf: Btf, name: str, kinds: Collection[int] = ()) -> str:
    """`did_you_mean` for names of types ("x", "struct x") of `kinds` or of all; or the kind that `name` does have."""
    tag, _, rest = name.partition(" ")
    if rest and tag in spec.C_TAGS:
        name, kinds = rest, kinds or spec.C_TAGS[tag]
    others = dict.fromkeys(spec.word(btf.kind(type_id)) for type_id in btf.find_ids(name))
    if others:
        return f" ({printable(name)} is of kind {' and '.join(others)})"
    strings = [text(string) for layer in btf.chain for string in bytes(layer.strings).split(b"\0")]
    close = NameSearch(strings).close(name, 10 * MOST)
    return _question([other for other in close if any(btf.find_ids(other, tuple(kinds)))][:MOST])


def _question(names: list[str]) -> str:
    quoted = [f"'{printable(name)}'" for name in names]
    shown = " or ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))
    return f"; did you mean {shown}?" if names else ""
