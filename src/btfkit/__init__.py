"""btfkit: BTF, the type information of the Linux kernel, from Python.

    import btfkit

    vmlinux = btfkit.load("/sys/kernel/btf/vmlinux")
    task = vmlinux.struct("task_struct")
    print(task.size, [(member.name, member.offset) for member in task.members[:3]])

    value = btfkit.decode(vmlinux, "struct list_head", bytes(16))  # bytes as values: docs/values.md
    print(value.next, value.as_dict())

    objects = btfkit.load_objects("prog.bpf.o")
    for relocated in btfkit.relocations(objects, vmlinux):
        print(relocated.access, relocated.status, relocated.value)

    small = btfkit.minimize(vmlinux, objects)
    open("min.btf", "wb").write(small.btf.to_bytes())

Names are imported on first use, so that `import btfkit` costs next to nothing.
"""

from __future__ import annotations

_NAMES = {  # by module
    "_version": "__version__",
    "atlas.file": "Atlas",
    "btf.btf": "Btf",
    "btf.build": "Builder",
    "btf.elements": "Element Elements Enumerator Member Parameter SectionEntry",
    "btf.ext": "Ext",
    "btf.decode": "decode",
    "btf.types": (
        "AnyEnum Array Const Datasec DeclTag Enum Enum64 Float Func FuncProto Fwd Int Ptr Restrict "
        "Struct Type Typedef TypeTag Union Var Volatile"
    ),
    "btf_file": "BtfFile load open",
    "co_re.program": "BpfObject load_objects",
    "co_re.outcome": "Outcome",
    "co_re.relocations": "Relocated relocations",
    "co_re.target": "Target",
    "errors": "AmbiguousError BtfError ChainError FormatError NotFoundError UnsupportedError VerificationError",
    "file_ops.dedup": "dedup_file dedup_files DedupedFile DedupFiles JoinedFiles",
    "file_ops.distill": "distill_file DistilledFile DistillFiles",
    "file_ops.dump": "Dump dump",
    "file_ops.encode": "encode encode_file EncodedFile EncodeFiles",
    "file_ops.explain": "explain Explanation",
    "file_ops.extract": "extract_file",
    "file_ops.merge": "merge_files MergedFiles",
    "file_ops.minimize": "minimize minimize_files",
    "file_ops.reconcile": "reconcile_file ReconciledFile ReconcileFiles",
    "file_ops.sanitize": "sanitize_file SanitizedFile SanitizeFiles",
    "file_ops.sort": "sort_file SortedFile SortFiles",
    "fleet.archive": "minimize_archive",
    "fleet.atlas": "add_to_atlas",
    "fleet.bundle_create": "bundle_kernels bundle_minimized",
    "fleet.check": "check",
    "fleet.explain": "explain_on_kernels",
    "fleet.history": "history",
    "fleet.kernel_diff": "diff_kernels",
    "fleet.offsets": "kernel_offsets",
    "fleet.packages": "encode_packages",
    "fleet.tree": "find_kernels",
    "judges.verification": "Verification verify",
    "loaded_kernel": "load_modules",
    "passes.append": "append",
    "passes.dedup": "dedup Deduped",
    "passes.distill": "distill Distilled",
    "passes.merge": "merge Merged",
    "passes.minimize": "Minimized",
    "passes.permute": "permute sort",
    "passes.reconcile": "reconcile Reconciled ReconcileError",
    "passes.sanitize": "sanitize Sanitized",
    "show.diff": "diff",
    "show.diff_values": "Diff",
    "show.find": "find Found users",
    "show.layout": "Layout layout Layouts",
    "show.layout_at": "members_at",
    "show.offset": "offset Place",
    "show.reorganize": "reorganized Reorganized",
    "values.shape": "EnumValue Pointer",
    "values.value": "Items Record",
    "work.files": "on_files sort_kernel Tally",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'btfkit' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module("btfkit." + home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
