"""Targets of the fuzzer: what is made of many inputs, or of whole BTFs: dedup, merge, sanitize, bundles, archives, and what a
web server sends.

The laws, besides a result or a `BtfError`: dedup and sanitize leave nothing to do for a second run; dedup keeps what each type
means, by its judge; a bundle that can be read gives what its index says; an archive ends with a status and a line for each bad
kernel, and leaves no temporary file.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import lzma
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from random import Random

import mutate
import rebasing
import seeds
from case import Case

from btfkit.btf import spec
from btfkit.btf.btf import Btf
from btfkit.btf.build import Builder
from btfkit.errors import BtfError

VERSIONS = ("4.18", "5.0", "5.4", "5.10", "5.15", "6.1", "6.6", "6.12", "libbpf:0.6", "bpftool:7.1")


def _parts(r: Random) -> tuple[list[bytes], int]:
    """A base and splits on it, at times broken, and how many of the first are the chain that the last of them is on."""
    parts = r.choice(rebasing.chains())
    broken = rebasing._broken(r, parts[:2])
    more = [rebasing._broken(r, parts[:2])[1] for _ in range(r.choice((0, 0, 1, 3)))]
    if r.random() < 0.3:
        more.append(broken[1])
    return [*broken, *more], 1


# ---- dedup and merge -----------------------------------------------------------------------------------------------


def make_dedup(r: Random) -> Case:
    """Modules on one base, or BTFs without one: to dedup by themselves, or to join."""
    parts, _ = _parts(r)
    if r.random() < 0.4:
        whole = [r.choice(rebasing.chains())[0] for _ in range(r.randrange(1, 4))]
        parts = [mutate.btf(r, part) if r.random() < 0.6 else part for part in whole]
        return Case("dedup", parts, alone=True)
    return Case("dedup", parts, alone=False, prepared=r.random() < 0.5)


def run_dedup(case: Case) -> None:
    from btfkit.passes.dedup import dedup, dedup_all
    from btfkit.passes.prepared_base import PreparedBase

    if case.options["alone"]:
        inputs = _loaded(case.parts, None)
        done, starts = dedup_all(inputs)
        for one, start in zip(inputs, starts, strict=True):
            _demand_kept(one, done.btf, done.ids.ids, start)
        _demand_none_left(done.btf)
        for one in inputs:
            _demand_none_left(dedup(one).btf)
        return
    base = Btf.from_bytes(case.parts[0], source="base")
    prepared = PreparedBase(base) if case.options["prepared"] else None
    modules = _loaded(case.parts[1:], base)
    for module in modules:
        done = dedup(module, prepared=prepared)
        _demand_kept(module, done.btf, done.ids.ids, None)
        again = Btf.from_bytes(done.btf.to_bytes(), base)
        assert dedup(again).btf.to_bytes() == again.to_bytes(), "dedup twice is something else"
        if prepared is not None:
            assert len(dedup(module).btf) == len(done.btf), "another number of types with a prepared base"


def _loaded(parts: list[bytes], base: Btf | None) -> list[Btf]:
    """Those of the parts that load; raises the last error if none does."""
    found, failed = [], None
    for part in parts:
        try:
            found.append(Btf.from_bytes(part, base, source="input"))
        except BtfError as error:
            failed = error
    if not found and failed is not None:
        raise failed
    return found


def _demand_kept(before: Btf, after: Btf, ids: object, first: int | None) -> None:
    from btfkit.judges.deduped import kept

    found = kept(before, after, ids, first)  # type: ignore[arg-type]
    assert found is None, f"a type has another meaning: {found}"


def _demand_none_left(btf: Btf) -> None:
    from btfkit.passes.dedup import dedup

    again = dedup(Btf.from_bytes(btf.to_bytes(), btf.base)).btf
    assert len(again) == len(btf), "dedup twice leaves fewer types"


def _has_declared_member(btf: Btf) -> bool:
    """Whether a declaration has a place by value (C does not allow it): it gets the size of its definition, as with libbpf."""
    return any(
        btf.kind(i) == spec.FWD or (btf.kind(i) in spec.ENUMS and not btf.word(i, 1) & spec.MAX_VLEN)
        for i in _by_value(btf)
    )


def _by_value(btf: Btf) -> Iterator[int]:
    """The types of members and elements, without modifiers and typedefs."""
    for i in btf.own_ids:
        kind = btf.kind(i)
        if kind in spec.COMPOSITES:
            inside = [member.type_id for member in btf[i].members]
        else:
            inside = [btf.word(i, 3)] if kind == spec.ARRAY else []
        for type_id in inside:
            with contextlib.suppress(BtfError):  # they form a cycle
                yield btf.strip(type_id)


def make_merge(r: Random) -> Case:
    """Modules on one base, at times broken."""
    parts, _ = _parts(r)
    return Case("merge", parts, dedup=r.random() < 0.7, prefer=r.choice(("", "vmlinux", "module 1")))


def run_merge(case: Case) -> None:
    from btfkit.judges.structure import structure
    from btfkit.passes.merge import merge

    base = Btf.from_bytes(case.parts[0], source="base")
    modules = _loaded(case.parts[1:], base)
    done = merge(base, modules, dedup=case.options["dedup"], prefer=case.options["prefer"])
    for double in done.doubles:
        assert double.title
    again = Btf.from_bytes(done.btf.to_bytes())
    found = {finding.rule for finding in structure(again) if finding.severity == "error"}
    known = {f.rule for one in (base, *modules) for f in structure(one) if f.severity == "error"}
    if any(_has_declared_member(one) for one in (base, *modules)):
        known |= {"member-beyond", "cycle"}  # a struct that contains its own declaration contains itself
    assert found <= known, f"merged to what breaks a rule that no input broke: {sorted(found - known)}"


# ---- sanitize ------------------------------------------------------------------------------------------------------


def make_sanitize(r: Random) -> Case:
    """A chain, sanitized from its base on."""
    parts, _ = _parts(r)
    return Case("sanitize", parts[:2], version=r.choice(VERSIONS))


def run_sanitize(case: Case) -> None:
    from btfkit.passes.features import Target
    from btfkit.passes.sanitize import sanitize

    without = Target(case.options["version"]).missing()
    base = Btf.from_bytes(case.parts[0], source="base")
    split = Btf.from_bytes(case.parts[1], base, source="split")
    clean = sanitize(base, without)
    below = Btf.from_bytes(clean.btf.to_bytes())
    assert sanitize(below, without).btf.to_bytes() == below.to_bytes(), "sanitized twice is something else"
    done = sanitize(split, without, base=clean)
    top = Btf.from_bytes(done.btf.to_bytes(), below)
    assert all(done.ids[old] for old in range(1, len(split))), "an id is gone"
    assert all(loss.count for loss in (*clean.lost, *done.lost)), "a loss of nothing"
    assert not sanitize(top, without, base=sanitize(below, without)).lost, "a second run loses something"


# ---- bundles -------------------------------------------------------------------------------------------------------


@functools.cache
def bundles() -> list[tuple[str, bytes, bytes, bytes]]:
    """(compressor, its first stream unpacked, the streams after it, the whole) of valid bundles."""
    from btfkit.files.compression import first_stream
    from btfkit.fleet.bundle_write import Content, make_bundle
    from btfkit.fleet.keys import Key

    found = []
    base = seeds.every_kind("little")
    for count, compressor in ((1, "xz"), (3, "gzip"), (30, "xz")):
        content = Content(objects=[("a.bpf.o", "ab" * 32)], options=[("closure", "direct")])
        for number in range(count):
            b = Builder(order="little")
            b.struct(f"s{number}" * (300 if count > 3 else 1), 4, [("x", b.int("int", 4), 0)])
            key = Key("debian", "12", "x86_64", f"6.1.0-{number}-amd64")
            content.add(key, b.to_bytes() if number else base, [("nf_%41", seeds.splits(base)[0])], "cd" * 32)
        whole = make_bundle(content, compressor=compressor)
        text, end = first_stream(memoryview(whole), "made", limit=1 << 20, kind=compressor)
        found.append((compressor, bytes(text), whole[end:], whole))
    return found


def make_bundle_case(r: Random) -> Case:
    """A bundle: any of its bytes broken, or fields of its index."""
    compressor, text, rest, whole = r.choice(bundles())
    if r.random() < 0.25:
        return Case("bundle", [mutate.plain(r, whole)])
    index, end, inline = text.partition(b"\nend\n")
    lines = index.split(b"\n")
    for _ in range(r.choice((1, 1, 2, 5))):
        at = r.randrange(len(lines))
        fields = lines[at].split(b"\t")
        place = r.randrange(len(fields))
        how = r.randrange(8)
        if how == 0:
            fields[place] = r.choice(
                (b"0", b"-1", b"1" * 30, b"", b"-", b"%", b"%4", b"%ZZ", b"%FF%1B[31m", b"\x1b[31m", b"1e3", b"0x1")
            )
        elif how == 1:
            fields[place] = str(r.choice((0, 1, 2, 30, 255, 1 << 28, 1 << 31, 1 << 40))).encode()
        elif how == 2:
            fields.insert(place, r.choice((b"", b"7", b"x")))
        elif how == 3:
            del fields[place]
        elif how == 4:
            lines.insert(r.randrange(len(lines) + 1), lines[at])
        elif how == 5:
            lines[at] = lines[r.randrange(len(lines))]
            continue
        elif how == 6:
            fields[place] = mutate.plain(r, fields[place] or b"0")
        else:
            lines.insert(
                at, r.choice((b"", b"kernel", b"later\t1", b"end", b"group\t0\t0", b"blob\t0", b"module\tx\t0"))
            )
            continue
        lines[at] = b"\t".join(fields)
    if r.random() < 0.1:
        inline = mutate.plain(r, inline or b"x")
    packed = _packed(b"\n".join(lines) + (end if r.random() < 0.97 else b"") + inline, compressor)
    return Case("bundle", [packed + rest])


def _packed(data: bytes, compressor: str) -> bytes:
    import gzip

    return gzip.compress(data, 1, mtime=0) if compressor == "gzip" else lzma.compress(data, preset=0)


def run_bundle(case: Case) -> None:
    from btfkit.fleet.bundle import Bundle
    from btfkit.fleet.keys import Key

    bundle = Bundle(case.parts[0], "input")
    json.dumps(bundle.as_json())
    failed = None
    for entry in bundle.entries[:5]:
        with contextlib.suppress(BtfError):
            assert str(bundle.get(str(entry.key)).key) == str(entry.key), "another kernel"
        assert bundle.nearest(entry.key), "no nearest"
        try:
            files = bundle.files(entry)
        except BtfError as error:
            failed = error
            continue
        assert len(files["vmlinux"]) == bundle.sizes[entry.blob], "another size"
    bundle.nearest(Key("", "", "", "6.1"))
    findings = list(bundle.findings())
    if failed is not None:
        assert findings, "what cannot be unpacked is no finding"
        raise failed


# ---- archives, and what a web server sends ---------------------------------------------------------------------------


def _kernel_files(r: Random) -> dict[str, bytes]:
    """Two or three kernels in BTFHub's layout; one at least is broken."""
    files = {}
    base = r.choice(rebasing.chains())[0]
    packings = seeds.packings()
    for number in range(r.randrange(1, 4)):
        data = mutate.btf(r, base) if r.random() < 0.5 else base
        name = f"debian/12/x86_64/6.1.0-{number}-amd64.btf"
        how = r.random()
        if how < 0.4:
            data, name = seeds._tar({f"6.1.0-{number}-amd64.btf": data}), name + ".tar"
            data = mutate.tar(r, data) if r.random() < 0.5 else data
        if how < 0.7:
            data, name = packings["xz"](data), name + ".xz"  # type: ignore[operator]
        data = mutate.plain(r, data) if r.random() < 0.3 else data
        files[name] = data
    return files


