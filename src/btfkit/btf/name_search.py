"""Names among which many others are looked for: those that are almost equal.

names = NameSearch(["i_rdev", "i_atime_sec"])
names.continued("i_atime")     # "i_atime_sec"
names.close("i_rdevs", 1)      # ["i_rdev"]
"""

from __future__ import annotations

from btfkit.btf import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfkit.btf.btf import Btf

FEW = 1000  # names that are all compared; of more, only those of similar length and with the same first or last letters
LIKENESS, LIKENESS_OF_3 = 0.7, 0.65  # of 1 (difflib, ratio); of three letters, two are enough


class NameSearch:
    """Names in their order, each once and without the empty one."""

    __slots__ = ("_by_length", "_text", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(dict.fromkeys(filter(None, names)))
        self._text = ""
        self._by_length: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return len(self.names)

    def with_prefix(self, prefix: str) -> NameSearch:
        """What follows `prefix` in the names that begin with it."""
        return NameSearch(name[len(prefix) :] for name in self.names if name.startswith(prefix))

    @property
    def text(self) -> str:
        """All names, each between two NULs."""
        self._text = self._text or "\0".join(("", *self.names, ""))
        return self._text

    def same(self, name: str) -> str:
        """The first other name that differs only in the underscores that it begins with, or ""."""
        bare = name.lstrip("_")
        at = self.text.find(bare + "\0") if bare else -1
        while at >= 0:
            other = self.text[self.text.rfind("\0", 0, at) + 1 : at + len(bare)]
            if other != name and other.lstrip("_") == bare:
                return other
            at = self.text.find(bare + "\0", at + 1)
        return ""

    def continued(self, name: str) -> str:
        """The first name that is `name` with an underscore and more, or ""."""
        at = self.text.find(f"\0{name}_")
        return self.text[at + 1 : self.text.index("\0", at + 1)] if at >= 0 else ""

    def close(self, name: str, most: int, likeness: float = 0) -> list[str]:
        """Those that are close to `name`, the closest first."""
        from difflib import get_close_matches

        likeness = likeness or (LIKENESS if len(name) > 3 else LIKENESS_OF_3)
        letters = set(name)
        names = [
            other  # that has enough of the letters: difflib needs much longer to find that
            for other in sorted({*self._candidates(name)})
            if 2 * (len(name) - len(letters.difference(other))) >= likeness * (len(name) + len(other))
        ]
        return get_close_matches(name, names, most, likeness)

    def _candidates(self, name: str) -> Iterable[str]:
        if len(self.names) <= FEW or not name:
            return self.names if name else ()
        slack, first, last = 1 + len(name) // 4, name[0], name[-3:]
        return [
            other
            for length in range(max(len(name) - slack, 1), len(name) + slack + 1)
            for other in self.by_length.get(length, ())
            if other[0] == first or other[-3:] == last
        ]

    @property
    def by_length(self) -> dict[int, list[str]]:
        """The names of each length."""
        if not self._by_length:
            for name in self.names:
                self._by_length.setdefault(len(name), []).append(name)
        return self._by_length


def names_of_kind(btf: Btf, kind: int) -> NameSearch:
    """The names of all types of a kind, in the order of their ids."""
    found: list[bytes] = []
    for layer in btf.chain:
        words, start, strings = layer.words, layer.start_str_off, bytes(layer.strings)
        offsets = dict.fromkeys([words[at] for at in layer.positions if words[at + 1] >> 24 & spec.MAX_KIND == kind])
        found += [
            strings[offset - start : strings.index(0, offset - start)] if offset >= start else layer.string(offset)
            for offset in offsets
        ]
    return NameSearch(spec.text(b"\0".join(found)).split("\0"))
