"""Print the offsets that a memory-forensics tool needs, as JSON, for whatever kernel this is.

python forensic_offsets.py /sys/kernel/btf/vmlinux
"""

import json
import sys

import btfkit

WANTED = {
    "task_struct": ("pid", "tgid", "comm", "mm", "cred", "tasks", "real_parent"),
    "mm_struct": ("pgd", "start_code", "end_code"),
    "cred": ("uid", "gid"),
}

vmlinux = btfkit.load(sys.argv[1])
profile = {}
for name, members in WANTED.items():
    struct = vmlinux.struct(name)
    offsets = {member: struct[member].offset for member in members if member in struct}
    profile[name] = {"size": struct.size, "offsets": offsets}
print(json.dumps(profile, indent=2))
