"""What the fuzzer runs: for each target a function that makes a case from a `random.Random`, and one that runs it.

`run(case)` returns where the code under test gave a result, and lets a `BtfError` out where it refused the input.  Anything else
(another exception, AssertionError from a law that does not hold, too much time or memory) is a finding.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from random import Random

import asking
import checking
import encoding
import gathering
import mutate
import rebasing
import seeds
import showing
import spreading
from case import Case

from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.btf.ext import Ext
from btfkit.btf.header import byte_order
from btfkit.errors import BtfError

POLICIES = (None, "direct", "by-value", "full")
SMALL_LIMIT = 64 << 20  # bytes that a packed input may unpack to here


# ---- what is done with what loads ----------------------------------------------------------------------------------

_bases: dict[str, Btf] = {}


def load(parts: list, count: int = 0) -> Btf:
    """The BTF of a chain of parts."""
    btf: Btf | None = None
    for part in parts[: count or len(parts)]:
        if isinstance(part, str):
            if part not in _bases:
                _bases[part] = Btf.from_bytes(seeds.resolve(part), source=part)
            btf = _bases[part]
        else:
            btf = Btf.from_bytes(part, btf, source="input")
    assert btf is not None
    return btf


def same(a: Btf, b: Btf) -> bool:
    return (a.words, a.strings, a.layout, len(a)) == (b.words, b.strings, b.layout, len(b))


def round_trip(btf: Btf) -> None:
    """What loads encodes to something that loads equal, in either byte order."""
    blob = btf.to_bytes()
    again = Btf.from_bytes(blob, btf.base)
    assert same(btf, again), "to_bytes gives something else"
    assert again.to_bytes() == blob, "to_bytes twice gives something else"
    other = "big" if btf.byte_order == "little" else "little"
    if btf.base is None:
        swapped = Btf.from_bytes(btf.to_bytes(other))
        assert same(btf, swapped) or btf.layout, "the other byte order gives something else"
        assert swapped.to_bytes(btf.byte_order) == blob, "there and back gives something else"


def _look(thing: object) -> None:
    """Ask a view everything."""
    repr(thing)
    for name in dir(type(thing)):
        if name[:1] == "_" or name in ("btf", "layer", "member"):
            continue
        try:
            value = getattr(thing, name)
        except BtfError:
            continue
        if hasattr(value, "__next__"):
            for count, one in enumerate(value):
                if count > 200:
                    break
                if type(one).__name__ == "Member":
                    _look(one)


def views(btf: Btf, limit: int = 2000) -> None:
    """Every view, every size, some names."""
    for count, type_id in enumerate(btf.own_ids):
        if count > limit:
            break
        _look(btf[type_id])
        for ask in (btf.sizeof, btf.alignof, btf.strip):
            with contextlib.suppress(BtfError):
                ask(type_id)
    assert btf[0].name == ""
    for name in ("node", "struct node", "int", "", "state", "\udcff", "a\0b", "enum state"):
        with contextlib.suppress(BtfError):
            assert btf.find(name).id in btf.find_ids(name)
    if len(btf.own_ids):
        last = btf[btf.own_ids[-1]]
        if last.name and not btf.string(btf.word(last.id, 0)).startswith((b"struct ", b"union ", b"enum ")):
            assert last.id in list(btf.find_ids(last.name)), "a type is not found by its name"
    _ = btf.pointer_size, btf.first_named_id, repr(btf), btf.chain


def judges(btf: Btf) -> None:
    """Structure and the kernel's rules, and what commands print."""
    from btfkit.judges.kernel import kernel_rules
    from btfkit.judges.structure import structure
    from btfkit.show.info import Summary
    from btfkit.show.raw import raw_text

    for finding in [*structure(btf), *kernel_rules(btf, program=btf.base is None)]:
        str(finding)
    for _ in raw_text(btf):
        pass
    list(Summary("x", btf.blob, btf).lines())
    if len(btf) < LARGE:
        texts(btf)


LARGE = 20_000  # types: what is slow enough to be left out


