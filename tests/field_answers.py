"""The usual ways of fields (`hot/fields.py`) beside the walks that have all the rules: for tests and for the fuzzer."""

from __future__ import annotations

from btfkit.co_re.access import SpecError, _leaf, fields_of, parse_access, walk_local
from btfkit.co_re.loaders import LIBBPF
from btfkit.co_re.match import no_member
from btfkit.co_re.outcome import Match
from btfkit.co_re.relocate import _ask_field
from btfkit.co_re.witness import Witness
from btfkit.errors import BtfError


def reads(witness):
    return {name: getattr(witness, name) for name in Witness.__slots__}


def by_all_rules(obj, relocation):
    """What `Fields.local` has to return, or None: an error."""
    try:
        found = walk_local(obj.btf, relocation.type_id, parse_access(relocation.access), LIBBPF)
    except BtfError:
        return None
    try:
        load = _leaf(obj.btf, found[5], LIBBPF)
    except SpecError:
        load = None
    root = relocation.type_id
    return *found[:6], load, obj.btf.kind(root), obj.btf.string(obj.btf.word(root, 0))


def local_is_right(obj, relocation):
    """Whether the usual way has an answer; it has to be the right one."""
    found = fields_of(obj.btf).local(relocation.type_id, relocation.access)
    if found is None:
        return False
    wanted = by_all_rules(obj, relocation)
    if found[6] is None and wanted is not None:  # a load that is not known is found by the rules
        wanted = (*wanted[:6], None, *wanted[7:])
    assert found == wanted
    return True


def answer_is_right(wanted, kind, btf, type_id):
    """Whether the usual way has an answer, or the reason for none; it has to be the right one, read from the same."""
    usual, witness = Witness(), Witness()
    fields = fields_of(btf)
    found = fields.answer(type_id, wanted.index, wanted.steps, kind, usual.types, usual.members, usual.pointers)
    if found is None:
        return False
    match = _ask_field(wanted, kind, btf, type_id, witness)
    if len(found) == 2:
        assert isinstance(match, tuple)
        reason = no_member(btf, *found)
        assert (reason.code, reason.text) == (match[0].code, match[0].text)
    else:
        assert isinstance(match, Match)
        assert found == (match.value, match.bit_offset, match.load)
    usual.pointer_size = fields.saw_pointer
    assert reads(usual) == reads(witness)
    return True
