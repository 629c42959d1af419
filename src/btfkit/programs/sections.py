"""Which program type and attach type the name of a section stands for.

Rule: libbpf 1.8-dev, section_defs. The attach types that libbpf does not require of a kernel (SEC_EXP_ATTACH_OPT) are
left out, as are those that every kernel with BTF has.
"""

from __future__ import annotations

_TRACING = {
    "tp_btf": "BPF_TRACE_RAW_TP",
    "fentry": "BPF_TRACE_FENTRY",
    "fmod_ret": "BPF_MODIFY_RETURN",
    "fexit": "BPF_TRACE_FEXIT",
    "fsession": "BPF_TRACE_FSESSION",
    "iter": "BPF_TRACE_ITER",
    **{f"{kind}.multi": f"BPF_TRACE_{kind.upper()}_MULTI" for kind in ("fentry", "fexit", "fsession")},
}
_KPROBES = {
    "kprobe": "",
    "kretprobe": "",
    "uprobe": "",
    "uretprobe": "",
    "ksyscall": "",
    "kretsyscall": "",
    "usdt": "",
    "kprobe.multi": "BPF_TRACE_KPROBE_MULTI",
    "kretprobe.multi": "BPF_TRACE_KPROBE_MULTI",
    "kprobe.session": "BPF_TRACE_KPROBE_SESSION",
    "uprobe.multi": "BPF_TRACE_UPROBE_MULTI",
    "uretprobe.multi": "BPF_TRACE_UPROBE_MULTI",
    "uprobe.session": "BPF_TRACE_UPROBE_SESSION",
}
_SOCKET_ADDRESSES = {
    **{f"cgroup/{hook}{n}": f"BPF_CGROUP_INET{n}_{hook.upper()}" for hook in ("bind", "connect") for n in (4, 6)},
    **{f"cgroup/{hook}{n}": f"BPF_CGROUP_UDP{n}_{hook.upper()}" for hook in ("sendmsg", "recvmsg") for n in (4, 6)},
    **{f"cgroup/{h}{n}": f"BPF_CGROUP_INET{n}_{h.upper()}" for h in ("getpeername", "getsockname") for n in (4, 6)},
    **{
        f"cgroup/{hook}_unix": f"BPF_CGROUP_UNIX_{hook.upper()}"
        for hook in ("connect", "sendmsg", "recvmsg", "getpeername", "getsockname")
    },
}