def texts(btf: Btf) -> None:
    """JSON is JSON, C is plain ASCII, and whatever is in the names both stay within their lines."""
    from btfkit.show.c import c_text
    from btfkit.show.json import json_text

    said = json.loads(b"".join(json_text(btf)))["types"]
    assert [found["id"] for found in said] == list(btf.own_ids), "JSON has other types"
    assert b"".join(json_text(btf, pretty=True, compat=True)).count(b'"id": ') >= len(said)
    for options in ({}, {"unsorted": True}, {"exact": True}, {"compat": True}):
        with contextlib.suppress(BtfError):
            text = b"".join(c_text(btf, **options))
            assert options.get("compat") or text.translate(None, b"\n\t").decode("ascii").isprintable(), "odd C text"


# ---- targets -------------------------------------------------------------------------------------------------------


def make_chain(r: Random) -> Case:
    """A base, a split, or a split on a split; the last is broken, at times the base too."""
    _, parts = r.choice(seeds.chains())
    depth = r.randrange(1, len(parts) + 1)
    if isinstance(parts[0], str):
        depth = 2
    parts = parts[:depth]
    first_id, first_str = 1, 0
    for part in parts[:-1]:
        if isinstance(part, str):
            base = load([part])
            types, strings = len(base.positions), len(base.strings)
        else:
            types, strings = mutate.counts(part)
        first_id, first_str = first_id + types, first_str + strings
    broken = list(parts)
    broken[-1] = mutate.btf(r, parts[-1], first_id, first_str)
    if depth > 1 and isinstance(parts[0], bytes) and r.random() < 0.2:
        broken[0] = mutate.btf(r, parts[0])
    return Case("chain", broken, what=r.randrange(3))


def run_chain(case: Case) -> None:
    btf = load(case.parts)
    if case.options["what"] == 0:
        round_trip(btf)
        views(btf)
    elif case.options["what"] == 1:
        judges(btf)
    else:
        from btfkit.btf.evidence import demand_fit

        round_trip(btf)
        demand_fit(btf)


PASSES = ("append", "sort", "merge", "sanitize", "apart")


def make_passes(r: Random) -> Case:
    """A chain as `make_chain` makes it, for the passes that write all types anew."""
    case = make_chain(r)
    return Case("passes", case.parts, what=r.choice(PASSES), number=r.randrange(1 << 16))


def run_passes(case: Case) -> None:
    from btfkit.passes.append import append
    from btfkit.passes.features import NAMES
    from btfkit.passes.merge import merge
    from btfkit.passes.permute import permute, sort
    from btfkit.passes.sanitize import sanitize

    btf, number = load(case.parts), case.options["number"]
    if case.options["what"] == "append":
        both, maps = append(btf, btf.chain[0], btf)
        assert len(both) == len(btf) + len(btf.chain[0].own_ids) + len(btf.own_ids)
        for one, ids in zip((btf.chain[0], btf), maps, strict=True):
            for old in list(one.own_ids)[:50]:
                assert both.name(ids[old]) == one.name(old), "a name is another"
                assert both.kind(ids[old]) == one.kind(old), "a kind is another"
    elif case.options["what"] == "sort":
        done = sort(btf)
        assert sort(done.btf).btf.to_bytes() == done.btf.to_bytes(), "sorted twice is something else"
        back, _ = permute(done.btf, [done.ids[old] for old in btf.own_ids])
        assert back.to_bytes() == btf.to_bytes(), "not what it was"
    elif case.options["what"] == "apart" and btf.base is not None:
        done = sort(btf.base, [btf])
        ids = done.split_ids[0]
        assert sorted(ids[old] for old in range(len(btf))) == list(range(len(btf)))
    elif case.options["what"] == "merge":
        base, modules = (btf.base, [btf]) if btf.base is not None else (btf, [])
        for dedup in (True, False):
            merged = merge(base, modules, dedup=dedup, prefer="vmlinux")
            assert merged.btf.base is None
            assert all(merged.ids[-1][old] for old in btf.own_ids), "a type is gone"
    else:
        without = [name for place, name in enumerate(NAMES) if number >> place & 1]
        clean = sanitize(btf, without).btf
        again = sanitize(clean, without)
        assert again.btf.to_bytes() == clean.to_bytes(), "sanitized twice is something else"
        assert not again.lost