def _manifest(r: Random) -> bytes:
    """A manifest or journal, broken."""
    record = {
        "key": ["debian", "12", "x86_64", "6.1.0-0-amd64"],
        "btf": "ab" * 32,
        "inputs": {},
        "outputs": {},
        "facts": {"types": 1},
    }
    record["inputs"] = {"debian/12/x86_64/6.1.0-0-amd64.btf": r.choice(("cd" * 32, "", 5, None))}
    record["outputs"] = {r.choice(("debian/12/x86_64/6.1.0-0-amd64.btf", "../x", "/etc/x", "a\0b", "")): "ef" * 32}
    for _ in range(r.randrange(3)):
        odd = r.choice((None, 5, "x", [], {}, [1], {"a": 1}, True, 1e300, -1))
        record[r.choice(tuple(record))] = odd
        if r.random() < 0.3:
            record.pop(r.choice(tuple(record)), None)
    stem = "debian/12/x86_64/6.1.0-0-amd64"
    whole = {"schema": 1, "work": "12" * 32, "objects": [], "options": {}, "kernels": {stem: record}}
    for _ in range(r.randrange(2)):
        whole[r.choice(tuple(whole))] = r.choice((None, 5, "x", [], {}, [1], [[]], [{}], [{"name": 5}], {"a": 1}))
    data = json.dumps(whole).encode()
    if r.random() < 0.3:
        data = json.dumps("12" * 32).encode() + b"\n" + json.dumps([stem, record]).encode() + b"\n"
    return mutate.plain(r, data) if r.random() < 0.3 else data


