"""Layouts against the real pahole: every struct and union of every kernel, its text byte for byte.

Known differences, all of pahole's making (docs/differences.md): whether a struct counts as packed depends there on the
structs that were printed before; a second struct of the same name and size is left out; it writes "single float" for float.
"""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

import corpus
from btfkit.btf.btf import Btf
from btfkit.btf_file import load
from btfkit.show.layout import Layouts
from btfkit.show.layout_text import LayoutText
from peer_tools import pahole

KERNELS = corpus.kernels()
NAMES = ("task_struct", "sk_buff", "rwlock_t", "sigval", "page", "bpf_attr", "list_head", "inet_sock", "net_device")


def known(text: str) -> str:
    """A picture without what is known to differ."""
    text = (
        text.replace(" __attribute__((__packed__))", "")
        .replace("single float", "float")
        .replace("single double", "double")
    )
    return re.sub(" +", " ", text)


def differing(theirs: str, ours: list[str]) -> list[str]:
    """pahole's pictures that are not among ours."""
    left = defaultdict(list)
    for picture in ours:
        left[known(picture)].append(picture)
    shown = pictures(theirs)
    assert shown
    return [picture for picture in shown if not left.get(known(picture))]


def pictures(theirs: str) -> list[str]:
    """pahole's output, a picture each."""
    found, lines = [], []
    for line in theirs.splitlines(True):
        lines.append(line)
        if line[0] == "}":
            found.append("".join(lines))
            lines = []
    return found


def exact(theirs: str, ours: list[str]) -> int:
    """How many are equal without any allowance."""
    have = set(ours)
    return sum(picture in have for picture in pictures(theirs))


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_struct(kernel) -> None:
    path = corpus.kernel_path(kernel)
    layouts = Layouts(load(path))
    writer = LayoutText(layouts)
    ours = [writer.picture(type_id) for type_id in layouts.all()]
    theirs = pahole(path, "-F", "btf")
    assert differing(theirs, ours) == []
    assert exact(theirs, ours) >= len(ours) - 20  # same-named twins, and what `known` lists


@pytest.mark.slow
def test_every_struct_expanded() -> None:
    path = corpus.kernel_path("6.12.107+deb13-amd64")
    layouts = Layouts(load(path))
    writer = LayoutText(layouts, expand=True)
    ours = [writer.picture(type_id) for type_id in layouts.all()]
    theirs = pahole(path, "-F", "btf", "-E")
    # pahole loses the names of members that are enums or const: `enum e { ... };`
    lost = re.compile(r"^(\t+\})[^;/]*;", re.M)
    left = differing(lost.sub(r"\1;", theirs), [lost.sub(r"\1;", picture) for picture in ours])
    assert [picture.split("\n")[0] for picture in left] == []


@pytest.mark.parametrize("kernel", [name for name in KERNELS if name.startswith("6.12.107+deb13-amd64")])
def test_by_name(kernel) -> None:
    path = corpus.kernel_path(kernel)
    layouts = Layouts(load(path))
    writer = LayoutText(layouts)
    for name in NAMES:
        assert "".join(writer.picture(i, name) for i in layouts.find(name)) + "\n" == pahole(
            path, "-F", "btf", "-C", name
        )


@pytest.mark.slow
def test_sizes() -> None:
    path = corpus.kernel_path("6.12.107+deb13-amd64")
    layouts = Layouts(load(path))
    ours = {f"{layouts[i].name}\t{layouts[i].size}\t{layouts[i].holes}" for i in layouts.all()}
    theirs = pahole(path, "-F", "btf", "--sizes").splitlines()
    assert set(theirs) <= ours


@pytest.mark.slow
def test_modules() -> None:
    path = corpus.kernel_path("6.12.107+deb13-amd64")
    base = load(path)
    blobs = corpus.modules("6.12.107+deb13-amd64")
    for name in list(blobs)[:: len(blobs) // 6]:
        layouts = Layouts(Btf.from_bytes(blobs[name], base, source=name))
        writer = LayoutText(layouts)
        theirs = pahole(blobs[name], "-F", "btf", base=path)
        wanted = [writer.picture(type_id) for type_id in layouts.all()]
        shown = {known(picture) for picture in pictures(theirs)}
        assert [p for p in wanted if known(p) not in shown] == []
