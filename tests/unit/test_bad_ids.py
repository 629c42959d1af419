"""Every public call that takes a type id: an id that does not exist, or something else in its place, is NotFoundError."""

from __future__ import annotations

import pytest

import btfkit
from btfkit.btf import spelling
from btfkit.show.layout import Layouts
from small_modules import kernel, module

CALLS = {
    "[]": lambda btf, i: btf[i],
    "kind": lambda btf, i: btf.kind(i),
    "name": lambda btf, i: btf.name(i),
    "word": lambda btf, i: btf.word(i, 2),
    "locate": lambda btf, i: btf.locate(i),
    "strip": lambda btf, i: btf.strip(i),
    "sizeof": lambda btf, i: btf.sizeof(i),
    "alignof": lambda btf, i: btf.alignof(i),
    "layout": btfkit.layout,
    "Layouts": lambda btf, i: Layouts(btf)[i],
    "facts": lambda btf, i: Layouts(btf).facts(i),
    "offset": lambda btf, i: btfkit.offset(btf, "owner", type_id=i),
    "users": lambda btf, i: list(btfkit.users(btf, i)),
    "dump raw": lambda btf, i: list(btfkit.dump(btf, ids=[i])),
    "dump c": lambda btf, i: list(btfkit.dump(btf, "c", ids=[i])),
    "dump json": lambda btf, i: list(btfkit.dump(btf, "json", ids=[i])),
    "spelled": spelling.spelled,
}
BAD = (-1, -(2**70), 2**32, 2**70, "x", None, 1.0, b"1", ())


@pytest.fixture(params=["base", "split"])
def btf(request):
    base = kernel()
    return base if request.param == "base" else btfkit.Btf.from_bytes(module(base), base)


@pytest.mark.parametrize("name", CALLS)
def test_a_bad_id(btf, name) -> None:
    for bad in (*BAD, len(btf), len(btf) + 1):
        if (name == "offset" and bad is None) or (name == "[]" and bad == "x"):
            continue  # no id; a name
        with pytest.raises(btfkit.NotFoundError):
            print(repr(bad), CALLS[name](btf, bad))


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("offset", "layout", "Layouts")])
def test_true_is_one(btf, name) -> None:
    assert str(CALLS[name](btf, True)).replace("True", "1") == str(CALLS[name](btf, 1))


def test_what_is_in_a_btf(btf) -> None:
    assert not any(bad in btf for bad in (*BAD, len(btf)))
    assert {0, 1, len(btf) - 1} == {i for i in (0, 1, len(btf) - 1) if i in btf}
