"""The target of the fuzzer for what is shown: layouts, diffs, searches and offsets of broken BTF.

The law, besides a result or a `BtfError`: every line can be printed, a picture's numbers are JSON's, a BTF does not differ from
itself, and what is found is called what was asked for.
"""

from __future__ import annotations

import contextlib
import json
from random import Random

import mutate
import seeds
from case import Case

from btfkit.btf.btf import Btf
from btfkit.errors import BtfError

MOST = 60  # types that are looked at
LARGEST = 1 << 14  # bytes of a value


def make_show(r: Random) -> Case:
    """A broken BTF, and the whole one that it was made from."""
    chains = [parts for _, parts in seeds.chains() if isinstance(parts[0], bytes)]
    whole = r.choice(chains)[0]
    return Case("show", [whole, mutate.btf(r, whole)], seed=r.randrange(1 << 30))


def run_show(case: Case) -> None:
    """Show it in every way."""
    whole = Btf.from_bytes(case.parts[0], source="whole")
    broken = Btf.from_bytes(case.parts[1], source="broken")
    r = Random(case.options["seed"])
    for work in (layouts, searches, offsets, values):
        with contextlib.suppress(BtfError):
            work(broken, r)
    diffs(whole, broken)


def layouts(btf: Btf, r: Random) -> None:
    from btfkit.show.layout import Layouts
    from btfkit.show.layout_at import gap_at, members_at
    from btfkit.show.layout_data import LayoutData
    from btfkit.show.layout_text import LayoutText
    from btfkit.show.reorganize import reorganized

    known = Layouts(btf)
    for type_id in list(known.all())[:MOST]:
        with contextlib.suppress(BtfError):
            where = r.randrange(max(1, min(known[type_id].size, 1 << 32)))
            places = members_at(known, type_id, where)
            assert all(place.offset <= where for place in places), "a member that begins later"
            assert places or gap_at(known, type_id, where)
        with contextlib.suppress(BtfError):
            _, (smaller,) = reorganized(known, [type_id])
            assert smaller.saved >= 0, "the smaller order is larger"
        for expand in (False, True):
            with contextlib.suppress(BtfError):
                text = LayoutText(known, expand=expand).picture(type_id)
                assert all(line.replace("\t", " ").isprintable() for line in text.splitlines()), "a line does not print"
            with contextlib.suppress(BtfError):
                data = LayoutData(known, expand=expand).of(type_id)
                assert json.loads(json.dumps(data)) == data
                assert data["size"] == known[type_id].size


def diffs(whole: Btf, broken: Btf) -> None:
    from btfkit.show.diff import diff
    from btfkit.show.diff_text import diff_lines

    assert not diff(broken, broken), "it differs from itself"
    found = diff(whole, broken)
    assert all(line.isprintable() for line in diff_lines(found)), "a line does not print"
    json.dumps(found.as_json())


def searches(btf: Btf, r: Random) -> None:
    from btfkit.cli.find import line
    from btfkit.show.find import find, users

    everything = list(find(btf, "*"))
    assert all(line(one).isprintable() for one in everything), "a line does not print"
    for one in r.sample(everything, min(5, len(everything))):
        if one.name and not any(c in one.name for c in " *?[/"):
            assert any(again.type_id == one.type_id for again in find(btf, one.name)), "not found by its name"
    for type_id in r.sample(range(1, len(btf)), min(5, len(btf) - 1)):
        for one in users(btf, type_id):
            line(one)


def offsets(btf: Btf, r: Random) -> None:
    from btfkit.show.find import find
    from btfkit.show.offset import offset

    members = list(find(btf, "*", ["member"]))
    for one in r.sample(members, min(10, len(members))):
        with contextlib.suppress(BtfError):
            place = offset(btf, f"{btf.name(one.type_id)}.{one.name}", type_id=one.type_id)
            json.dumps(place.as_json())


def values(btf: Btf, r: Random) -> None:
    """Random bytes have a value of each type, three texts, and the same bytes again."""
    from btfkit.btf.shapes import sized_shape
    from btfkit.values.bpftool_text import BpftoolText
    from btfkit.values.json_text import JsonLines, json_of
    from btfkit.values.libbpf_text import LibbpfText

    for type_id in r.sample(range(1, len(btf)), min(MOST, len(btf) - 1)):
        with contextlib.suppress(BtfError):
            shape = sized_shape(btf, type_id)
            if shape.size > LARGEST:
                continue
            size = shape.size + r.choice((0, 0, 5))
            data = r.choice((bytes(size), r.randbytes(size)))
            line = b"".join(JsonLines(shape).lines(data, 0, size, 1)).decode()
            assert line == json_of(shape, data, 0, size if size > shape.size else -1) + "\n", "two forms of JSON"
            json.loads(line)
            for compat in (False, True):
                text = LibbpfText(compat=compat, zeroes=r.random() < 0.5).text(shape, data, 0, size)
                assert all(part.replace("\t", " ").isprintable() for part in text.splitlines()), "a line does not print"
                BpftoolText(compat=compat).text(shape, data, 0, size)
            one = btf[type_id]
            assert len(one.pack(one.unpack(data))) >= shape.size
            value = one.unpack(data)
            with contextlib.suppress(ValueError):  # members that lie on each other
                one.pack(value.as_dict() if hasattr(value, "as_dict") else value)
            one.ctypes()


TARGETS = {"show": (6, make_show)}
RUN = {"show": run_show}
