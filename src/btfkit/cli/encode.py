"""`btfkit encode`: make BTF of DWARF."""

from __future__ import annotations

from btfkit.cli import file_work
from btfkit.cli.encode_archive import is_archive, run_archive
from btfkit.cli.options import BASE, JOBS, JSON, Command, Option, UsageError
from btfkit.errors import counted
from btfkit.file_ops.operation import DONE, FAILED, WITHOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfkit.cli.options import Args
    from btfkit.file_ops.encode import EncodedFile, EncodeFiles
    from btfkit.work.files import Tally

LISTS = {"files": DONE, "without_dwarf": WITHOUT}
LANGUAGES = ("c", "c++", "rust", "asm")


def run(args: Args) -> int:
    """Encode one file, or many, and report the results."""
    from btfkit.encoder.encode import DEFAULT_FEATURES
    from btfkit.file_ops.encode import EncodeFiles

    if args.policy and not args.distill:
        raise UsageError("--policy needs --distill")
    if args.explain:
        return _explain(args)
    features = feature_names(args.features, DEFAULT_FEATURES)
    languages = language_names(args.skip_language, ("rust",), LANGUAGES, "--skip-language")
    if is_archive(args):
        return run_archive(
            args, features=features, skip_languages=languages, force=args.force, debug_dirs=_directories(args)
        )
    if not args.output:
        vars(args)["in_place"] = True
    operation = EncodeFiles(
        args.base,
        features=features,
        skip_languages=languages,
        force=args.force,
        distill=args.distill or "distilled_base" in features,
        policy=args.policy or "distilled",
        resolve_ids=args.resolve_ids or None,
        strip_signature=args.strip_signature,
        debug_dirs=_directories(args),
    )
    return file_work.perform(
        args,
        operation,
        "encoding",
        {"base": args.base, "features": list(operation.features)},
        LISTS,
        _lines,
        _summary,
    )


def _directories(args: Args) -> tuple[str, ...]:
    """The directories of separate debug files."""
    from btfkit.dwarf.companion import DEBUG

    return (*(args.debug_dir or ()), DEBUG)


def feature_names(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """The features of a list as pahole writes it: "default" and a leading "+" stand for the default ones."""
    from btfkit.encoder.encode import FEATURES

    if not text:
        return default
    names = text.removeprefix("+").split(",")
    found = list(default) if text.startswith("+") or "default" in names or "all" in names else []
    for name in names:
        if name in ("default", "all"):
            continue
        if name not in FEATURES:
            raise UsageError(f"unknown feature {name!r}: expected {', '.join(FEATURES)}")
        found.append(name)
    return tuple(dict.fromkeys(found))


def language_names(text: str | None, default: tuple[str, ...], known: tuple[str, ...], option: str) -> tuple[str, ...]:
    """The languages of a list."""
    if text is None:
        return default
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in known:
            raise UsageError(f"{option} {name!r}: expected {', '.join(known)}")
    return names


def _explain(args: Args) -> int:
    """Print why a function has a FUNC, or none."""
    from btfkit.file_ops.encode import explain_encoding

    if len(args.operands) != 1 or args.output:
        raise UsageError("--explain takes one file, and writes none")
    lines, found = explain_encoding(args.operands[0], args.explain, _directories(args))
    for line in lines:
        print(line)
    return 0 if found else 1


def _lines(tally: Tally, operation: EncodeFiles) -> Iterator[str]:
    from btfkit.file_ops.encode import EncodedFile

    for record in tally.records(EncodedFile):
        yield (
            f"{file_work.where(record.output)}: {counted(record.types, 'type')} with {counted(record.functions, 'function')},"
            f" {record.bytes:,} bytes, from {counted(record.units, 'unit')}"
        )
        yield from _details(record)


def _details(record: EncodedFile) -> Iterator[str]:
    if record.debug_file:
        yield f"the DWARF is that of {record.debug_file}"
    if record.base_types is not None:
        yield f"its own base: {counted(record.base_types, 'type')}, {record.base_bytes or 0:,} bytes"
    if record.omitted:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in record.omitted.items())
        yield f"functions omitted: {reasons} (--explain FUNCTION shows why)"
    for warning, count in record.warnings.items():
        yield f"{_WARNINGS.get(warning, warning)}: {count:,}"
    if record.ids_resolved is not None:
        lost = record.ids_lost or []
        yield f".BTF_ids: {record.ids_resolved:,} ids filled in" + (
            f", not found: {', '.join(lost[:5])}" if lost else ""
        )
    if record.signature_stripped:
        yield file_work.SIGNATURE_REMOVED