def make_ext(r: Random) -> Case:
    _, data = r.choice(seeds.programs())
    file = mutate.ElfFile(data)
    blob = file.content(file.index(".BTF.ext"))
    return Case("ext", [mutate.ext(r, blob, 1000, 500)])


def run_ext(case: Case) -> None:
    ext = Ext.from_bytes(case.parts[0], source="input")
    records = [list(ext.records(kind)) for kind in ("func_info", "line_info", "core_relo")]
    btf = Builder()
    btf.name("a" * 600)
    with contextlib.suppress(BtfError):
        rows = ext.relocations(btf.build())
        assert [row[1:3] for row in rows] == [fields[:2] for _, fields in records[2]]
    blob = ext.to_bytes()
    assert Ext.from_bytes(blob).to_bytes() == blob


def make_container(r: Random) -> Case:
    """A broken container, or a sound one around something broken."""
    if r.random() < 0.25:
        packings = seeds.packings()
        _, inner = r.choice(seeds.containers())
        if r.random() < 0.7:
            inner = mutate.container(r, "", inner)
        for _ in range(r.choice((1, 1, 2, 6))):
            inner = packings[r.choice(list(packings))](inner[: 1 << 16])  # type: ignore[operator]
        return Case("container", [inner])
    name, data = r.choice(seeds.containers())
    return Case("container", [mutate.container(r, name, data)])


def run_container(case: Case) -> None:
    from btfkit.btf_file import load
    from btfkit.files.container import open_container, read_objects
    from btfkit.files.tar import is_tar, members

    data = case.parts[0]
    if is_tar(data[:512]):
        with contextlib.suppress(BtfError):
            for _ in members([data], "input"):
                pass
    with contextlib.suppress(BtfError):
        read_objects(data, "input")
    container = open_container(data, "input", limit=SMALL_LIMIT)
    repr(container)
    if byte_order(bytes(container.btf[:2])):
        round_trip(load(container))


def make_elf(r: Random) -> Case:
    """An ELF file to put sections into, or to take them out of."""
    _, data = r.choice([one for one in seeds.containers() if one[1][:4] == b"\x7fELF"] + seeds.programs()[:20])
    changes: dict = {}
    for section in r.sample((".BTF", ".BTF.ext", ".BTF.base", "new", ".text", ""), r.choice((1, 2))):
        changes[section] = r.choice((None, 0, 3, 40, 5000))
    return Case("elf", [mutate.elf(r, data)], changes=changes)


def run_elf(case: Case) -> None:
    from btfkit.files.elf import Elf
    from btfkit.files.elf_write import replace_sections

    elf = Elf(case.parts[0], "input")
    for symbol in elf.symbols():
        repr(symbol)
    elf.functions().at(".text", 0)
    for section in elf.sections:
        with contextlib.suppress(BtfError):
            elf.data(section)
    changes = {name: None if size is None else b"x" * size for name, size in case.options["changes"].items()}
    again = Elf(replace_sections(elf, changes), "output")
    for name, content in changes.items():
        if content is not None and name:
            assert again.data(name) == content, "a section is not what was put in"
        elif content is None and name:
            assert again.section(name) is None, "a section is still there"


def make_program(r: Random) -> Case:
    _, data = r.choice(seeds.programs())
    return Case("program", [mutate.program(r, data)])


def run_program(case: Case) -> None:
    for obj in objects_of(case.parts[0]):
        for relocation in obj.relocations:
            obj.spec(relocation)
            obj.expression(relocation)


def objects_of(data: bytes) -> list:
    from btfkit.co_re.program import read_elf_object
    from btfkit.files.container import read_objects

    found = []
    for one in read_objects(data, "object"):
        functions = one.elf.functions()

        def function_at(section, insn_off, functions=functions):
            function = functions.at(section, insn_off)
            return (function.name, function.offset) if function is not None else ("", 0)

        found.append(read_elf_object(one, function_at))
    return found


