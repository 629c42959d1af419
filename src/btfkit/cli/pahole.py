"""`btfkit pahole ARGS...`: accept the command lines of pahole with which kbuild makes BTF, and those that show types.

kbuild's are those of Linux 5.15 to 7.2: scripts/pahole-flags.sh, Makefile.btf, Makefile.modfinal, gen-btf.sh, link-vmlinux.sh and
pahole-version.sh.  What an option means is stated in pahole(1); an option that is not done is refused by its name.
"""

from __future__ import annotations

import sys

from btfkit.cli import DONE, FAILED, USAGE
from btfkit.cli.options import Command, UsageError
from btfkit.cli.pahole_types import FLAGS as TYPE_FLAGS
from btfkit.cli.pahole_types import INSTEAD, OTHERS, show
from btfkit.cli.pahole_types import VALUES as TYPE_VALUES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION = "v1.32"
HELP = f"""\
usage: btfkit pahole [options] [FILE | NAME]
       btfkit pahole -J [--btf_features=LIST]... [--btf_base BASE] [--btf_encode_detached=OUT] [options] FILE...
       btfkit pahole --version | --numeric_version | --supported_btf_features

Types, shown as `btfkit layout` does: all structs and unions of FILE, or NAME in the running kernel; only BTF is read.

  -C NAME[,NAME], -C file://LIST    only these types; enums and typedefs, too
  -E, --hex, -c N                   with the members of members; in hexadecimal; with cache lines of N bytes
  -R, -R -S, -P                     in the smallest order of members; by pahole's steps; what that saves
  --compile                         as C definitions with all that they need
  -s, -n, -N, -t SEP                a line each: size and holes, number of members, length of the name; SEP in place of tabs
  -H N, -B N, -z N, --padding_ge N  those with so many holes, bit holes, bytes in a hole, bytes of padding
  --structs, --unions, --packed, --with_flexible_array, --with_embedded_flexible_array   only these
  -y PREFIX, -x PREFIX              those whose names begin so, or do not
  -i NAME, -f NAME                  those that contain NAME, members that point to it
  --sort, -a, --skip_missing        by name; also those without a name; names of -C that do not exist are ignored

For kbuild: make PAHOLE="btfkit pahole" (before Linux 6.7, one word: a script that runs this command).  The BTF of FILE's DWARF
goes into FILE, or as raw BTF to OUT.

  --btf_features=LIST, --btf_features_strict=LIST   what to encode; several add up, '+NAME' adds to the default ones; an
                                                    unknown feature is ignored with a warning, or an error (strict)
  --btf_base BASE                                   the BTF of the kernel that a module is for, in any container
  --btf_encode_detached=OUT                         write raw BTF to OUT; FILE does not change
  --lang_exclude=LIST                               omit units in these languages: c, c++, rust, asm
  --skip_encoding_btf_vars, _decl_tag, _type_tag, _enum64, _inconsistent_proto
  --btf_gen_floats, --btf_attributes                as the features of these names
  --btf_gen_optimized, --btf_encode_force, --reproducible_build    always so
  -j[N], --jobs[=N], -V, --verbose                  accepted; the output does not depend on them

--version prints {VERSION}, because kbuild chooses its options by that number: this command does what kbuild up to Linux 7.2 asks
of that version of pahole.  It is not pahole; `btfkit --version` is its own version.  Unlike pahole's, exit status 0 means
that the BTF was written.  A vmlinux needs --btf_encode_detached."""