# Section name, or what stands before "/": (program type, attach type or ""), without BPF_PROG_TYPE_.
SECTIONS: dict[str, tuple[str, str]] = {
    **{section: ("TRACING", attach) for section, attach in _TRACING.items()},
    **{f"{section}.s": ("TRACING", attach) for section, attach in _TRACING.items()},
    **{section: ("KPROBE", attach) for section, attach in _KPROBES.items()},
    **{f"{section}.s": ("KPROBE", attach) for section, attach in _KPROBES.items() if section.startswith("u")},
    **{section: ("CGROUP_SOCK_ADDR", attach) for section, attach in _SOCKET_ADDRESSES.items()},
    "socket": ("SOCKET_FILTER", ""),
    "sk_reuseport/migrate": ("SK_REUSEPORT", "BPF_SK_REUSEPORT_SELECT_OR_MIGRATE"),
    "sk_reuseport": ("SK_REUSEPORT", "BPF_SK_REUSEPORT_SELECT"),
    "tc": ("SCHED_CLS", ""),
    "classifier": ("SCHED_CLS", ""),
    "action": ("SCHED_ACT", ""),
    "tcx/ingress": ("SCHED_CLS", "BPF_TCX_INGRESS"),
    "tcx/egress": ("SCHED_CLS", "BPF_TCX_EGRESS"),
    "netkit/primary": ("SCHED_CLS", "BPF_NETKIT_PRIMARY"),
    "netkit/peer": ("SCHED_CLS", "BPF_NETKIT_PEER"),
    **dict.fromkeys(("tracepoint", "tracepoint.s", "tp", "tp.s"), ("TRACEPOINT", "")),
    **dict.fromkeys(("raw_tracepoint", "raw_tracepoint.s", "raw_tp", "raw_tp.s"), ("RAW_TRACEPOINT", "")),
    "raw_tracepoint.w": ("RAW_TRACEPOINT_WRITABLE", ""),
    "raw_tp.w": ("RAW_TRACEPOINT_WRITABLE", ""),
    "freplace": ("EXT", ""),
    "lsm": ("LSM", "BPF_LSM_MAC"),
    "lsm.s": ("LSM", "BPF_LSM_MAC"),
    "lsm_cgroup": ("LSM", "BPF_LSM_CGROUP"),
    "syscall": ("SYSCALL", ""),
    "xdp": ("XDP", ""),
    "xdp.frags": ("XDP", ""),
    "xdp/devmap": ("XDP", "BPF_XDP_DEVMAP"),
    "xdp.frags/devmap": ("XDP", "BPF_XDP_DEVMAP"),
    "xdp/cpumap": ("XDP", "BPF_XDP_CPUMAP"),
    "xdp.frags/cpumap": ("XDP", "BPF_XDP_CPUMAP"),
    "perf_event": ("PERF_EVENT", ""),
    "lwt_in": ("LWT_IN", ""),
    "lwt_out": ("LWT_OUT", ""),
    "lwt_xmit": ("LWT_XMIT", ""),
    "lwt_seg6local": ("LWT_SEG6LOCAL", ""),
    "sockops": ("SOCK_OPS", ""),
    "sk_skb": ("SK_SKB", ""),
    "sk_skb/verdict": ("SK_SKB", "BPF_SK_SKB_VERDICT"),
    "sk_msg": ("SK_MSG", ""),
    "lirc_mode2": ("LIRC_MODE2", ""),
    "flow_dissector": ("FLOW_DISSECTOR", ""),
    "cgroup_skb": ("CGROUP_SKB", ""),
    "cgroup/skb": ("CGROUP_SKB", ""),
    "cgroup/sock": ("CGROUP_SOCK", ""),
    "cgroup/sock_create": ("CGROUP_SOCK", ""),
    "cgroup/sock_release": ("CGROUP_SOCK", "BPF_CGROUP_INET_SOCK_RELEASE"),
    "cgroup/post_bind4": ("CGROUP_SOCK", "BPF_CGROUP_INET4_POST_BIND"),
    "cgroup/post_bind6": ("CGROUP_SOCK", "BPF_CGROUP_INET6_POST_BIND"),
    "cgroup/sysctl": ("CGROUP_SYSCTL", "BPF_CGROUP_SYSCTL"),
    "cgroup/getsockopt": ("CGROUP_SOCKOPT", "BPF_CGROUP_GETSOCKOPT"),
    "cgroup/setsockopt": ("CGROUP_SOCKOPT", "BPF_CGROUP_SETSOCKOPT"),
    "cgroup/dev": ("CGROUP_DEVICE", ""),
    "sk_lookup": ("SK_LOOKUP", "BPF_SK_LOOKUP"),
    "struct_ops": ("STRUCT_OPS", ""),
    "struct_ops.s": ("STRUCT_OPS", ""),
    "netfilter": ("NETFILTER", "BPF_NETFILTER"),
}


def types_of(section: str) -> tuple[str, str] | None:
    """(program type, attach type) of a section's name without its "?"; None if it is not known."""
    return SECTIONS.get(section) or SECTIONS.get(section.partition("/")[0])


# Sections whose programs attach to something that BTF describes, which libbpf has to know before it loads the program.
NEED_TARGET = frozenset(
    f"{kind}{end}"
    for kind in ("tp_btf", "fentry", "fmod_ret", "fexit", "fsession", "iter", "lsm")
    for end in ("", ".s")
)


def left_to_user_space(section: str) -> str:
    """What user space has to set before libbpf loads a program of that section, as a sentence; "" if there is nothing."""
    kind, _, target = section.partition("/")
    if types_of(section) is None:
        return f"libbpf knows no program type for section {section!r}: user space has to set it (bpf_program__set_type)"
    if kind == "freplace":
        return "user space has to set the program that it replaces a function of (bpf_program__set_attach_target)"
    if not target and kind in NEED_TARGET:
        return "it attaches to what user space sets (bpf_program__set_attach_target)"
    return ""