def make_minimize(r: Random) -> Case:
    """A kernel, modules and a program, at least one of them broken, and criteria."""
    chain, program = r.choice(seeds.scenes())
    chain = list(chain)
    types, strings = mutate.counts(chain[0])
    if r.random() < 0.7:
        at = r.randrange(len(chain))
        chain[at] = mutate.btf(r, chain[at]) if at == 0 else mutate.btf(r, chain[at], types + 1, strings)
    if r.random() < 0.6:
        program = mutate.program(r, program)
    options: dict = {"closure": r.choice((None, *POLICIES)), "all_modules": r.random() < 0.3}
    if r.random() < 0.3:
        options["keep"] = r.random()
    if r.random() < 0.15 and len(chain) > 1:
        options["refs"] = True
    return Case("minimize", [*chain, program], **options)


def run_minimize(case: Case) -> None:
    from btfkit.co_re.target import Target
    from btfkit.judges.answers import compare
    from btfkit.passes.minimize import minimize

    *chain, program = case.parts
    vmlinux = load(chain[:1])
    modules = [Btf.from_bytes(part, vmlinux, source="module") for part in chain[1:]]
    objects = objects_of(program)
    names = sorted(
        {vmlinux.name(type_id) for type_id in range(1, min(len(vmlinux), 300)) if vmlinux.kind(type_id) not in (12, 14)}
    )
    funcs = [vmlinux.name(type_id) for type_id in range(1, min(len(vmlinux), 300)) if vmlinux.kind(type_id) == 12]
    keep = case.options.get("keep")
    result = minimize(
        vmlinux,
        objects,
        modules,
        keep_types=[names[int(keep * len(names))]] if keep is not None and names else (),
        keep_funcs=funcs[:1] if keep is not None and keep < 0.3 else (),
        keep_refs_of=modules[:1] if case.options.get("refs") else (),
        closure=case.options["closure"],
        all_modules=case.options["all_modules"],
    )
    if any(outcome.reason == "cycle" for answers in result.outcomes for outcome in answers):
        return  # the command refuses it
    again: dict[Btf, Btf] = {}
    for layer, compacted in result.layers.items():
        base = again[layer.base] if layer.base is not None else None
        again[layer] = Btf.from_bytes(compacted.btf.to_bytes(), base, pointer_size=layer.given_pointer_size)
    after = Target(again[vmlinux], [again[module] for module in modules if module in again])
    answers = compare(objects, result.outcomes, result.target, after)
    assert not answers.differences, f"answered otherwise: {answers.differences[0]}"


def make_cli(r: Random) -> Case:
    """A whole command line on broken files."""
    command = r.choice(("min", "min", "min", "min", "relocs", "relocs", "info", "verify", "dump", "extract", "modules"))
    if command in ("info", "verify", "dump", "extract"):
        if r.random() < 0.6:
            return Case("cli", make_container(r).parts, command=command)
        return Case("cli", [part for part in make_chain(r).parts if isinstance(part, bytes)], command=command)
    made = make_minimize(r)
    if command == "modules" and r.random() < 0.5:
        made.parts[1:-1] = [make_container(r).parts[0] for _ in range(2)]
    return Case("cli", made.parts, command=command, json=r.random() < 0.5, keep_going=r.random() < 0.3)


NOTES = (": a second BTF follows the first in ", ": no .BTF.ext section: ")  # said beside an error


def run_cli(case: Case) -> None:
    """Exit status and streams are as promised, whatever the files hold; nothing is written where the status is 3."""
    from btfkit.cli import main

    folder = tempfile.mkdtemp(prefix="btfkit-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    try:
        words = _command(case, folder)
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        old = sys.stdout
        try:
            with contextlib.redirect_stderr(err):
                sys.stdout = out
                status = main(words)
        finally:
            sys.stdout = old
        said = err.getvalue()
        assert status in (0, 1, 3), f"exit status {status}: {said}"
        if status == 3 and not case.options.get("keep_going"):
            assert said.startswith("btfkit: "), f"no clear line: {said!r}"
            notes = sum(map(said.count, NOTES))
            assert said.count("\n") - notes == 1 or words[0] == "extract", f"more than one line: {said!r}"
            assert not os.listdir(os.path.join(folder, "out")), "something was written"
        assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]
        assert "\x1b" not in said, "an escape sequence on the terminal"
    finally:
        shutil.rmtree(folder)


