"""`btfkit bpftool ARGS...`: accept bpftool's own command lines.

Keywords may be abbreviated as long as they are unambiguous, options may stand anywhere, and errors have the form of bpftool
7.8: `Error: ...` or, with -j, `{"error":"..."}`; exit status 255, or 256 minus the errno of bpftool.
"""

from __future__ import annotations

import sys
from errno import EINVAL, ENOENT, EOPNOTSUPP

from btfkit.cli import DONE
from btfkit.cli.options import BASE, Command, UsageError
from btfkit.files import sysfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.file_ops.dump_forms import Form

HELP = """usage: btfkit bpftool [-B BASE] gen min_core_btf INPUT OUTPUT OBJECT...
       btfkit bpftool [-j | -p] [-B BASE] btf dump file FILE [file FILE]... [format raw | c] [root_id N]... [unsorted]
       btfkit bpftool [-j | -p] btf dump id N | prog id N | map id N [key | value | kv | all] [format raw | c] ...
       btfkit bpftool [-j | -p] btf list
       btfkit bpftool map dump id N

--compat is btfkit's own option: it also reproduces bpftool's defects.  The running kernel is asked as root.  For everything
else (programs, skeletons), use bpftool."""

WRONG = 255  # an unknown command
FLAGS = {  # bpftool's options without a value, and --compat
    "V": "version",
    "h": "help",
    "p": "pretty",
    "j": "json",
    "f": "bpffs",
    "m": "mapcompat",
    "n": "nomount",
    "d": "debug",
    "L": "use-loader",
    "S": "sign",
    "l": "legacy",
    "": "compat",
}
VALUES = {"B": "base-btf", "i": "cert", "k": "key"}


class Call:
    """A parsed command line: `flags` by their long names, `base` (a path) and the `words` that are not options."""

    __slots__ = ("base", "flags", "words")

    def __init__(self) -> None:
        self.flags: set[str] = set()
        self.base: str | None = None
        self.words: list[str] = []

    @property
    def json(self) -> bool:
        return not self.flags.isdisjoint(("json", "pretty"))


