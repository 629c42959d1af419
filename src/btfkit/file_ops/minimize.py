"""`minimize` with its proof: relocations are answered again on the result, and compared."""

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
    """Minimize `vmlinux` and `modules` (split BTFs on it) to what `objects` relocate against and what is named.

    `closure` is "direct", "by-value" or "full".  If it is None, named types and functions are kept with what they refer to
    directly, and relocations keep only what they read; otherwise it applies to both.  With `all_modules` the result has every
    module, otherwise only those of which something is kept.  With `prove` every relocation is answered again on the bytes of
    the result, and must give the same answer as on the input.  Raises ChainError for a module on another base,
    NotFoundError for a name that does not exist, FormatError if a relocation looks at types that contain themselves,
    VerificationError if the proof fails.
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
    """The minimized vmlinux and modules in one BTF, which answers `objects` in the same way.

    `names` are those of the modules, for messages.  The types of vmlinux are preferred, as in CO-RE.  If an answer would change
    because a declaration finds its definition only in the merged BTF, nothing is deduped.  Raises VerificationError.
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