def _command(case: Case, folder: str) -> list[str]:
    """Write the parts to files, and the command line that takes them."""
    paths = []
    for number, part in enumerate(case.parts):
        paths.append(os.path.join(folder, f"{number}.ko" if case.options["command"] == "modules" else f"{number}.btf"))
        with open(paths[-1], "wb") as file:
            file.write(part)
    out = os.path.join(folder, "out")
    os.mkdir(out)
    command = case.options["command"]
    json_too = ["--json"] if case.options.get("json") else []
    more = json_too + (["--keep-going"] if case.options.get("keep_going") else [])
    if command == "relocs":
        return [
            "relocs",
            paths[-1],
            "-b",
            paths[0],
            *[word for path in paths[1:-1] for word in ("-m", path)],
            *json_too,
        ]
    if command in ("min", "modules"):
        modules = [word for path in paths[1:-1] for word in ("-m", path)]
        return ["min", *modules, "-o", out, paths[0], paths[-1], "--report", "all", *more]
    base = ["-B", paths[0]] if len(paths) > 1 else []
    if command == "extract":
        return ["extract", paths[-1], "-o", os.path.join(out, "x")]
    return [command, *base, paths[-1]]


def make_kernel(r: Random) -> Case:
    """A whole kernel of the corpus, broken in few places (made again from the seed: too large to keep)."""
    import corpus

    names = corpus.kernels() if corpus.has_corpus() else []
    if not names:
        return make_minimize(r)
    data = bytearray(corpus.kernel_btf(r.choice(names[:3])))
    mark = "little" if data[:2] == b"\x9f\xeb" else "big"
    type_len = int.from_bytes(data[12:16], mark)
    for _ in range(r.choice((1, 3, 10))):
        at = 24 + 4 * r.randrange(type_len // 4)
        old = int.from_bytes(data[at : at + 4], mark)
        value = r.choice((old ^ 1 << r.randrange(24), r.randrange(100_000), old + 1, *mutate.LIMITS)) & 0xFFFFFFFF
        data[at : at + 4] = value.to_bytes(4, mark)
    _, program = r.choice(seeds.programs())
    return Case("kernel", [bytes(data), program])


def run_kernel(case: Case) -> None:
    run_minimize(Case("minimize", case.parts, closure=None, all_modules=False))
    if len(case.parts[0]) % 5 == 0:
        judges(load(case.parts[:1]))


def make_file(r: Random) -> Case:
    """A boot image or module as users have them, broken."""
    paths = [path for path in seeds.kernel_files() if os.path.getsize(path) < 9 << 20]
    if not paths:
        return make_container(r)
    with open(r.choice(paths), "rb") as file:
        data = file.read()
    return Case("container", [mutate.plain(r, data)])


TARGETS = {  # (share, make)
    "chain": (42, make_chain),
    "passes": (14, make_passes),
    "ext": (4, make_ext),
    "container": (12, make_container),
    "elf": (5, make_elf),
    "program": (8, make_program),
    "minimize": (22, make_minimize),
    "cli": (7, make_cli),
    "kernel": (0.06, make_kernel),
    "file": (0.01, make_file),
    **asking.TARGETS,
    **rebasing.TARGETS,
    **checking.TARGETS,
    **encoding.TARGETS,
    **gathering.TARGETS,
    **showing.TARGETS,
    **spreading.TARGETS,
}
RUN = {
    "chain": run_chain,
    "passes": run_passes,
    "ext": run_ext,
    "container": run_container,
    "elf": run_elf,
    "program": run_program,
    "minimize": run_minimize,
    "cli": run_cli,
    "kernel": run_kernel,
    **asking.RUN,
    **rebasing.RUN,
    **checking.RUN,
    **encoding.RUN,
    **gathering.RUN,
    **showing.RUN,
    **spreading.RUN,
}


def make(seed: int, number: int, only: str = "") -> Case:
    """Input `number` of the run with that seed."""
    r = Random(f"{seed}:{number}")
    names = [only] if only else list(TARGETS)
    name = r.choices(names, [TARGETS[name][0] for name in names])[0]
    return TARGETS[name][1](r)


def run(case: Case) -> bool:
    """Run a case; True where the code under test gave a result, False where it refused with a BtfError."""
    try:
        RUN[case.target](case)
    except BtfError as error:
        str(error)
        return False
    return True
