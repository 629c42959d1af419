"""`btfkit min --archive`: every kernel of a tree, by many processes or a cluster, with one line for what went wrong with each."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DONE, FAILED, in_words
from btfkit.cli.options import UsageError
from btfkit.errors import NotFoundError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfkit.cli.options import Args
    from btfkit.fleet.archive import Archived
    from btfkit.fleet.tree import Kernel, Tree


def run_archive(args: Args) -> int:
    """Run `min --archive`."""
    from btfkit.fleet.archive import minimize_archive
    from btfkit.fleet.tree import find_kernels

    objects = _operands(args)
    tree = find_kernels([args.archive], heed_markers=not args.ignore_markers)
    demand_kernels(tree, args.archive)
    with Watch(tree, quiet=args.quiet) as watch, Workers(args) as workers:
        result = minimize_archive(
            tree,
            args.output,
            objects,
            executor=workers.executor,
            workers=args.jobs,
            observe=watch.observe,
            on_error=watch.failed,
            **shrink_options(args),
        )
    report(args, result, watch)
    return FAILED if watch.lines or result.failed else DONE


def _operands(args: Args) -> list[str]:
    """The objects; raises UsageError."""
    from btfkit.cli.min import names

    if not args.output or args.output == "-":
        raise UsageError("--archive wants -o OUT, a folder or a URL")
    for name in ("modules", "base", "base_out", "keep_refs_of", "all_modules"):
        if getattr(args, name):
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with --archive: modules lie in the tree, beside their kernels"
            )
    if not (args.operands or names(args.keep_type) or names(args.keep_func)):
        raise UsageError("nothing to keep: name at least one OBJECT, or --keep-type or --keep-func")
    refuse_nested(args.archive, args.output)
    return list(args.operands)


def refuse_nested(tree: str, out: str) -> None:
    """No output may land among the inputs; raises UsageError."""
    from btfkit.fleet.store import is_url

    if os.path.isfile(tree):
        raise UsageError(f"{printable(tree)} is a file: --archive takes a folder or a URL (a file is an INPUT)")
    inside, root = (path.rstrip("/") if is_url(path) else os.path.realpath(path) for path in (out, tree))
    if inside == root or inside.startswith(root.rstrip("/") + "/"):
        raise UsageError(f"the output {printable(out)} lies in the tree {printable(tree)}: name a folder outside of it")


def shrink_options(args: Args) -> dict[str, Any]:
    """The options of `min` as arguments of `minimize_archive`."""
    from btfkit.cli.min import names

    return {
        "keep_types": names(args.keep_type),
        "keep_funcs": names(args.keep_func),
        "closure": args.closure,
        "verify": not args.no_verify,
        "pack": getattr(args, "pack", None) or "none",
        "keep_going": args.keep_going,
        "report": getattr(args, "report", None),
    }


def demand_kernels(tree: Tree, path: str) -> None:
    """Raise NotFoundError where there is no kernel in it."""
    if not tree.kernels:
        marks = f" ({len(tree.marks):,} marked .hasbtf or .failed)" if tree.marks else ""
        raise NotFoundError(
            f"no kernel in it{marks}: wanted are UNAME.btf.tar.xz, UNAME.btf, vmlinuz-UNAME or UNAME/vmlinux at any depth",
            source=path,
        )


class Workers:
    """The executor that the options ask for: a Dask cluster, or None for processes of this machine."""

    def __init__(self, args: Args) -> None:
        self._address = args.scheduler
        self.executor: Any = None
        self._close: Any = None

    def __enter__(self) -> Workers:
        if self._address:
            from btfkit.work.executors import dask

            self.executor, self._close = dask(self._address)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._close is not None:
            self._close()


class Watch:
    """Tells what goes wrong as it does, a line each (`lines`), and how far it is."""

    def __init__(self, tree: Tree, *, quiet: bool) -> None:
        from btfkit.work.progress import Progress

        self.lines: list[str] = []
        self._bar = Progress(len(tree.kernels), "kernels", wanted=not quiet, unit="kernels", least=8)
        for path, text in tree.problems:
            self.say(f"{printable(path)}: {text}")
        if not quiet:
            for mark in tree.marks:
                if mark.over:
                    print(
                        f"{mark.key}: passed over, as {printable(mark.path)} says (--ignore-markers takes it)",
                        file=sys.stderr,
                    )

    def say(self, line: str) -> None:
        """A line about something that went wrong."""
        self.lines.append(line)
        print(f"btfkit: {line}", file=sys.stderr)

    def failed(self, kernel: Kernel, error: Exception) -> None:
        """A kernel that could not be used."""
        self.refused(kernel.name, error)

    def refused(self, name: str, error: Exception) -> None:
        """What was not taken, by the name of the kernel, which is told where the error does not."""
        text = " ".join(in_words(error).split("\n"))
        self.say(text if name in text else f"{name}: {text}")

    def observe(self, done: int, total: int) -> None:
        """How far it is."""
        self._bar.at(done)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.__exit__()


def report(args: Args, result: Archived, watch: Watch) -> None:
    """Say what was left out, what was asked for, and the summary."""
    for one in result.made:
        for text in one.left_out:
            watch.say(f"left out: {text}")
    if args.json:
        from json import dumps

        print(dumps(_as_dict(result), indent=2))
    elif args.report:
        for one in result.made:
            for parts in one.report:
                print(printable("  ".join((one.stem, *parts))), file=sys.stderr)
    if not args.quiet:
        for line in _summary(result):
            print(line, file=sys.stderr)


def _summary(result: Archived) -> Iterator[str]:
    new = [one for one in result.made if not one.same]
    facts = [one.record["facts"] for one in result.made]
    yield from map(printable, result.notes)
    outputs = sum(len(one.record["outputs"]) for one in result.made)
    size = sum(fact["bytes"] for fact in facts)
    yield (
        f"{_count(len(result.tree.kernels), 'kernel')}: {len(new):,} made, {len(result.made) - len(new):,} unchanged,"
        f" {len(result.failed):,} failed; {_count(outputs, 'file')}, {size:,} bytes of BTF"
    )
    marks = [mark.what for mark in result.tree.marks]
    if marks:
        yield (
            f"passed over: {marks.count('hasbtf'):,} with BTF of their own (.hasbtf), {marks.count('failed'):,} without any"
            " (.failed)"
        )
    if result.removed:
        yield f"removed: {_count(len(result.removed), 'file')} of kernels that are gone, or fail now"
    without = [fact for fact in facts if fact["answered"] < fact["relocations"]]
    if facts and facts[0]["relocations"]:
        total = facts[0]["relocations"]
        text = f"{_count(total, 'relocation')} a kernel: all answered on {len(facts) - len(without):,} kernels"
        if without:
            most = max(fact["relocations"] - fact["answered"] for fact in without)
            text += f", some without answer on {len(without):,} (at most {most:,}; --report missing lists them)"
        yield text


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _as_dict(result: Archived) -> dict[str, Any]:
    kernels: list[dict[str, Any]] = []
    for one in result.made:
        record = one.record
        kernels.append(
            {
                "kernel": dict(zip(("distro", "release", "arch", "uname"), record["key"], strict=True)),
                "place": one.stem,
                "status": "unchanged" if one.same else "made",
                "outputs": sorted(record["outputs"]),
                **record["facts"],
                "left_out": one.left_out,
                "without_answer": [dict(zip(("object", "access", "answer"), line, strict=True)) for line in one.report],
            }
        )
    return {
        "schema": 1,
        "kernels": kernels,
        "failed": [{"place": kernel.stem, "error": in_words(error)} for kernel, error in result.failed],
        "marked": [{"place": mark.path, "what": mark.what, "over": list(mark.over)} for mark in result.tree.marks],
        "unlisted": [{"path": path, "error": text} for path, text in result.tree.problems],
        "removed": result.removed,
        "notes": result.notes,
    }
