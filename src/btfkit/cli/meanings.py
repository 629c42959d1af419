"""What the values of options and the operands of commands are: files, names of types, functions or members."""

from __future__ import annotations

FILES, TYPES, FUNCTIONS, MEMBERS, NOTHING = "files", "types", "functions", "members", "nothing"
# What a value or operand is, by its word in the help; anything else is the name of a file.
MEANINGS = {
    "NAME[,NAME]": TYPES,
    "NAME...": TYPES,
    "TYPE": TYPES,
    "ENUM[,ENUM]": TYPES,
    "PATTERN": TYPES,
    "GLOB": TYPES,
    "PATH...": MEMBERS,
    "FUNCTION": FUNCTIONS,
    **dict.fromkeys(
        (
            "N",
            "TEXT",
            "BYTES",
            "OFFSET",
            "MEMBER",
            "ADDRESS",
            "VERSION",
            "LIST",
            "R",
            "A",
            "PROGRAM",
            "PROGRAM@KERNEL-GLOB",
        ),
        NOTHING,
    ),
    "NAME=VALUE": NOTHING,
}
# Where the word alone does not tell: by command and option or operand.
SPECIAL = {
    ("min", "--keep-func"): FUNCTIONS,
    ("bundle", "--keep-func"): FUNCTIONS,
    ("dump", "--type"): TYPES,
    ("dump", "--without"): TYPES,
    ("diff", "--name"): TYPES,
    **{("layout", option): TYPES for option in ("--contains", "--containers")},
    ("diff", "A"): FILES,
    **{(name, "--section"): NOTHING for name in ("extract", "distill", "reconcile")},
}
