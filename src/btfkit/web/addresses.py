"""The addresses of pages, which people can read and keep: /struct/task_struct/pid, /kernel/debian/12/x86_64/6.1.0-47-amd64."""

from __future__ import annotations

from urllib.parse import quote, urlencode

_SAFE = "~:@!$'()*+,;=-._"  # what a segment of a path may hold as it is (RFC 3986, 3.3), without "&"


def segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(plain(text), safe=_SAFE)


def plain(name: str) -> str:
    """A name as the tables have it: what is not UTF-8 is escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def definition(kind: str, name: str, member: str = "") -> str:
    """The page of a definition, or of one of its members."""
    names = [name, member] if member else [name]
    if all(_is_plain(one) for one in names):
        return "/".join(["", kind, *map(segment, names)])
    return f"/{kind}/?{_query(name=name, member=member)}"


def _is_plain(name: str) -> bool:
    """Whether a browser sends the segment of that name as it is, and it is not taken for something else."""
    return name not in ("", ".", "..") and not name.endswith(".json")


def kernel(key: str) -> str:
    """The page of a kernel."""
    return "/kernel/" + "/".join(map(segment, key.split("/")))


def btf(key: str, name: str = "vmlinux") -> str:
    """The BTF of a kernel, or of one of its modules."""
    return "/btf/" + "/".join(map(segment, [*key.split("/"), name]))


def pair(kind: str, name: str, old: str, new: str) -> str:
    """A definition on two kernels side by side."""
    return f"/diff/{kind}/?{_query(name=name, old=old, new=new)}"


def compare(old: str, new: str, **more: object) -> str:
    """Two kernels compared."""
    return f"/compare?{_query(old=old, new=new, **more)}"


def search(text: str, **more: object) -> str:
    """The results of a search."""
    return f"/search?{_query(q=text, **more)}"


def members(name: str) -> str:
    """The definitions that have a member or enumerator of that name."""
    return f"/member/{segment(name)}" if _is_plain(name) else f"/member/?{_query(name=name)}"


def _query(**values: object) -> str:
    chosen = {key: str(value) for key, value in values.items() if value not in (None, "")}
    return urlencode({key: plain(value) for key, value in chosen.items()}, safe="/:@")
