"""Names that are looked for in the modules of many kernels, one after the other."""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.build import Builder
from btfkit.co_re.target import Roots


def module(name, first):
    """A module with the function `name`, whose name is in its base's strings; and that base."""
    base = Builder()
    number = base.int(first, 4)
    base.func(name, base.func_proto(number, []))
    kernel = base.build()
    own = Builder(base=kernel)
    own.func(name, own.func_proto(number, []))
    return own.build()


def test_names_in_the_strings_of_bases_that_are_gone():
    """A base may lie where another one was, with another name at the same offset."""
    roots = Roots([(spec.FUNC, b"wanted")])
    found = []
    for _ in range(50):
        for name in ("wanted", "others"):
            found.append((name, roots.are_in(module(name, "int"))))
    assert set(found) == {("wanted", True), ("others", False)}
