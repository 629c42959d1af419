"""The result of `minimize_archive`: what was made of each kernel, as records, JSON and a summary."""

from __future__ import annotations

from btfkit.errors import counted, error_text, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.fleet.manifest import Manifest, Record
    from btfkit.fleet.tree import Kernel, Tree

SCHEMA = 1


class Made:
    """What was made of a kernel: its `stem`, the `record` for the manifest, `same` if all outputs were there already.

    `skipped` are the errors of modules, `blobs` the outputs by path if they are not written; `report` lists the relocations
    that were asked for, (object, access, outcome) each.
    """

    __slots__ = ("blobs", "record", "report", "same", "skipped", "stem")

    def __init__(self, stem: str, record: Record, *, same: bool = False) -> None:
        self.stem = stem
        self.record = record
        self.same = same
        self.skipped: list[str] = []
        self.report: list[tuple[str, str, str]] = []
        self.blobs: dict[str, bytes] | None = None

    def as_json(self) -> dict[str, object]:
        """For JSON."""
        return {
            "kernel": dict(zip(("distro", "release", "arch", "uname"), self.record["key"], strict=True)),
            "place": self.stem,
            "status": "unchanged" if self.same else "made",
            "outputs": sorted(self.record["outputs"]),
            **self.record["facts"],
            "left_out": self.skipped,
            "without_answer": [dict(zip(("object", "access", "answer"), line, strict=True)) for line in self.report],
        }


class Archived:
    """The result of `minimize_archive`.

    `tree` is what was found; `kernels` are those that were minimized, in the tree's order, and `made` the result for each;
    `failed` has (kernel, error) of the others; `removed` are the paths of outputs whose kernel is gone or fails now; `notes`
    are sentences about the manifest; `manifest` is as written.
    """

    def __init__(self, tree: Tree, manifest: Manifest) -> None:
        self.tree = tree
        self.manifest = manifest
        self.kernels: list[Kernel] = []
        self.made: list[Made] = []
        self.failed: list[tuple[Kernel, Exception]] = []
        self.removed: list[str] = []
        self.notes: list[str] = []

    def __repr__(self) -> str:
        return f"<Archived {counted(len(self.made), 'kernel')} made, {len(self.failed)} failed>"

    def as_json(self) -> dict[str, object]:
        """For JSON: schema 1, described in docs/archives.md."""
        return {
            "schema": SCHEMA,
            "kernels": [one.as_json() for one in self.made],
            "failed": [{"place": kernel.stem, "error": error_text(error)} for kernel, error in self.failed],
            "marked": [{"place": mark.path, "what": mark.what, "over": list(mark.over)} for mark in self.tree.marks],
            "unlisted": [{"path": path, "error": text} for path, text in self.tree.problems],
            "removed": self.removed,
            "notes": self.notes,
        }

    def report_lines(self) -> Iterator[str]:
        """A line for each relocation that was asked for."""
        return (printable("  ".join((one.stem, *line))) for one in self.made for line in one.report)

    def summary_lines(self) -> Iterator[str]:
        """How many kernels, files and bytes were made, and how many relocations have an answer."""
        yield from map(printable, self.notes)
        facts = [one.record["facts"] for one in self.made]
        same = sum(one.same for one in self.made)
        outputs = sum(len(one.record["outputs"]) for one in self.made)
        yield (
            f"{counted(len(self.tree.kernels), 'kernel')}: {len(self.made) - same:,} made, {same:,} unchanged,"
            f" {len(self.failed):,} failed; {counted(outputs, 'file')}, {sum(fact['bytes'] for fact in facts):,} bytes of BTF"
        )
        if marks := [mark.what for mark in self.tree.marks]:
            yield (
                f"skipped: {marks.count('hasbtf'):,} with BTF of their own (.hasbtf), {marks.count('failed'):,} without any"
                " (.failed)"
            )
        if self.removed:
            yield f"removed: {counted(len(self.removed), 'file')} of kernels that are gone, or fail now"
        if facts and (total := facts[0]["relocations"]):
            missing = [fact["relocations"] - fact["answered"] for fact in facts]
            incomplete = sum(map(bool, missing))
            text = f"{counted(total, 'relocation')} per kernel: all answered on {counted(len(facts) - incomplete, 'kernel')}"
            if incomplete:
                text += f", some not answered on {incomplete:,} (at most {max(missing):,}; --report missing lists them)"
            yield text
        for what, counts in (
            ("make libbpf refuse their object", [fact["error"] for fact in facts]),
            ("read another member (GCC 16)", [fact["misread"] for fact in facts]),
        ):
            if any(counts):
                kernels = counted(sum(map(bool, counts)), "kernel")
                yield f"relocations that {what}: at most {max(counts):,}, on {kernels}"

    @property
    def has_faults(self) -> bool:
        """Whether a relocation makes libbpf refuse its object, or reads another member than the program says."""
        return any(one.record["facts"]["error"] + one.record["facts"]["misread"] for one in self.made)
