"""What the module in module/ declares, and a check that a kernel shows just that."""

from __future__ import annotations

import re

from judge import Verdict
from machine import Kernel

from btfkit.btf import spec

KFUNCS = ("btfkit_demo_owner", "btfkit_demo_answer", "btfkit_demo_twice")
DEFINITIONS = """\
struct btfkit_device {
	struct list_head list;
	struct mutex lock;
	wait_queue_head_t wait;
	struct work_struct work;
	struct qstr names[2];
	struct file *file;
	const struct task_struct *owner;
	struct btfkit_elsewhere *unknown;
	struct net_device **ports;
	const struct btfkit_ops *ops;
	enum pid_type type;
	enum btfkit_mode mode;
	enum btfkit_wide wide;
	btfkit_flags_t flags;
	gfp_t gfp;
	umode_t umode;
	unsigned int ready: 1;
	unsigned int level: 5;
	union {
		kuid_t uid;
		struct {
			u8 major;
			s8 minor;
		};
		char label[16];
	};
	volatile bool stop;
	struct btfkit_stats *stats;
};
struct btfkit_ops {
	int (*open)(struct inode *, struct file *);
	struct btfkit_device * (*find)(const char *, enum pid_type);
	irq_handler_t handler;
	void (*trace)(struct btfkit_device *, const char *, ...);
};
struct btfkit_stats {
	u64 count;
	atomic_t users;
	s16 last;
};
"""
SIZES = {"mutex", "work_struct", "file", "task_struct", "btfkit_device"}
OFFSETS = {"wait", "file"}


def check(verdict: Verdict, kernel: Kernel, form: str, *, dumped: bool) -> None:
    """The types of the module as the kernel shows them are those of the source: of the sizes that the compiler has put into the
    module's code, and, if `dumped`, as bpftool reads them on the running kernel."""
    if dumped:
        dump = _without_flavours(verdict.dump)
        assert dump[dump.index("struct btfkit_device {") :] == DEFINITIONS, form
    btf, said = verdict.on(kernel.btf), verdict.said()
    device = btf.find("struct btfkit_device")
    members = {member.name: member for member in device.members}
    for name in SIZES:
        assert btf.find(f"struct {name}").size == said[f"struct_{name}"], (form, name)
    for name in OFFSETS:
        assert members[name].bit_offset == 8 * said[f"device.{name}"], (form, name)
    for name in ("lock", "list"):
        assert members[name].type.id < btf.start_id, f"{form}: {name} is not the kernel's"
    assert {btf.find(kfunc, "FUNC").kind for kfunc in KFUNCS} == {spec.FUNC}
    sections = [btf[i] for i in btf.own_ids if btf.kind(i) == spec.DATASEC]
    assert [(section.name, len(section.entries)) for section in sections] == [(".data..percpu", 2)], form


def _without_flavours(text: str) -> str:
    """bpftool's `file___2`: the module was encoded on another vmlinux, so it has some of the kernel's types once more."""
    return re.sub(r"___\d+\b", "", text)
