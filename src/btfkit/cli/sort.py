"""`btfkit sort`: types by name, as recent kernels have them, so that a look-up is a binary search."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED, batch
from btfkit.cli.options import BASE, JSON, Command, Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.btf.btf import Btf
    from btfkit.cli.options import Args
    from btfkit.files.container import Container
    from btfkit.files.rewrite import ModuleFile
    from btfkit.passes.idmap import Dense

    Job = tuple[str, str, str]

SCHEMA = 1


class Common:
    """What all files of a call have in common, as it goes to each process: the file of their base, and whether that base is
    sorted too (`follow`)."""

    __slots__ = ("base", "follow", "strip")

    def __init__(self, base: str | None, follow: bool, strip: bool) -> None:
        self.base = base
        self.follow = follow
        self.strip = strip


class State:
    """`Common`, with the base read, and sorted where the files are to follow it."""

    __slots__ = ("base", "common", "ids", "new")

    def __init__(self, common: Common) -> None:
        from btfkit.btf_file import load
        from btfkit.passes.permute import by_name, permute

        self.common = common
        self.base: Btf | None = load(common.base) if common.base else None
        self.new: Btf | None = None
        self.ids: Dense | None = None
        if common.follow and self.base is not None:
            self.new, self.ids = permute(self.base, by_name(self.base))


def run(args: Args) -> int:
    """Sort one file, or many, or a kernel with its modules, and say what became of them."""
    if args.modules:
        tally, base = _kernel(args)
    else:
        plan = batch.plan(args, None, base_of_output=False)
        common = Common(args.base, False, args.strip_signature)
        tally, base = _collect(args, plan.jobs, plan.doubles, common), None
        if not plan.many:
            for result in tally.of(batch.WITHOUT):
                print(f"btfkit: {result.text}", file=sys.stderr)
    if args.json:
        to_stdout = args.output == "-"
        _print_json(tally, base, args, to=sys.stderr if to_stdout else sys.stdout)
    elif not args.quiet:
        for line in _lines(tally, base):
            print(line, file=sys.stderr)
    alone = tally.total == 1 and tally.count(batch.WITHOUT) and not args.modules
    return FAILED if tally.count(batch.FAILED) or alone else DONE


def _collect(args: Args, jobs: list[Job], doubles: list[batch.Result], common: Common) -> batch.Tally:
    return batch.collect(jobs, doubles, _one, State, common, title="sorting", quiet=args.quiet, workers=args.jobs)


def _kernel(args: Args) -> tuple[batch.Tally, batch.Result]:
    """A vmlinux and its modules: the vmlinux's own types get other ids, so every module has to follow."""
    from btfkit.cli.min import own_name

    if len(args.operands) != 1 or args.base:
        raise UsageError("with -m there is one INPUT, the vmlinux that the modules are split on, and no -B")
    if bool(args.output) == bool(args.in_place) or args.output == "-":
        raise UsageError("where to? -o FOLDER, or --in-place")
    path = args.operands[0]
    to = path if args.in_place else os.path.join(args.output, own_name(path))
    plan = batch.plan_modules(args.modules, None if args.in_place else args.output, taken={to: path})
    tally = _collect(args, plan.jobs, plan.doubles, Common(path, True, args.strip_signature))
    return tally, _one(State(Common(None, False, args.strip_signature)), (path, to, ""))  # last: it may be in place


# ---- one file ------------------------------------------------------------------------------------------------------


def _one(state: State, job: Job) -> batch.Result:
    from btfkit.errors import NotFoundError

    path, to, _ = job
    try:
        container, module = batch.open_file(path)
    except NotFoundError as error:
        return batch.Result(path, batch.WITHOUT, str(error))
    if not len(container.btf):
        return batch.Result(path, batch.WITHOUT, f"{path}: an empty .BTF section")
    btf = batch.load_on(container, state.base)
    new, ids = _sorted(btf, state)
    already = all(ids[old] == old for old in btf.own_ids)
    contents = _contents(container, module, btf, new, ids, state.common, to)
    batch.write(contents)
    anonymous = (new.first_named_id or new.start_id) - new.start_id
    facts = {
        "output": to,
        "types": len(new.positions),
        "anonymous": anonymous,
        "sorted_already": already,
        "signature_stripped": bool(module is not None and module.signature),
        "unpacked": module is None and container.layers != ("raw",),
    }
    return batch.Result(path, batch.DONE, facts=facts)


