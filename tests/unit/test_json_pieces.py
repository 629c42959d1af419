"""JSON in pieces, compared with the standard library's."""

from __future__ import annotations

from json import dumps

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfkit.fleet.json_pieces import json_pieces
from btfkit.fleet.report import as_dict
from hostile import NAMES
from matrices import made

leaf = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(st.dictionaries(st.text(), values, min_size=1))
def test_any_document(document):
    assert "".join(json_pieces(document)) == dumps(document, indent=1) + "\n"


@pytest.mark.parametrize("names", [(), NAMES])
def test_a_report(names):
    matrix = made(40, 9, names=names)
    document = as_dict(matrix, list(matrix.failures()))
    assert "".join(json_pieces(document)) == dumps(document, indent=1) + "\n"