_WARNINGS = {
    "atomic": "atomic types, written as the types themselves",
    "complex": "complex numbers and odd floats, written as structures without members",
    "unsupported": "types that BTF cannot express, written as pointers or structures without members",
    "wide": "integers of more than 16 bytes (_BitInt), written as structures without members",
    "split": "a file of split DWARF (.dwo, .dwp) alone has types, but no functions and variables",
    "other build": "the base is of another build (--force): structures that differ in size",
    "void": "members and parameters of no type, written as pointers",
    "no content of .BTF_ids": "no kfunc is marked, because this debug file lacks the content of .BTF_ids, and the stripped file,"
    " which has it, is neither beside it nor in its place",
    "unknown flags": "kfuncs that may lack bpf_fastcall, because .BTF_ids was filled in for other BTF and does not tell their"
    " flags",
}


def _summary(tally: Tally, _: EncodeFiles) -> Iterator[str]:
    first = (
        f"{counted(tally.count(DONE), 'file')} encoded: {counted(tally.sum('types'), 'type')} with"
        f" {counted(tally.sum('functions'), 'function')},"
        f" {tally.sum('bytes'):,} bytes"
    )
    yield file_work.totals(first, tally, {WITHOUT: "without DWARF", FAILED: "failed"})


COMMAND = Command(
    "encode",
    "make BTF of the DWARF of a kernel or module",
    run,
    operands="INPUT...",
    options=(
        BASE,
        Option(
            "-o",
            "--output",
            value="OUT",
            help="raw BTF (a name ending in .btf, .btf.xz, .btf.tar.xz, or '-'), else the file with its BTF; a directory for"
            " several INPUTs and for an archive (default: the INPUT itself gets the BTF)",
        ),
        file_work.IN_PLACE,
        Option("--distill", help="also give each module a small base of its own, as `btfkit distill` does"),
        Option(
            "--policy",
            value="POLICY",
            choices=("distilled", "by-value", "full"),
            help="with --distill: what that base contains (default: distilled)",
        ),
        Option(
            "--resolve-ids",
            help="fill in .BTF_ids, as resolve_btfids does: modules with kfuncs need it (default: if it was filled in)",
        ),
        Option("--features", value="LIST", help="pahole's --btf_features; '+NAME' adds to the default ones"),
        Option(
            "--skip-language", value="LIST", help="omit units in these languages: c, c++, rust, asm (default: rust)"
        ),
        Option(
            "--force",
            help="write pointers or empty structures for types that BTF cannot express; accept a base of another build",
        ),
        Option(
            "--debug-dir",
            value="DIR",
            many=True,
            help="look for separate debug files below DIR, too, as below /usr/lib/debug",
        ),
        Option("--explain", value="FUNCTION", help="show why a function is in the BTF, or is not"),
        file_work.STRIP,
        JOBS,
        JSON,
    ),
    details="""\
INPUT is an ELF file with DWARF (gcc -g, CONFIG_DEBUG_INFO), compressed or not, a debug package of a kernel (.deb, .ddeb, .rpm;
its modules are not read), a directory of modules, or one of debug packages, which becomes an archive of
DISTRO/RELEASE/ARCH/UNAME.btf.tar.xz; a second run continues it.  With -B, the BTF is split on that of the kernel that a module
was built for.

  btfkit encode my.ko -B /sys/kernel/btf/vmlinux             the BTF goes into the module
  btfkit encode my.ko -B vmlinux --distill                   with a base of its own, for other kernels
  btfkit encode my.ko -B vmlinux -o my.btf                   raw BTF; the module does not change
  btfkit encode vmlinux.debug -o vmlinux.btf                 a kernel without BTF
  btfkit encode linux-image-R-dbg.deb -o R.btf.tar.xz        the same from its package, as BTFHub keeps it
  btfkit encode packages/ -o archive -j 2                    an archive, from many packages
  btfkit encode /usr/lib/debug/lib/modules/R -B vmlinux -o out -j 4""",
)