# Options of pahole without a value, and the features that each adds or removes.
ADDS = {
    "btf_gen_floats": "float",
    "btf_attributes": "attributes",
    "btf_gen_optimized": "optimized_func",
    "btf_encode_force": "encode_force",
    "reproducible_build": "reproducible_build",
    "skip_encoding_btf_inconsistent_proto": "consistent_func",
}
REMOVES = {
    "skip_encoding_btf_vars": "var",
    "skip_encoding_btf_decl_tag": "decl_tag",
    "skip_encoding_btf_type_tag": "type_tag",
    "skip_encoding_btf_enum64": "enum64",
}
WITHOUT_EFFECT = ("verbose",)
ASKED = ("version", "numeric_version", "supported_btf_features", "help")
VALUES = ("btf_base", "btf_encode_detached", "btf_features", "btf_features_strict", "lang_exclude")
SETS = ("default", "all")  # of features, in a list
SHORT = {"J": "btf_encode", "V": "verbose", "?": "help", "h": "help"}
WITHOUT_LIST = ("encode_force", "var", "decl_tag", "type_tag", "enum64")  # the features if no option names any

_WITHOUT_VALUE = (*ADDS, *REMOVES, *WITHOUT_EFFECT, *ASKED, *TYPE_FLAGS, "btf_encode")
_LETTERS = SHORT | {letter: name for name, letter in TYPE_FLAGS.items() if letter}
_LETTERS_OF_VALUES = {letter: name for name, letter in TYPE_VALUES.items() if letter}

REMEDIES = {"base": "--btf_base FILE", "output": "--btf_encode_detached=OUT"}


class Call:
    """A parsed command line: options without a value (`flags`), those with one (`values`, in order), and the `files`."""

    __slots__ = ("files", "flags", "values")

    def __init__(self) -> None:
        self.flags: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.files: list[str] = []

    def last(self, name: str) -> str | None:
        """The value of an option that counts once."""
        return self.values[name][-1] if name in self.values else None


def run(argv: list[str]) -> int:
    """Parse the command line and run it."""
    call = Call()
    try:
        _read(argv, call)
        if asked := next((name for name in ASKED if name in call.flags), None):
            print(_answer(asked))
            return DONE
        if "btf_encode" in call.flags or "btf_encode_detached" in call.values:
            return _encode(call)
        return show(call)
    except UsageError as error:
        from btfkit.errors import printable

        print(f"btfkit pahole: {printable(str(error))}\n`btfkit pahole --help` lists what it does.", file=sys.stderr)
        return USAGE


def _answer(asked: str) -> str:
    from btfkit.encoder.encode import FEATURES

    major, _, minor = VERSION[1:].partition(".")
    answers = {"version": VERSION, "numeric_version": major + minor, "supported_btf_features": ",".join(FEATURES)}
    if asked in answers:
        return answers[asked]
    from btfkit.cli.help_text import for_terminal

    return for_terminal(HELP)


# ---- the command line ----------------------------------------------------------------------------------------------


def _read(argv: Sequence[str], call: Call) -> None:
    """Separate options from files, as argp does."""
    rest = iter(argv)
    for word in rest:
        if word == "--":
            call.files += rest
        elif word.startswith("--"):
            _read_long(word, rest, call)
        elif len(word) > 1 and word[0] == "-":
            _read_short(word, rest, call)
        else:
            call.files.append(word)


def _read_long(word: str, rest: Iterator[str], call: Call) -> None:
    typed, given, value = word[2:].partition("=")
    name = _full_name(typed)
    if name in VALUES or name in TYPE_VALUES:
        found = value if given else next(rest, None)
        if not found:
            raise UsageError(f"option --{name} needs a value")
        call.values.setdefault(name, []).append(found)
    elif name == "jobs":
        _check_jobs(value, word)
    elif name in _WITHOUT_VALUE:
        if given:
            raise UsageError(f"option --{name} takes no value")
        call.flags.append(name)
    else:
        raise _refused(name)


def _full_name(typed: str) -> str:
    """The long option that `typed` abbreviates without doubt; else `typed`."""
    names = (*_WITHOUT_VALUE, *VALUES, *TYPE_VALUES, *INSTEAD, *OTHERS, "jobs")
    if typed in names:
        return typed
    matches = [name for name in names if name.startswith(typed) and len(name) > 1]
    return matches[0] if typed and len(matches) == 1 else typed


