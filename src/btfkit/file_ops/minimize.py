"""`minimize` with its proof: the result is relocated again and compared, before anything is made of it."""

from __future__ import annotations

from btfkit.errors import VerificationError
from btfkit.passes import minimize as _pass
from btfkit.passes.minimize import refuse_cycles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.program import BpfObject
    from btfkit.passes.minimize import Minimized
    from btfkit.passes.select import Closure


def minimize(
    vmlinux: Btf,
    objects: Sequence[BpfObject] = (),
    modules: Sequence[Btf] = (),
    *,
    keep_types: Iterable[str] = (),
    keep_funcs: Iterable[str] = (),
    keep_refs_of: Sequence[Btf] = (),
    closure: Closure | None = None,
    all_modules: bool = False,
    prove: bool = True,
) -> Minimized:
    """Cut `vmlinux` and `modules` (split BTFs on it) down to what `objects` relocate against and to what is named.

    `closure` is "direct", "by-value" or "full".  Where it is None, named types and functions are kept with what they refer
    to directly, and relocations keep just what they read; else it holds for both.  With `all_modules` every module has a
    place in the result, else only those of which something is kept.  With `prove` every relocation is answered again, on
    the bytes of the result, and has to yield what it yields on the input.  Raises ChainError for a module on another base,
    NotFoundError for a name that is not there, FormatError where a relocation looks at types that contain themselves,
    VerificationError where the proof fails.
    """
    result = _pass.minimize(
        vmlinux,
        objects,
        modules,
        keep_types=keep_types,
        keep_funcs=keep_funcs,
        keep_refs_of=keep_refs_of,
        closure=closure,
        all_modules=all_modules,
    )
    refuse_cycles(result)
    if prove:
        from btfkit.judges.answers import prove as prove_answers

        result.new_ids = prove_answers(objects, result.outcomes, result.target, result.blobs)
    return result


def merge_minimized(
    result: Minimized, objects: Sequence[BpfObject], names: Mapping[Btf, str] | None = None, *, prove: bool = True
) -> Btf:
    """What is left of vmlinux and modules in one BTF, which answers `objects` as they do.

    `names` are those of the modules, for messages.  vmlinux's types are preferred, as CO-RE does.  Where a declaration that
    finds its definition only here would change an answer, nothing is deduped.  Raises VerificationError.
    """
    from btfkit.judges.answers import prove_merged
    from btfkit.passes.merge import BASE, merge

    modules = [result.layers[module].btf for module in result.used]
    known = [names[module] for module in result.used] if names is not None else []
    for dedup in (True, False):
        merged = merge(result.btf, modules, names=known, dedup=dedup, prefer=BASE).btf
        if not prove:
            return merged
        try:
            result.new_ids = prove_merged(objects, result.outcomes, result.target, merged.to_bytes())
            return merged
        except VerificationError:
            if not dedup:
                raise
    raise AssertionError
