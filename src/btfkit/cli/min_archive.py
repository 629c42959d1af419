"""`btfkit min --archive`: minimize every kernel of a tree, with one line for each problem."""

from __future__ import annotations

import os
import sys

from btfkit.cli import DIFFERS, DONE, FAILED, in_words
from btfkit.cli.options import UsageError, demand_selection, names
from btfkit.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.cli.options import Args
    from btfkit.fleet.archive import Minimizing
    from btfkit.fleet.tree import Kernel, Tree


def run_archive(args: Args) -> int:
    """Run `min --archive`."""
    from btfkit.fleet.archive import minimize_archive

    _check_usage(args)
    tree = found_kernels(args, args.archive)
    with Monitor(tree, quiet=args.quiet) as monitor:
        result = minimize_archive(tree, args.output, args.operands, **minimizing(args, monitor))
    for made in result.made:
        for text in made.skipped:
            monitor.problem(f"skipped: {text}")
    if args.json:
        from json import dumps

        print(dumps(result.as_json(), indent=2))
    elif args.report:
        sys.stderr.writelines(f"{line}\n" for line in result.report_lines())
    if not args.quiet:
        sys.stderr.writelines(f"{line}\n" for line in result.summary_lines())
    if monitor.problems or result.failed:
        return FAILED
    return DIFFERS if result.has_faults else DONE


def _check_usage(args: Args) -> None:
    from btfkit.fleet.store import is_url

    if not args.output or args.output == "-":
        raise UsageError("no output: use -o OUT with --archive, a directory or a URL")
    for name in ("modules", "base", "base_out", "keep_refs_of", "all_modules"):
        if getattr(args, name):
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with --archive: modules are found in the tree, with their kernels"
            )
    demand_selection(args, args.operands)
    refuse_file(args.archive)
    out, tree = (path.rstrip("/") if is_url(path) else os.path.realpath(path) for path in (args.output, args.archive))
    if out == tree or out.startswith(tree.rstrip("/") + "/"):
        raise UsageError(
            f"the output {printable(args.output)} lies in the tree {printable(args.archive)}: use a directory outside of it"
        )


def refuse_file(tree: str) -> None:
    """Raise UsageError if `tree` is a file other than an atlas."""
    from btfkit.atlas.schema import is_atlas

    if os.path.isfile(tree) and not is_atlas(tree):
        raise UsageError(
            f"{printable(tree)} is a file: --archive expects a directory, an atlas or a URL (a file is an INPUT)"
        )


def found_kernels(args: Args, path: str) -> Tree:
    """The kernels below `path`; raises NotFoundError if there is none."""
    from btfkit.fleet.tree import find_kernels

    tree = find_kernels([path], heed_markers=not args.ignore_markers)
    tree.demand_kernels()
    return tree


def minimizing(args: Args, monitor: Monitor) -> Minimizing:
    """The options of the command as arguments of `minimize_archive`."""
    return {
        "scheduler": args.scheduler,
        "workers": args.jobs,
        "observe": monitor.observe,
        "on_error": monitor.failed,
        "keep_types": names(args.keep_type),
        "keep_funcs": names(args.keep_func),
        "closure": args.closure,
        "loader": args.loader,
        "verify": not args.no_verify,
        "pack": getattr(args, "pack", None) or "none",
        "keep_going": args.keep_going,
        "report": getattr(args, "report", None),
    }


class Monitor:
    """Prints each problem as it occurs (and keeps them in `problems`), and the progress."""

    def __init__(self, tree: Tree, *, quiet: bool) -> None:
        from btfkit.work.progress import Progress

        self.problems: list[str] = []
        self._progress = Progress(len(tree.kernels), "kernels", wanted=not quiet, unit="kernels", least=8)
        for path, text in tree.problems:
            self.problem(f"{printable(path)}: {text}")
        for mark in tree.marks if not quiet else ():
            if mark.over:
                marker = printable(mark.path)
                print(f"{mark.key}: skipped because of {marker} (--ignore-markers includes it)", file=sys.stderr)

    def problem(self, text: str) -> None:
        """Print a problem."""
        self.problems.append(text)
        print(f"btfkit: {text}", file=sys.stderr)

    def failed(self, kernel: Kernel, error: Exception) -> None:
        """Print the error of a kernel, after its name unless the error has that."""
        text = " ".join(in_words(error).split("\n"))
        self.problem(text if kernel.name in text else f"{kernel.name}: {text}")

    def observe(self, done: int, total: int) -> None:
        """Show the progress."""
        self._progress.at(done)

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.__exit__()