def make_archive(r: Random) -> Case:
    """A tree of kernels, an output that an earlier run left a manifest in, and an object."""
    files = _kernel_files(r)
    manifest = _manifest(r) if r.random() < 0.5 else b""
    command = r.choice(("min", "min", "bundle", "check", "create"))
    _, program = r.choice(seeds.programs()[:20])
    return Case(
        "archive", [program, manifest, *files.values()], names=list(files), command=command, journal=r.random() < 0.3
    )


def run_archive(case: Case) -> None:
    """Exit status and streams are as promised, and no temporary file stays."""
    from btfkit.cli import main

    folder = tempfile.mkdtemp(prefix="btfkit-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    try:
        program, manifest, *contents = case.parts
        files = {f"tree/{name}": data for name, data in zip(case.options["names"], contents, strict=True)}
        files["p.bpf.o"] = program
        if manifest:
            name = ".btfkit-manifest.journal" if case.options["journal"] else ".btfkit-manifest.json"
            files[("tree/" if case.options["command"] == "create" else "out/") + name] = manifest
        for name, data in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        tree, out, program = (os.path.join(folder, name) for name in ("tree", "out", "p.bpf.o"))
        words = {
            "min": ["min", "--archive", tree, "-o", out, program, "-j1", "-q"],
            "bundle": ["bundle", "create", out + ".xz", "--archive", tree, program, "-j1"],
            "create": ["bundle", "create", out + ".xz", tree],
            "check": ["check", program, "--kernels", tree, "-j1", "--json"],
        }[case.options["command"]]
        said, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        old = sys.stdout
        try:
            with contextlib.redirect_stderr(err):
                sys.stdout = said
                status = main(words)
        finally:
            sys.stdout = old
        text = err.getvalue()
        assert status in (0, 1, 3), f"exit status {status}: {text}"
        assert "\x1b" not in text, "an escape sequence on the terminal"
        assert status != 3 or "btfkit: " in text, f"no clear line: {text!r}"
        assert status != 3 or "internal" not in text, f"an internal error: {text!r}"
        left = [name for _, _, names in os.walk(folder) for name in names if name.endswith(".tmp")]
        assert not left, f"left behind: {left}"
    finally:
        shutil.rmtree(folder)


class Server:
    """A web server as fsspec shows it: any sizes, or none, and any names."""

    protocol = "https"

    def __init__(self, files: dict[str, bytes], sizes: list[int | None]) -> None:
        self.files = files
        self.sizes = dict(zip(files, sizes, strict=True))

    def invalidate_cache(self) -> None:
        """Nothing is kept."""

    def find(self, place: str, detail: bool, maxdepth: int) -> dict[str, dict[str, object]]:
        assert detail
        assert maxdepth > 0
        return {f"{place}/{name}": {"type": "file", "size": self.sizes[name]} for name in self.files}

    def exists(self, place: str) -> bool:
        return True

    def info(self, path: str) -> dict[str, object]:
        return {"size": self.size(path), "ETag": "x"}

    def size(self, path: str) -> int | None:
        return self.sizes[self._name(path)]

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        return self.files[self._name(path)][start:end]

    def open(self, path: str, mode: str = "rb", **more: object) -> io.BytesIO:
        return io.BytesIO(self.files[self._name(path)])

    def _name(self, path: str) -> str:
        from urllib.parse import unquote

        name = path.removeprefix("https://made.example/tree/")
        name = name if name in self.files else unquote(name)
        if name not in self.files:
            raise FileNotFoundError(path)
        return name


def make_http(r: Random) -> Case:
    """Kernels at a URL, a bundle there, and sizes that need not be true."""
    files = _kernel_files(r)
    files["b.bundle"] = make_bundle_case(r).parts[0] if r.random() < 0.5 else r.choice(bundles())[3]
    names = list(files)
    if r.random() < 0.4:
        names[r.randrange(len(names))] = r.choice(
            (
                "../x.btf",
                "a/../../x.btf",
                "x.btf?C=N;O=D",
                "%2e%2e/x.btf",
                "\x1b[31m.btf",
                "a#b.btf",
                "ä.btf",
                "a//b.btf",
                "a\nb.btf",
            )
        )
    sizes = [r.choice((len(data), len(data), None, 0, len(data) // 2, 1 << 40, -1)) for data in files.values()]
    return Case("http", list(files.values()), names=names, sizes=sizes)


def run_http(case: Case) -> None:
    from btfkit.fleet import store
    from btfkit.fleet.bundle import Bundle
    from btfkit.fleet.tree import find_kernels

    server = Server(dict(zip(case.options["names"], case.parts, strict=True)), case.options["sizes"])
    root = "https://made.example/tree"
    old = store.Remote._open

    def opened(remote: store.Remote) -> Server:
        remote._place = remote.root
        return server

    failed, results = None, 0
    store.Remote._open = opened  # type: ignore[method-assign]
    try:
        for kernel in find_kernels([root]).kernels:
            assert not any(".." in path.split("/") for path in kernel.paths), "a name that leads out of the tree"
            try:
                results += len(kernel.load().vmlinux)
            except (BtfError, OSError) as error:
                failed = error
        with contextlib.suppress(BtfError, OSError):
            results += len(Bundle.open(f"{root}/b.bundle").entries)
    finally:
        store.Remote._open = old  # type: ignore[method-assign]
    if not results and isinstance(failed, BtfError):
        raise failed


TARGETS = {
    "dedup": (14, make_dedup),
    "merge": (8, make_merge),
    "sanitize": (8, make_sanitize),
    "bundle": (10, make_bundle_case),
    "archive": (3, make_archive),
    "http": (4, make_http),
}
RUN = {
    "dedup": run_dedup,
    "merge": run_merge,
    "sanitize": run_sanitize,
    "bundle": run_bundle,
    "archive": run_archive,
    "http": run_http,
}
