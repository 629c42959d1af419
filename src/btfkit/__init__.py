"""btfkit: BTF, the type information of the Linux kernel, from Python.

    import btfkit

    vmlinux = btfkit.load("/sys/kernel/btf/vmlinux")
    task = vmlinux.struct("task_struct")
    print(task.size, [(member.name, member.offset) for member in task.members[:3]])

    objects = btfkit.load_objects("prog.bpf.o")
    for relocated in btfkit.relocations(objects, vmlinux):
        print(relocated.access, relocated.status, relocated.value)

    small = btfkit.minimize(vmlinux, objects)
    open("min.btf", "wb").write(small.btf.to_bytes())

Names are imported on first use, so that `import btfkit` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit._version import __version__ as __version__
    from btfkit.btf.btf import Btf as Btf
    from btfkit.btf.build import Builder as Builder
    from btfkit.btf.elements import Element as Element
    from btfkit.btf.elements import Elements as Elements
    from btfkit.btf.elements import Enumerator as Enumerator
    from btfkit.btf.elements import Member as Member
    from btfkit.btf.elements import Parameter as Parameter
    from btfkit.btf.elements import SectionEntry as SectionEntry
    from btfkit.btf.ext import Ext as Ext
    from btfkit.btf.types import AnyEnum as AnyEnum
    from btfkit.btf.types import Array as Array
    from btfkit.btf.types import Const as Const
    from btfkit.btf.types import Datasec as Datasec
    from btfkit.btf.types import DeclTag as DeclTag
    from btfkit.btf.types import Enum as Enum
    from btfkit.btf.types import Enum64 as Enum64
    from btfkit.btf.types import Float as Float
    from btfkit.btf.types import Func as Func
    from btfkit.btf.types import FuncProto as FuncProto
    from btfkit.btf.types import Fwd as Fwd
    from btfkit.btf.types import Int as Int
    from btfkit.btf.types import Ptr as Ptr
    from btfkit.btf.types import Restrict as Restrict
    from btfkit.btf.types import Struct as Struct
    from btfkit.btf.types import Type as Type
    from btfkit.btf.types import Typedef as Typedef
    from btfkit.btf.types import TypeTag as TypeTag
    from btfkit.btf.types import Union as Union
    from btfkit.btf.types import Var as Var
    from btfkit.btf.types import Volatile as Volatile
    from btfkit.btf_file import BtfFile as BtfFile
    from btfkit.btf_file import load as load
    from btfkit.btf_file import load_modules as load_modules
    from btfkit.btf_file import open as open
    from btfkit.co_re.program import BpfObject as BpfObject
    from btfkit.co_re.program import load_objects as load_objects
    from btfkit.co_re.relocate import Outcome as Outcome
    from btfkit.co_re.relocations import Relocated as Relocated
    from btfkit.co_re.relocations import relocations as relocations
    from btfkit.co_re.target import Target as Target
    from btfkit.errors import AmbiguousError as AmbiguousError
    from btfkit.errors import BtfError as BtfError
    from btfkit.errors import ChainError as ChainError
    from btfkit.errors import FormatError as FormatError
    from btfkit.errors import NotFoundError as NotFoundError
    from btfkit.errors import UnsupportedError as UnsupportedError
    from btfkit.errors import VerificationError as VerificationError
    from btfkit.file_ops.dedup import DedupedFile as DedupedFile
    from btfkit.file_ops.dedup import DedupFiles as DedupFiles
    from btfkit.file_ops.dedup import JoinedFiles as JoinedFiles
    from btfkit.file_ops.dedup import dedup_file as dedup_file
    from btfkit.file_ops.dedup import dedup_files as dedup_files
    from btfkit.file_ops.distill import DistilledFile as DistilledFile
    from btfkit.file_ops.distill import DistillFiles as DistillFiles
    from btfkit.file_ops.distill import distill_file as distill_file
    from btfkit.file_ops.dump import Dump as Dump
    from btfkit.file_ops.dump import dump as dump
    from btfkit.file_ops.explain import Explanation as Explanation
    from btfkit.file_ops.explain import explain as explain
    from btfkit.file_ops.extract import extract_file as extract_file
    from btfkit.file_ops.merge import MergedFiles as MergedFiles
    from btfkit.file_ops.merge import merge_files as merge_files
    from btfkit.file_ops.minimize import minimize as minimize
    from btfkit.file_ops.minimize import minimize_files as minimize_files
    from btfkit.file_ops.reconcile import ReconciledFile as ReconciledFile
    from btfkit.file_ops.reconcile import ReconcileFiles as ReconcileFiles
    from btfkit.file_ops.reconcile import reconcile_file as reconcile_file
    from btfkit.file_ops.sanitize import SanitizedFile as SanitizedFile
    from btfkit.file_ops.sanitize import SanitizeFiles as SanitizeFiles
    from btfkit.file_ops.sanitize import sanitize_file as sanitize_file
    from btfkit.file_ops.sort import SortedFile as SortedFile
    from btfkit.file_ops.sort import SortFiles as SortFiles
    from btfkit.file_ops.sort import sort_file as sort_file
    from btfkit.fleet.archive import minimize_archive as minimize_archive
    from btfkit.fleet.bundle_create import bundle_kernels as bundle_kernels
    from btfkit.fleet.bundle_create import bundle_minimized as bundle_minimized
    from btfkit.fleet.check import check as check
    from btfkit.fleet.explain import explain_on_kernels as explain_on_kernels
    from btfkit.fleet.tree import find_kernels as find_kernels
    from btfkit.judges.verification import Verification as Verification
    from btfkit.judges.verification import verify as verify
    from btfkit.passes.append import append as append
    from btfkit.passes.dedup import Deduped as Deduped
    from btfkit.passes.dedup import dedup as dedup
    from btfkit.passes.distill import Distilled as Distilled
    from btfkit.passes.distill import distill as distill
    from btfkit.passes.merge import Merged as Merged
    from btfkit.passes.merge import merge as merge
    from btfkit.passes.minimize import Minimized as Minimized
    from btfkit.passes.permute import permute as permute
    from btfkit.passes.permute import sort as sort
    from btfkit.passes.reconcile import Reconciled as Reconciled
    from btfkit.passes.reconcile import ReconcileError as ReconcileError
    from btfkit.passes.reconcile import reconcile as reconcile
    from btfkit.passes.sanitize import Sanitized as Sanitized
    from btfkit.passes.sanitize import sanitize as sanitize
    from btfkit.show.diff import Diff as Diff
    from btfkit.show.diff import diff as diff
    from btfkit.show.find import Found as Found
    from btfkit.show.find import find as find
    from btfkit.show.find import users as users
    from btfkit.show.layout import Layout as Layout
    from btfkit.show.layout import Layouts as Layouts
    from btfkit.show.layout import layout as layout
    from btfkit.show.offset import Place as Place
    from btfkit.show.offset import offset as offset
    from btfkit.work.files import Tally as Tally
    from btfkit.work.files import on_files as on_files
    from btfkit.work.files import sort_kernel as sort_kernel

_NAMES = {  # by module
    "_version": "__version__",
    "btf.btf": "Btf",
    "btf.build": "Builder",
    "btf.elements": "Element Elements Enumerator Member Parameter SectionEntry",
    "btf.ext": "Ext",
    "btf.types": (
        "AnyEnum Array Const Datasec DeclTag Enum Enum64 Float Func FuncProto Fwd Int Ptr Restrict "
        "Struct Type Typedef TypeTag Union Var Volatile"
    ),
    "btf_file": "BtfFile load load_modules open",
    "co_re.program": "BpfObject load_objects",
    "co_re.relocate": "Outcome",
    "co_re.relocations": "Relocated relocations",
    "co_re.target": "Target",
    "errors": "AmbiguousError BtfError ChainError FormatError NotFoundError UnsupportedError VerificationError",
    "file_ops.dedup": "dedup_file dedup_files DedupedFile DedupFiles JoinedFiles",
    "file_ops.distill": "distill_file DistilledFile DistillFiles",
    "file_ops.dump": "Dump dump",
    "file_ops.explain": "explain Explanation",
    "file_ops.extract": "extract_file",
    "file_ops.merge": "merge_files MergedFiles",
    "file_ops.minimize": "minimize minimize_files",
    "file_ops.reconcile": "reconcile_file ReconciledFile ReconcileFiles",
    "file_ops.sanitize": "sanitize_file SanitizedFile SanitizeFiles",
    "file_ops.sort": "sort_file SortedFile SortFiles",
    "fleet.archive": "minimize_archive",
    "fleet.bundle_create": "bundle_kernels bundle_minimized",
    "fleet.check": "check",
    "fleet.explain": "explain_on_kernels",
    "fleet.tree": "find_kernels",
    "judges.verification": "Verification verify",
    "passes.append": "append",
    "passes.dedup": "dedup Deduped",
    "passes.distill": "distill Distilled",
    "passes.merge": "merge Merged",
    "passes.minimize": "Minimized",
    "passes.permute": "permute sort",
    "passes.reconcile": "reconcile Reconciled ReconcileError",
    "passes.sanitize": "sanitize Sanitized",
    "show.diff": "Diff diff",
    "show.find": "find Found users",
    "show.layout": "Layout layout Layouts",
    "show.offset": "offset Place",
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
