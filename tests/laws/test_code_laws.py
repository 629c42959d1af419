"""Source code of any BTF: text in ASCII that is the same each time, or an error that says why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings

from btfkit.btf.btf import Btf
from btfkit.errors import BtfError
from btfkit.show.ctypes_code import ctypes_text
from btfkit.show.go import go_text
from btfkit.show.isf import isf_text
from btfkit.show.rust import rust_text
from strategies import btfs, chains

LANGUAGES: dict[str, Callable[..., Iterator[bytes]]] = {
    "rust": rust_text,
    "go": go_text,
    "ctypes": ctypes_text,
    "isf": lambda btf, ids=None: isf_text(btf, ids=ids),
}


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=150, deadline=None)
@given(btf=btfs() | chains())
def test_any_btf(language: str, btf: Btf) -> None:
    write = LANGUAGES[language]
    try:
        text = b"".join(write(btf))
    except BtfError:
        with pytest.raises(BtfError):
            list(write(btf))
        return
    assert text.isascii()
    assert b"".join(write(btf)) == text
    for type_id in range(1, len(btf)):
        assert b"".join(write(btf, [type_id])).isascii()
