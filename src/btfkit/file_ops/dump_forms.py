"""The forms of `dump`: the language of each, the options that belong to it, and what writes its text."""

from __future__ import annotations

import os

from btfkit.errors import refuse_others

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from btfkit.btf.btf import Btf
    from btfkit.files.kernel_symbols import KernelSymbols
    from btfkit.show.c_omitted import Omitted

    Form = Literal["raw", "json", "c", "rust", "go", "ctypes", "isf"]
    Ids = list[int] | None


class Options:
    """What changes the text of a form; `dump` explains each."""

    __slots__ = (
        "banner",
        "compat",
        "exact",
        "flavor",
        "package",
        "prefix",
        "pretty",
        "symbols",
        "unsorted",
        "without",
    )

    def __init__(
        self,
        *,
        pretty: bool,
        unsorted: bool,
        exact: bool,
        compat: bool,
        without: Omitted | None,
        prefix: str,
        flavor: str,
        symbols: KernelSymbols | None,
        banner: str,
        package: str,
    ) -> None:
        self.pretty = pretty
        self.unsorted = unsorted
        self.exact = exact
        self.compat = compat
        self.without = without
        self.prefix = prefix
        self.flavor = flavor
        self.symbols = symbols
        self.banner = banner
        self.package = package


class FormRow:
    """`language` is "" for a form that has every kind of type, not only those with a declaration; `options` are those that
    no other form has."""

    __slots__ = ("language", "options", "text")

    def __init__(
        self, language: str, options: tuple[str, ...], text: Callable[[Btf, Ids, Options], Iterator[bytes]]
    ) -> None:
        self.language = language
        self.options = options
        self.text = text


def _raw(btf: Btf, ids: Ids, options: Options) -> Iterator[bytes]:
    from btfkit.show.raw import raw_text

    return raw_text(btf, ids, compat=options.compat)


def _c(btf: Btf, ids: Ids, options: Options) -> Iterator[bytes]:
    from btfkit.show.c import c_text

    return c_text(
        btf,
        ids,
        unsorted=options.unsorted,
        exact=options.exact,
        compat=options.compat,
        without=options.without,
        prefix=options.prefix,
        flavor=options.flavor,
    )


def _json(btf: Btf, ids: Ids, options: Options) -> Iterator[bytes]:
    from btfkit.show.json import json_text

    return json_text(btf, ids, pretty=options.pretty, compat=options.compat)


def _rust(btf: Btf, ids: Ids, options: Options) -> Iterator[bytes]:
    from btfkit.show.rust import rust_text

    return rust_text(btf, ids, unsorted=options.unsorted)


def _go(btf: Btf, ids: Ids, options: Options) -> Iterator[bytes]:
    from btfkit.show.go import PACKAGE, go_text

    return go_text(btf, ids, unsorted=options.unsorted, package=options.package or PACKAGE)


def _ctypes(btf: Btf, ids: Ids, options: Options) -> Iterator[bytes]:
    from btfkit.show.ctypes_code import ctypes_text

    return ctypes_text(btf, ids, unsorted=options.unsorted)


def _isf(btf: Btf, ids: Ids, options: Options) -> Iterator[bytes]:
    from btfkit.show.isf import isf_text

    banner = os.fsencode(options.banner)
    return isf_text(btf, options.symbols, ids=ids, banner=banner, unsorted=options.unsorted)


FORMS: dict[Form, FormRow] = {
    "raw": FormRow("", (), _raw),
    "c": FormRow("C", ("exact", "without", "prefix", "flavor"), _c),
    "json": FormRow("", (), _json),
    "rust": FormRow("Rust", (), _rust),
    "go": FormRow("Go", ("package",), _go),
    "ctypes": FormRow("Python", (), _ctypes),
    "isf": FormRow("ISF", ("symbols", "banner"), _isf),
}
COMPAT: tuple[Form, ...] = ("raw", "c", "json")  # the forms that bpftool has
OPTIONS = ("compat", *(name for row in FORMS.values() for name in row.options))  # that some forms do not have


def demand_options(form: str, given: dict[str, object], *, spelled: Callable[[str], str] = str) -> None:
    """Raise ValueError for a form that does not exist, and for `given` options (values by name; an empty value is none) that
    it does not have, that exclude each other, or whose value cannot be."""
    refuse_others("form", (form,), FORMS)
    given = {name: value for name, value in given.items() if value}
    for owner, row in FORMS.items():
        for name in row.options:
            if name in given and form != owner:
                raise ValueError(f"{spelled(name)} works with the format {owner} only")
            if name in given and "compat" in given:
                raise ValueError(
                    f"{spelled(name)} and {spelled('compat')} exclude each other: bpftool has no such text"
                )
    if "compat" in given and form not in COMPAT:
        raise ValueError(f"{spelled('compat')} works with the formats of bpftool only: {', '.join(COMPAT)}")
    if "banner" in given and "symbols" not in given:
        raise ValueError(f"{spelled('banner')} needs {spelled('symbols')}: it is the text of the symbol linux_banner")
    if "package" in given:
        from btfkit.show.go import demand_package

        demand_package(str(given["package"]))
    if "prefix" in given or "flavor" in given:
        from btfkit.show.c import affixes

        affixes(str(given.get("prefix", "")), str(given.get("flavor", "")))