class Refused(Exception):
    """A message for the user, and the exit status; with `usage` the help follows it."""

    def __init__(self, message: str, status: int, *, usage: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.usage = usage


def run(argv: list[str]) -> int:
    """Parse the command line and run it."""
    from btfkit.cli import in_words
    from btfkit.errors import BtfError, UnsupportedError

    call = Call()
    try:
        _read(argv, call)
        return _dispatch(call)
    except Refused as refusal:
        return _fail(call, str(refusal), refusal.status, usage=refusal.usage)
    except UsageError as error:
        return _fail(call, str(error), 256 - EINVAL)
    except BrokenPipeError:
        raise
    except (BtfError, OSError) as error:
        number = EOPNOTSUPP if isinstance(error, UnsupportedError) else EINVAL
        if isinstance(error, OSError) and not isinstance(error, BtfError):
            number = error.errno or ENOENT
        return _fail(call, in_words(error), 256 - number)


def _fail(call: Call, message: str, status: int, *, usage: bool = False) -> int:
    if call.json:
        from json import dumps

        print(dumps({"error": message}, indent=4) if "pretty" in call.flags else f'{{"error":{dumps(message)}}}')
    else:
        from btfkit.cli.help_text import for_terminal
        from btfkit.errors import printable_lines

        print(f"Error: {printable_lines(message)}", *([for_terminal(HELP)] if usage else []), sep="\n", file=sys.stderr)
    return status


# ---- the command line --------------------------------------------------------------------------------------------


def _read(argv: Sequence[str], call: Call) -> None:
    """Separate options from words, as getopt_long does."""
    rest = iter(argv)
    for word in rest:
        if word == "--":
            call.words += rest
        elif word.startswith("--"):
            _read_long(word, rest, call)
        elif len(word) > 1 and word[0] == "-":
            _read_short(word, rest, call)
        else:
            call.words.append(word)


def _read_long(word: str, rest: Iterator[str], call: Call) -> None:
    name, given, value = word[2:].partition("=")
    known = [*FLAGS.values(), *VALUES.values()]
    matches = [long for long in known if long == name] or [long for long in known if name and long.startswith(name)]
    if len(matches) != 1 or (given and matches[0] in FLAGS.values()):
        raise Refused(f"unrecognized option '{word}'", WRONG, usage=True)
    if matches[0] in FLAGS.values():
        call.flags.add(matches[0])
    else:
        _set(call, matches[0], value if given else next(rest, None), word)


def _read_short(word: str, rest: Iterator[str], call: Call) -> None:
    for at, letter in enumerate(word[1:], 2):
        if letter in VALUES:
            _set(call, VALUES[letter], word[at:] or next(rest, None), word)
            return
        if letter not in FLAGS:
            raise Refused(f"unrecognized option '-{letter}'", WRONG, usage=True)
        call.flags.add(FLAGS[letter])


def _set(call: Call, name: str, value: str | None, word: str) -> None:
    if value is None:
        raise Refused(f"option '{word}' needs a value", WRONG, usage=True)
    if name == "base-btf":
        call.base = value


def _dispatch(call: Call) -> int:
    words = call.words
    if "version" in call.flags or (words and _is(words[0], "version")):
        from btfkit.cli import version

        print(version())
        return DONE
    if "help" in call.flags or not words or _is(words[0], "help") or (len(words) > 1 and _is(words[1], "help")):
        from btfkit.cli.help_text import for_terminal

        print(for_terminal(HELP))
        return DONE
    if _is(words[0], "gen") and len(words) > 1 and _is(words[1], "min_core_btf"):
        return _min_core_btf(words[2:])
    if _is(words[0], "btf") and len(words) > 1 and _is(words[1], "dump"):
        return _dump(call, words[2:])
    if _is(words[0], "btf") and (len(words) == 1 or _is(words[1], "list") or _is(words[1], "show")):
        return _list(call)
    if _is(words[0], "map") and len(words) > 1 and _is(words[1], "dump"):
        return _dump_map(call, words[2:])
    raise _cannot(" ".join(words[:2]))


def _is(word: str, keyword: str) -> bool:
    return keyword.startswith(word)


def _cannot(what: str) -> Refused:
    return Refused(f"{what}: not supported by btfkit (see `btfkit bpftool help`)", 256 - EOPNOTSUPP)


def _needs(command: str, least: int, words: Sequence[str]) -> None:
    if len(words) < least:
        raise Refused(f"'{command}' needs at least {least} arguments, {len(words)} found", WRONG, usage=True)


# ---- the commands ---------------------------------------------------------------------------------------------------


def _min_core_btf(words: list[str]) -> int:
    from btfkit.cli.min import COMMAND
    from btfkit.cli.options import parse

    _needs("min_core_btf", 3, words)
    return COMMAND.run(parse(COMMAND, ["-q", "--", *words]))  # as in bpftool, -B does not apply to this command


def _dump(call: Call, words: list[str]) -> int:
    """`btf dump file FILE...`; options as bpftool reads them, one after the other."""
    _needs("dump", 2, words)
    rest = list(words)
    if not _is(words[0], "file"):
        return _print(call, *_of_kernel(rest), rest)
    paths: list[str] = []
    while rest and _is(rest[0], "file"):
        _needs("file", 1, rest[1:])
        paths.append(rest[1])
        del rest[:2]
    return _print(call, lambda: _load(paths, call.base), [], rest)


def _of_kernel(rest: list[str]) -> tuple[Callable[[], Btf], list[int]]:
    """What loads the BTF that "id N", "prog id N" or "map id N [KIND]" names, and the types that are wanted (all: none);
    removes these words."""
    from btfkit.files.running_kernel import kernel_map, load_kernel_btf, program_btf_id

    kind = rest.pop(0)
    if _is(kind, "id"):
        id = _id(rest, "btf dump id")
        return lambda: load_kernel_btf(id), []
    if not (_is(kind, "prog") or _is(kind, "map")):
        raise _cannot(f"btf dump {kind}")
    if not _is(rest[0], "id"):
        raise _cannot(f"btf dump {kind} {rest[0]}")
    rest.pop(0)
    id = _id(rest, f"btf dump {kind} id")
    types: list[int] = []
    if _is(kind, "prog"):
        btf_id = program_btf_id(id)
    else:
        found = kernel_map(id)
        btf_id = found.btf_id
        part = rest.pop(0) if rest and rest[0] in ("key", "value", "kv", "all") else "kv"
        types += [found.key_type_id] if part in ("key", "kv") else []
        types += [found.value_type_id] if part in ("value", "kv") else []
    if not btf_id:
        raise Refused(f"{kind} {id} has no BTF", 256 - ENOENT)
    return lambda: load_kernel_btf(btf_id), [type_id for type_id in types if type_id]


def _id(rest: list[str], what: str) -> int:
    word = _value(rest, f"'{what}' needs an id")
    if not word.isdigit():
        raise Refused(f"can't parse {word} as ID", WRONG)
    return int(word)


def _list(call: Call) -> int:
    """`btf list`: every BTF of the kernel, with the programs and maps that have it."""
    from json import dumps

    from btfkit.files.running_kernel import ids, kernel_btf, kernel_map, program_btf_id

    users: dict[str, dict[int, list[int]]] = {"prog": {}, "map": {}}
    for kind, of in (("prog", program_btf_id), ("map", lambda id: kernel_map(id).btf_id)):
        for id in ids(kind):
            users[kind].setdefault(of(id), []).append(id)
    found = []
    for id in ids("btf"):
        one = kernel_btf(id, content=False)
        programs, maps = (users[kind].get(id, []) for kind in ("prog", "map"))
        entry: dict[str, object] = {
            "id": id,
            "size": one.size,
            "prog_ids": programs,
            "map_ids": maps,
            "kernel": one.is_kernel,
        }
        found.append(entry | ({"name": one.name} if one.name else {}))
        if not call.json:
            name = f"[{one.name}]" if one.is_kernel else one.name or "<anon>"
            lists = (
                f"  {kind} {','.join(map(str, some))}"
                for kind, some in (("prog_ids", programs), ("map_ids", maps))
                if some
            )
            print(f"{id}: name {name}  size {one.size}B{''.join(lists)}")
    if call.json:
        print(dumps(found, indent=4) if "pretty" in call.flags else dumps(found, separators=(",", ":")))
    return DONE


def _dump_map(call: Call, words: list[str]) -> int:
    from btfkit.files.running_kernel import kernel_map
    from btfkit.files.write import write_chunks
    from btfkit.show.map_text import map_chunks

    _needs("dump", 2, words)
    if not _is(words[0], "id") or len(words) > 2 or call.json:
        raise _cannot(" ".join(["map dump", *words[:1], *(["with -j"] if call.json else [])]))
    found = kernel_map(_id(words[1:], "map dump id"))
    write_chunks(chunk.encode() for chunk in map_chunks(found, compat="compat" in call.flags))
    return DONE


def _print(call: Call, load: Callable[[], Btf], types: list[int], rest: list[str]) -> int:
    """Print the BTF that `load` returns, as the options in `rest` demand."""
    form: Form = "raw"
    ids, unsorted = list(types), False
    while rest:
        word = rest.pop(0)
        if _is(word, "format"):
            word = _value(rest, "expecting value for 'format' option\n")
            if word not in ("raw", "c"):
                raise Refused(f"unrecognized format specifier: '{word}', possible values: raw, c", 256 - EINVAL)
            form = "c" if word == "c" else "raw"
        elif _is(word, "root_id"):
            ids.append(_root_id(_value(rest, "expecting value for 'root_id' option\n"), ids))
        elif _is(word, "unsorted"):
            unsorted = True
        else:
            raise Refused(f"unrecognized option: '{word}'", 256 - EINVAL)
    if call.json and form == "c":
        raise Refused("JSON output for C-syntax dump is not supported", 256 - EOPNOTSUPP)
    btf = load()
    for type_id in ids:
        if type_id >= len(btf):
            raise Refused(f"invalid root ID: {type_id}", 256 - EINVAL)
    _write(call, btf, "json" if call.json else form, ids, unsorted)
    return DONE


def _value(rest: list[str], message: str) -> str:
    if not rest:
        raise Refused(message.rstrip(), 256 - EINVAL)
    return rest.pop(0)


def _root_id(word: str, before: list[int]) -> int:
    """A number as strtoul reads it in base 0."""
    try:
        number = int(word, 8) if word.startswith("0") and word.isdigit() else int(word, 0)
    except ValueError:
        number = -1
    if number < 0:
        raise Refused(f"can't parse {word} as root ID", WRONG)
    if number in before:
        raise Refused(f"duplicate root_id {number} supplied", 256 - EINVAL)
    return number


def _load(paths: list[str], base_path: str | None) -> Btf:
    """The one BTF, or several on one base, combined."""
    from btfkit.btf_file import load
    from btfkit.file_ops.dump import merged

    if len(paths) > 1:
        if base_path is None and all(sysfs.has(path) for path in paths):
            base_path = sysfs.VMLINUX
        if base_path is None:
            raise Refused(
                "base BTF is required when merging multiple BTF files; use -B/--base-btf or use sysfs paths",
                256 - EINVAL,
            )
        paths = [path for path in paths if path != sysfs.VMLINUX]
    base = load(base_path) if base_path is not None else None
    return merged([load(path, base) for path in paths])[0]


def _write(call: Call, btf: Btf, form: Form, ids: list[int], unsorted: bool) -> None:
    from btfkit.file_ops.dump import dump
    from btfkit.files.write import write_chunks

    pretty, compat = "pretty" in call.flags, "compat" in call.flags
    write_chunks(dump(btf, form, ids=ids, pretty=pretty, unsorted=unsorted, compat=compat))


COMMAND = Command(
    "bpftool",
    "accept bpftool's command lines",
    run,
    operands="ARGS...?",
    options=(BASE,),
    details=HELP,
    own_parser=True,
)
