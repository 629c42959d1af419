"""Who uses a type on one kernel: what holds it by value, what points to it, and the functions that take or return it."""

from __future__ import annotations

from btfkit.show.find import MEMBER, users_of_each
from btfkit.show.identity import FUNC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.btf.btf import Btf
    from btfkit.show.find import Found

HOLD, POINT, TAKE, NAME = "hold", "point", "functions", "others"
GROUPS = {
    HOLD: "hold it by value",
    POINT: "point to it",
    TAKE: "functions that take or return it",
    NAME: "typedefs and variables of it",
}


def users_in_groups(btf: Btf, ids: Iterable[int]) -> dict[str, list[Found]]:
    """The users of types, by group (GROUPS), each once.

    A member whose type in C has no asterisk holds it by value: each way through a pointer or a prototype has one.
    """
    found: dict[str, list[Found]] = {group: [] for group in GROUPS}
    seen: set[tuple[str, str, str]] = set()
    for one in users_of_each(btf, ids):
        key = one.kind, one.owner, one.name
        if key in seen:
            continue
        seen.add(key)
        if one.kind == MEMBER:
            found[POINT if "*" in one.text else HOLD].append(one)
        else:
            found[TAKE if one.kind == FUNC else NAME].append(one)
    return found
