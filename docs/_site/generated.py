"""The generated parts of the site: pages of commands, the Python API, and text and links in Sphinx's form."""

from __future__ import annotations

import inspect
import re
import shutil
from pathlib import Path

import btfkit
from btfkit.cli import COMMANDS, command
from btfkit.cli.manual import EXIT_STATUS, with_choices
from btfkit.cli.options import DOCS, Command, page, usage

ROOT = Path(__file__).resolve().parents[2]
BLOB = DOCS.removesuffix("docs/")  # a file of the repository
REPOSITORY = BLOB.removesuffix("blob/main/")

API = {  # page -> (what it is about, the names); `test_site` compares them with btfkit.__all__
    "Files": (
        "A file that holds BTF, in any container, and what is read from it.",
        "open load load_modules BtfFile Ext",
    ),
    "Types": (
        "A BTF and its types, as lightweight views.",
        "Btf Builder Type Int Ptr Array Struct Union AnyEnum Enum Enum64 Fwd Typedef Volatile Const Restrict Func FuncProto Var "
        "Datasec Float DeclTag TypeTag Element Elements Member Enumerator Parameter SectionEntry",
    ),
    "Queries": (
        "Names, layouts, differences, and kernels as a whole.",
        "find users Found offset Place layout Layout Layouts members_at reorganized Reorganized "
        "diff Diff dump Dump verify Verification",
    ),
    "Values": ("Bytes as values of a type, and back.", "decode Record Items Pointer EnumValue"),
    "CO-RE": (
        "BPF objects, their relocations, and the BTF that they need.",
        "load_objects BpfObject relocations Relocated Target Outcome minimize minimize_files Minimized",
    ),
    "Passes": (
        "A BTF in, another out.",
        "distill Distilled reconcile Reconciled ReconcileError dedup Deduped merge Merged append permute sort sanitize Sanitized "
        "encode",
    ),
    "Files in, files out": (
        "What the commands do, one call each, with their proofs.",
        "distill_file DistilledFile DistillFiles reconcile_file ReconciledFile ReconcileFiles dedup_file dedup_files DedupedFile "
        "DedupFiles JoinedFiles encode_file EncodedFile EncodeFiles encode_packages sort_file SortedFile SortFiles sanitize_file "
        "SanitizedFile SanitizeFiles merge_files MergedFiles extract_file explain Explanation on_files sort_kernel Tally",
    ),
    "Many kernels": (
        "Trees of kernels, atlases and bundles.",
        "find_kernels minimize_archive check explain_on_kernels history kernel_offsets diff_kernels Atlas add_to_atlas "
        "bundle_kernels bundle_minimized",
    ),
    "Errors": (
        "One root; subclasses by what the caller can do about it.",
        "BtfError FormatError ChainError NotFoundError AmbiguousError UnsupportedError VerificationError",
    ),
}


def write(directory: Path) -> None:
    """Write the generated pages below `directory`, anew."""
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "commands").mkdir(parents=True)
    (directory / "api").mkdir()
    for name in COMMANDS:
        (directory / "commands" / f"{name}.md").write_text(command_page(command(name)))
    (directory / "commands" / "index.md").write_text(_commands())
    for title in API:
        (directory / "api" / f"{_file(title)}.rst").write_text(_api_page(title))
    (directory / "api" / "index.md").write_text(_api())
    (directory / "changelog.md").write_text((ROOT / "CHANGELOG.md").read_text().replace("](docs/", "](../"))


# ---- commands ----------------------------------------------------------------------------------------------------


def command_page(one: Command) -> str:
    """The reference page of a command, in Markdown."""
    lines = [f"# btfkit {one.name}", "", one.summary[0].upper() + one.summary[1:] + ".", ""]
    lines += ["```text", re.sub(r"\s+", " ", usage(one)).strip(), "```", ""]
    lines += [
        f"[{page(one).removesuffix('.md')}](../../{page(one)}) describes it.",
        "",
        "## Options",
        "",
    ]
    for option in one.options:
        lines += [_spelled(option), f": {_escaped(_help(option))}", ""]
    lines += ["`-h`, `--help`", ": show the options", ""]
    if one.details:
        lines += ["## Notes", "", "```text", one.details, "```", ""]
    lines += ["## Exit status", ""]
    for status, meaning in EXIT_STATUS:
        lines += [f"`{status}`", f": {_escaped(meaning)}", ""]
    return "\n".join(lines)


def _spelled(option) -> str:
    value = f" {option.value}" if option.value else ""
    return ", ".join(f"`{spelling}{value}`" for spelling in option.spellings) + (" ..." if option.several else "")


def _help(option) -> str:
    return with_choices(option) + ("; may be given more than once" if option.many else "")


def _escaped(text: str) -> str:
    """`text` in which nothing is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", text)


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        "These pages are made from the tables that define the commands, as is `btfkit COMMAND --help`.",
        "",
    ]
    lines += ["| command | purpose |", "|---|---|"]
    lines += [f"| [`{name}`]({name}.md) | {_escaped(summary)} |" for name, summary in COMMANDS.items()]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *COMMANDS, "```", ""])


# ---- the Python API ----------------------------------------------------------------------------------------------


def _file(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower())


def _api() -> str:
    lines = ["# Python API", "", "All names are those of the package `btfkit`; each is imported on first use.", ""]
    lines += [f"- [{title}]({_file(title)}.rst): {about}" for title, (about, _) in API.items()]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *map(_file, API), "```", ""])


def _api_page(title: str) -> str:
    about, names = API[title]
    lines = [title, "=" * len(title), "", about, ""]
    for name in names.split():
        value = getattr(btfkit, name)
        kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
        lines += [f".. {kind}:: btfkit.{name}", ""]
    return "\n".join(lines)


def as_rst(app, what, name, obj, options, lines: list[str]) -> None:
    """A docstring, which is plain text with `code` and indented examples, as reStructuredText."""
    result: list[str] = []
    for line in lines:
        indented = line.startswith(" ") and line.strip()
        if indented and not (result and (result[-1].startswith(" ") or (result[-1] == "" and _in_block(result)))):
            result += [*([] if not result or result[-1] == "" else [""]), "::", ""]
        result.append(line if indented else _prose(line))
        if not indented and line.strip() and len(result) > 1 and result[-2].startswith(" "):
            result.insert(-1, "")
    lines[:] = result


def _in_block(lines: list[str]) -> bool:
    """Whether the last line that is not empty is one of an example."""
    return next((line for line in reversed(lines) if line), "").startswith(" ")


def _prose(line: str) -> str:
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(
        f"``{part[1:-1]}``" if len(part) > 2 and part[0] == part[-1] == "`" else re.sub(r"([\\*_|`])", r"\\\1", part)
        for part in parts
    )


# ---- links -------------------------------------------------------------------------------------------------------


def links_out(app, docname: str, source: list[str]) -> None:
    """Links from a page to what is not on the site lead to the repository."""
    here = (ROOT / "docs" / docname).parent

    def link(found: re.Match[str]) -> str:
        target, anchor = found[1], found[2] or ""
        path = (here / target).resolve()
        if path.is_relative_to(ROOT) and path.exists() and not path.is_relative_to(ROOT / "docs"):
            return f"]({BLOB}{path.relative_to(ROOT).as_posix()}{anchor})"
        return found[0]

    if not docname.startswith("generated/"):
        source[0] = re.sub(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)", link, source[0])