def _sorted(btf: Btf, state: State) -> tuple[Btf, Dense]:
    from btfkit.passes.permute import by_name, permute, sort_on

    if state.new is not None and state.ids is not None and state.base is not None and btf.base is state.base:
        return sort_on(btf, state.base, state.new, state.ids)
    return permute(btf, by_name(btf))


def _contents(
    container: Container, module: ModuleFile | None, btf: Btf, new: Btf, ids: Dense, common: Common, to: str
) -> dict[str, bytes]:
    """The file to write, by path: the input with its BTF, and what refers to it, exchanged; or raw BTF."""
    from btfkit.files.rewrite import packings_for, renumbered

    blob = new.to_bytes()
    if module is None:
        return {to: blob}
    packings = packings_for(to, module.packings)
    if module.elf is None:
        return {to: module.packed(blob, packings)}
    sections: dict[str, bytes | memoryview | None] = {
        ".BTF": blob,
        **renumbered(container, len(btf), ids.translate()),
    }
    return {to: module.rewritten(sections, strip_signature=common.strip, packings=packings)}


# ---- telling -------------------------------------------------------------------------------------------------------


def _lines(tally: batch.Tally, base: batch.Result | None) -> Iterator[str]:
    from btfkit.errors import printable

    done = tally.of(batch.DONE)
    alone = [base] if base is not None else done if tally.total == 1 else []
    for result in alone:
        facts = result.facts
        if base is not None and result.status != batch.DONE:
            yield printable(result.text)
            continue
        where = "standard output" if facts["output"] == "-" else facts["output"]
        what = "were sorted already" if facts["sorted_already"] else "by name"
        if facts["anonymous"]:
            what += f", {facts['anonymous']:,} anonymous ones first"
        yield printable(f"{where}: {facts['types']:,} types {what}")
        if facts["unpacked"]:
            yield printable(f"{where} is the BTF alone: what it came in is not written anew")
        if facts["signature_stripped"]:
            yield "the signature was taken off: it did not hold any more; sign the module again where kernels demand it"
    if base is None and tally.total == 1:
        return
    parts = [f"{len(done):,} {'modules' if base is not None else 'files'} sorted"]
    if same := sum(1 for result in done if result.facts["sorted_already"]):
        parts.append(f"{same:,} of them were so already")
    if signed := tally.sum("signature_stripped"):
        parts.append(f"{signed:,} signatures taken off")
    for status, text in ((batch.WITHOUT, "without BTF"), (batch.FAILED, "failed")):
        if tally.count(status):
            parts.append(f"{tally.count(status):,} {text}")
    yield ", ".join(parts)
    if base is not None and tally.count(batch.FAILED):
        yield "those that failed still have the ids of the old vmlinux: they do not go with the sorted one"


def _print_json(tally: batch.Tally, base: batch.Result | None, args: Args, *, to: Any) -> None:
    import json

    report = {
        "schema": SCHEMA,
        "base": {"path": base.path, **base.facts} if base is not None else args.base,
        "files": [{"path": result.path, **result.facts} for result in tally.of(batch.DONE)],
        "without_btf": [result.path for result in tally.of(batch.WITHOUT)],
        "failed": [{"path": result.path, "error": result.text} for result in tally.of(batch.FAILED)],
    }
    print(json.dumps(report, indent=2), file=to)


COMMAND = Command(
    "sort",
    "put types in the order of their names, as recent kernels have them",
    run,
    operands="INPUT...",
    options=(
        BASE,
        Option(
            "-m",
            "--modules",
            value="FILE_OR_DIR",
            many=True,
            help="INPUT is a vmlinux, these are its modules: their references follow it, and they are sorted too",
        ),
        batch.MODULES_OUT,
        batch.IN_PLACE,
        batch.STRIP,
        batch.JOBS,
        JSON,
    ),
    details="""INPUT is BTF in any container.  Raw BTF, BPF objects and modules (packed or not) come out as the same file with
other BTF in it, .BTF.ext and .BTF_ids renumbered; of a kernel's file the raw BTF comes out.  With -B the INPUTs are split on
that base, which stays as it is.

  btfkit sort vmlinux.btf -o sorted.btf
  btfkit sort nf_conntrack.ko -B vmlinux -o sorted.ko
  btfkit sort vmlinux -m /lib/modules/R -o out              the kernel with all its modules""",
)
