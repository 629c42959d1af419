"""What of BTF is younger than BTF itself: since when kernels and libbpf know it, and what it becomes where they do not.

One row a feature; `passes/sanitize.py` does what `becomes` states; the command's options and docs/sanitize.md are made of the
same table.  `kernel` is since when BPF_BTF_LOAD takes it (kernel/bpf/btf.c by release), `libbpf` since when it can be parsed
(src/libbpf.map, where a kind comes with the function that adds one), `pahole` since when it is written (dwarves, changes-v1.21
to v1.24).  What it becomes: libbpf 1.8-dev, bpf_object__sanitize_btf, and where btfkit does better, docs/sanitize.md.
"""

from __future__ import annotations

from btfkit.errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Version = tuple[int, ...]

NEVER: Version = (1 << 16,)
OLDEST_KERNEL: Version = (4, 18)  # the first that takes BTF
OLDEST_LIBBPF: Version = (0, 0, 2)


class Feature:
    """A row: `name` as in --no-NAME, `what` it is, since when `kernel` and `libbpf` know it and `pahole` writes it (None: no
    matter to that one), what it `becomes`, and what is `lost` with it."""

    __slots__ = ("becomes", "kernel", "libbpf", "lost", "name", "pahole", "what")

    def __init__(
        self,
        name: str,
        what: str,
        becomes: str,
        lost: str,
        kernel: Version | None = None,
        libbpf: Version | None = None,
        pahole: Version | None = None,
    ) -> None:
        self.name = name
        self.what = what
        self.becomes = becomes
        self.lost = lost
        self.kernel = kernel
        self.libbpf = libbpf
        self.pahole = pahole


FEATURES = (
    Feature(
        "func",
        "FUNC and FUNC_PROTO",
        "a TYPEDEF with the function's name; an ENUM without values",
        "parameters, linkage, and what is a function",
        (5, 0),
    ),
    Feature(
        "bitfields",
        "bitfields of structs and unions by kind_flag, declarations of unions",
        "INTs of so many bits, as members; declarations of structs",
        "typedefs and enums of bitfields",
        (5, 0),
    ),
    Feature(
        "int128", "INT of more than 64 bits", "an anonymous STRUCT of that size without members", "its sign", (5, 1)
    ),
    Feature(
        "datasec",
        "VAR and DATASEC",
        "an INT of one byte with the variable's name; a STRUCT of these",
        "types and linkage of variables",
        (5, 2),
        (0, 0, 3),
    ),
    Feature("enum-size", "ENUM of another size than 4 bytes", "an INT of that size", "names of values", (5, 5)),
    Feature("func-linkage", "FUNC of global or extern linkage", "a static one", "which functions are global", (5, 6)),
    Feature(
        "names",
        "names that are not identifiers",
        "invalid characters become '_', long names are truncated, other names removed",
        "",
        NEVER,
    ),
    Feature("long-names", "names of more than 127 bytes", "truncated", "the rest of the names", (6, 1)),
    Feature("dots", "'.' in names of types, functions, members", "'_'", "", (6, 5)),
    Feature(
        "float",
        "FLOAT",
        "an anonymous STRUCT of that size without members",
        "names of floating-point types",
        (5, 13),
        (0, 4),
        (1, 21),
    ),
    Feature("decl-tag", "DECL_TAG", "an INT of one byte with its text as name", "tags", (5, 16), (0, 6), (1, 23)),
    Feature("type-tag", "TYPE_TAG", "a CONST", "tags", (5, 17), (0, 6), (1, 23)),
    Feature(
        "enum64",
        "ENUM64",
        "an ENUM of 8 bytes if all values fit into 32 bits, otherwise a UNION with the enumerators as members",
        "values of more than 32 bits",
        (6, 0),
        (1, 0),
        (1, 24),
    ),
    Feature("enum-sign", "the signed flag of ENUM", "unsigned", "that values are signed", (6, 0)),
    Feature("section-names", "characters in DATASEC names that identifiers do not have", "'_' for these", "", (6, 12)),
    Feature(
        "tag-flag",
        "DECL_TAG and TYPE_TAG as attributes (kind_flag)",
        "tags with that text",
        "that they are attributes",
        (6, 15),
        (1, 6),
    ),
    Feature(
        "layout",
        "a layout section, a header of more than 24 bytes",
        "no layout section, a header of 24 bytes",
        "sizes of kinds",
        (7, 1),
        (1, 8),
    ),
    Feature(
        "wide-vlen",
        "more than 65,535 members, enumerators, parameters",
        "the first 65,535",
        "the rest",
        (7, 2),
        (1, 8),
    ),
    Feature("tag-order", "TYPE_TAG after another modifier or typedef", "a CONST", "these tags", (7, 3)),
    Feature("extern", "extern FUNC and VAR", "a global one", "that they are extern", None),
)
NAMES = tuple(feature.name for feature in FEATURES)
BY_NAME = {feature.name: feature for feature in FEATURES}


class Target:
    """Who is to read the result: `what` ("kernel", "libbpf", "bpftool") and `version`."""

    __slots__ = ("text", "version", "what")

    def __init__(self, text: str) -> None:
        """Read "5.10", "6.1.0-47-amd64", "libbpf:0.6", "bpftool:7.1".

        Raises UnsupportedError for what is not a version, or one that is too old.
        """
        self.text = text
        what, _, version = text.rpartition(":")
        self.what = what or "kernel"
        self.version = _version(version, text)
        if self.what not in ("kernel", "libbpf", "bpftool"):
            raise UnsupportedError(
                f"no version of {self.what!r} is known; a kernel's (5.10), libbpf:0.6 or bpftool:7.1 is"
            )
        oldest = OLDEST_LIBBPF if self.what == "libbpf" else OLDEST_KERNEL
        if self.version < oldest:
            raise UnsupportedError(
                f"{text} is older than {'.'.join(map(str, oldest))}: what it would have to become is not known"
            )

    @property
    def kernel(self) -> tuple[int, int] | None:
        """The release, where it is a kernel."""
        return (self.version[0], self.version[1]) if self.what == "kernel" else None

    def knows(self, feature: Feature) -> bool:
        """Whether it takes BTF with that feature."""
        if self.what == "kernel":
            return feature.kernel is None or self.version >= feature.kernel
        if feature.libbpf is None:
            return True
        if self.what == "libbpf":
            return self.version >= feature.libbpf
        if self.version >= (6, 8):  # since then bpftool's version is libbpf's and (6, 0) more
            return (self.version[0] - 6, *self.version[1:]) >= feature.libbpf
        return feature.kernel is not None and self.version >= feature.kernel  # before it was that of the kernel's tree

    def missing(self) -> list[str]:
        """The names of the features that it does not know."""
        return [feature.name for feature in FEATURES if not self.knows(feature)]


def _version(text: str, whole: str) -> tuple[int, ...]:
    numbers = []
    for part in text.removeprefix("v").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits or len(digits) > 6:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    if len(numbers) < 2:
        raise UnsupportedError(f"{whole!r} is not a version: expected a kernel (5.10), libbpf:0.6 or bpftool:7.1")
    return tuple(numbers)


def features(names: Iterable[str]) -> list[str]:
    """The names of `names`, in the order of the table, each once; raises UnsupportedError for one that is not in it."""
    wanted = set(names)
    if unknown := sorted(wanted - set(NAMES)):
        raise UnsupportedError(f"no feature {unknown[0]!r}; there are {', '.join(NAMES)}")
    return [name for name in NAMES if name in wanted]
