"""Build a BTF by hand, write it, and read it back.

python build_by_hand.py OUTPUT
"""

import sys

import btfkit

builder = btfkit.Builder()
integer = builder.int("int", 4, encoding=1)
char = builder.int("char", 1)
name = builder.array(char, integer, 16)
task = builder.struct("task", 24, [("pid", integer, 0), ("comm", name, 32), ("on_cpu", integer, 160, 1)])
builder.func("wake_up", builder.func_proto(integer, [("task", builder.ptr(task))]))
with open(sys.argv[1], "wb") as file:
    file.write(builder.to_bytes())

read = btfkit.load(sys.argv[1])
print(read.func("wake_up"))
for member in read.struct("task").members:
    print(f"{member.offset:4} {member}")