def _read_short(word: str, rest: Iterator[str], call: Call) -> None:
    for at, letter in enumerate(word[1:], 2):
        if letter == "j":
            _check_jobs(word[at:], word)
            return
        if letter in _LETTERS_OF_VALUES:
            found = word[at:] or next(rest, None)
            if not found:
                raise UsageError(f"option -{letter} needs a value")
            call.values.setdefault(_LETTERS_OF_VALUES[letter], []).append(found)
            return
        if letter not in _LETTERS:
            raise _refused(letter)
        call.flags.append(_LETTERS[letter])


def _check_jobs(number: str, word: str) -> None:
    if number and not (number.isascii() and number.isdigit()):
        raise UsageError(f"option {word}: expected a number")


def _refused(name: str) -> UsageError:
    instead = INSTEAD.get(name, "use pahole itself")
    return UsageError(f"option {'--' if len(name) > 1 else '-'}{name} is not done here: {instead}")


# ---- encoding ------------------------------------------------------------------------------------------------------


def _encode(call: Call) -> int:
    from btfkit.cli.encode import LANGUAGES, language_names
    from btfkit.cli.options import refuse_overwriting
    from btfkit.errors import BtfError, error_text
    from btfkit.file_ops.encode import encode_file

    detached = call.last("btf_encode_detached")
    base = call.last("btf_base")
    if not call.files:
        raise UsageError("no FILE to encode")
    if detached and len(call.files) > 1:
        raise UsageError("--btf_encode_detached takes one FILE")
    features = _features(call)
    distill = "distilled_base" in features
    if distill and detached:
        raise UsageError("feature distilled_base with --btf_encode_detached: use `btfkit encode --distill -o OUT`")
    excluded = ",".join(call.values["lang_exclude"]) if "lang_exclude" in call.values else None
    languages = language_names(excluded, (), LANGUAGES, "--lang_exclude")
    refuse_overwriting([detached] if detached else call.files, [base, *(call.files if detached else ())])
    status = DONE
    for path in call.files:
        try:
            encode_file(
                path,
                base,
                detached,
                in_place=not detached,
                raw=bool(detached),
                features=features,
                skip_languages=languages,
                distill=distill,
                resolve_ids=False,
            )
        except (BtfError, OSError) as error:
            remedy = REMEDIES.get(getattr(error, "remedy", ""))
            print(f"btfkit pahole: {error_text(error)}" + (f" ({remedy})" if remedy else ""), file=sys.stderr)
            status = FAILED
    return status


def _features(call: Call) -> tuple[str, ...]:
    """The features that the command line asks for; without a list, those of pahole's older switches."""
    from btfkit.cli.encode import feature_names
    from btfkit.encoder.encode import DEFAULT_FEATURES

    lists = [_known(text) for text in call.values.get("btf_features", [])] + call.values.get("btf_features_strict", [])
    found = [name for text in lists if text for name in feature_names(text, DEFAULT_FEATURES)]
    if not lists:
        found = list(WITHOUT_LIST)
    found += [ADDS[flag] for flag in call.flags if flag in ADDS]
    removed = [REMOVES[flag] for flag in call.flags if flag in REMOVES]
    return tuple(dict.fromkeys(name for name in found if name not in removed))


def _known(text: str) -> str:
    """The list of features without those that are not known, as pahole takes it; a warning names them."""
    from btfkit.encoder.encode import FEATURES

    known = (*FEATURES, *SETS)
    names = text.removeprefix("+").split(",")
    for name in names:
        if name not in known:
            print(f"btfkit pahole: warning: unknown feature {name!r} ignored", file=sys.stderr)
    first = SETS[:1] if text.startswith("+") else ()
    return ",".join((*first, *(name for name in names if name in known)))


COMMAND = Command(
    "pahole",
    "accept pahole's command lines: to show types, and to make BTF",
    run,
    operands="ARGS...?",
    details=HELP,
    own_parser=True,
)
