"""The one writer: what a frame keeps of the BTF that it is taken from."""

from __future__ import annotations

from array import array

import pytest

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.emit import Frame
from btfkit.errors import FormatError

pytestmark = pytest.mark.parametrize("order", ["little", "big"])


def sample(order, base=None, layout=False):
    b = Builder(base, order=order, layout=layout)
    b.struct("s", 8, [("a", b.int("int", 4), 0)])
    return b


@pytest.mark.parametrize("layout", [False, True])
def test_words_and_strings_in_a_frame_are_the_btf(order, layout):
    btf = Btf.from_bytes(sample(order, layout=layout).to_bytes(), source="here", pointer_size=4)
    for frame in (Frame.of(btf, None), Frame.keeping(btf, None)):
        again = frame.emit(btf.words, btf.strings)
        assert again.to_bytes() == btf.to_bytes()
        assert (again.source, again.given_pointer_size, again.base) == ("here", 4, None)


def test_a_kept_header_has_its_unknown_fields(order):
    blob = bytearray(sample(order).to_bytes())
    blob[3] = 5  # flags
    blob[4:8] = (40).to_bytes(4, order)
    blob[24:24] = bytes(8) + b"unknown!"
    btf = Btf.from_bytes(bytes(blob))
    assert Frame.keeping(btf, None).to_bytes(btf.words, btf.strings) == bytes(blob)
    assert Frame.of(btf, None).to_bytes(btf.words, btf.strings) == sample(order).to_bytes()


def test_without_a_layout_section_the_header_is_that_of_older_kernels(order):
    btf = sample(order, layout=True).build()
    frame = Frame.keeping(btf, None)
    frame.drop_layout()
    assert frame.to_bytes(btf.words, btf.strings) == sample(order).to_bytes()


def test_a_frame_on_another_base_continues_it(order):
    base = sample(order).build()
    split = sample(order, base).build()
    other = sample(order).build()
    moved = Frame.of(split, other).emit(split.words, split.strings)
    assert moved.base is other
    assert moved.to_bytes() == split.to_bytes()


def test_a_mistake_of_a_pass_is_an_error(order):
    btf = sample(order).build()
    words = array("I", bytes(btf.words))
    words[-2] = 99  # the type of the member
    with pytest.raises(FormatError, match="99"):
        Frame.of(btf, None).emit(words, btf.strings)
    with pytest.raises(FormatError, match="does not fit"):
        Frame.of(btf, None).emit(words[:-1], btf.strings)
