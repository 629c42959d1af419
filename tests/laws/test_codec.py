"""Laws of reading and writing BTF, on random type graphs."""

from __future__ import annotations

import pickle
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.ext import Ext
from btfkit.errors import BtfError
from btfkit.judges.kernel import kernel_rules
from btfkit.judges.structure import structure
from strategies import btfs, chains, mutations

OTHER = {"little": "big", "big": "little"}


def told(btf):
    """All that the views of a BTF's own types say."""
    out = []
    for type_id in btf.own_ids:
        t = btf[type_id]
        fields = [
            a
            for a in dir(type(t))
            if not a.startswith("_")
            and a not in ("btf", "layer", "at", "type", "words", "member")
            and not callable(getattr(type(t), a))
        ]
        row = []
        value = None
        for field in fields:
            with suppress(BtfError):  # the size of a type in a cycle
                value = getattr(t, field)
            if field == "members":
                value = [(m.name, m.type_id, m.bit_offset, m.bitfield_size) for m in value]
            elif field in ("enumerators", "entries"):
                value = [
                    (e.name, *(getattr(e, word, None) for word in ("value", "type_id", "offset", "size")))
                    for e in value
                ]
            elif field == "parameters":
                value = [(p.name, p.type_id) for p in value]
            row.append((field, value))
        out.append(row)
    return out


@given(chains())
def test_decode_then_encode_is_the_identity(btf):
    for layer in btf.chain:
        blob = layer.to_bytes()
        again = Btf.from_bytes(blob, layer.base)
        assert again.to_bytes() == blob
        assert told(again) == told(layer)


@given(chains())
def test_swapping_the_byte_order_twice_is_the_identity(btf):
    base = swapped_base = None
    for layer in btf.chain:
        swapped = Btf.from_bytes(layer.to_bytes(OTHER[layer.byte_order]), swapped_base)
        assert swapped.byte_order == OTHER[layer.byte_order]
        assert told(swapped) == told(layer)
        assert swapped.to_bytes(layer.byte_order) == layer.to_bytes()
        base, swapped_base = layer, swapped
    assert base is btf


@given(chains(levels=3, max_types=8))
def test_a_chain_survives_pickling(btf):
    again = pickle.loads(pickle.dumps(btf))
    assert [layer.to_bytes() for layer in again.chain] == [layer.to_bytes() for layer in btf.chain]
    assert told(again) == told(btf)


@given(chains())
def test_every_type_is_found_by_its_name(btf):
    for type_id in range(1, len(btf)):
        if name := btf.name(type_id):
            assert type_id in list(btf.find_ids(name))
            assert type_id in list(btf.find_ids(name, btf[type_id].kind))
            assert btf.find_id(name) == next(i for i in range(1, len(btf)) if btf.name(i) == name)


@given(chains())
def test_random_graphs_are_clean(btf):
    for layer in btf.chain:
        assert [f for f in structure(layer) if f.severity != "note"] == []
        assert [f for f in kernel_rules(layer, program=layer.base is None) if f.severity == "error"] == []


@given(st.data())
def test_any_bytes_give_a_btf_or_an_error(data):
    btf = data.draw(chains(max_types=8))
    blob = data.draw(mutations(btf.to_bytes()))
    try:
        read = Btf.from_bytes(blob, btf.base)
    except BtfError:
        return
    again = Btf.from_bytes(read.to_bytes(), btf.base)
    assert told(again) == told(read)
    structure(read)
    kernel_rules(read, program=True)
    for type_id in range(len(read)):
        for question in (read.sizeof, read.alignof, read.strip):
            with suppress(BtfError):
                question(type_id)


@settings(max_examples=200)
@given(st.binary(max_size=64))
def test_noise_gives_an_error(noise):
    for kind in (Btf, Ext):
        with pytest.raises(BtfError):
            kind.from_bytes(noise)


@given(st.data())
def test_noise_behind_a_header_gives_a_btf_or_an_error(data):
    mark = data.draw(st.sampled_from(("little", "big")))
    words = data.draw(st.lists(st.integers(0, 40) | st.integers(0, 19).map(lambda k: k << 24 | 1), max_size=24))
    header = (
        (0xEB9F).to_bytes(2, mark)
        + b"\1\0"
        + b"".join(n.to_bytes(4, mark) for n in (24, 0, 4 * len(words), 4 * len(words), 4))
    )
    blob = header + b"".join(word.to_bytes(4, mark) for word in words) + b"\0ab\0"
    try:
        btf = Btf.from_bytes(blob)
    except BtfError:
        return
    assert btf.to_bytes() == blob
    structure(btf)
    kernel_rules(btf)


@given(btfs(), btfs())
def test_the_builder_writes_words_as_they_are(one, other):
    for btf in (one, other):
        builder = Builder(order=btf.byte_order)
        for type_id in btf.own_ids:
            words = list(btf[type_id].words)
            builder.record(
                btf.kind(type_id), "", words[2], words[3:], vlen=btf[type_id].vlen, flag=btf[type_id].kind_flag
            )
        assert len(builder.to_bytes()) == 24 + 4 * len(btf.words) + 1
