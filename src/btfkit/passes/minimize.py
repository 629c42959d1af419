"""`minimize`: reduce vmlinux and module BTF, together, to the types that are needed.

Criteria are CO-RE relocations (exactly what the engine read to resolve them), names of types and functions, and the
references of a split BTF; `passes/select.py` combines them, `passes/compact.py` writes the result.
"""

from __future__ import annotations

from btfkit.btf import spec
from btfkit.btf.btf import btf_list, demand_btf
from btfkit.co_re.loaders import CILIUM, LIBBPF
from btfkit.co_re.outcome import Outcome
from btfkit.co_re.program import objects_list
from btfkit.co_re.relocate import Plan
from btfkit.co_re.target import Target
from btfkit.errors import ChainError, FormatError, counted, printable, refuse_others, refuse_text
from btfkit.passes.compact import Compacted, compact
from btfkit.passes.select import (
    POLICIES,
    Selection,
    Witnesses,
    by_func_name,
    by_references_of,
    by_type_name,
    close,
    none_to_keep,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from btfkit.btf.btf import Btf
    from btfkit.co_re.loaders import Loader
    from btfkit.co_re.program import BpfObject
    from btfkit.passes.idmap import IdMap
    from btfkit.passes.select import Closure


class MinimizeReport:
    """What minimizing did: the number of own `types` and of `bytes` of all BTFs that are written, before and after; and the
    `relocations` by status."""

    __slots__ = ("bytes", "relocations", "types")

    def __init__(self, layers: Mapping[Btf, Compacted], outcomes: Iterable[Iterable[Outcome]]) -> None:
        from btfkit.co_re.outcome import Counts

        new = [compacted.btf for compacted in layers.values()]
        self.types = sum(len(btf.positions) for btf in layers), sum(len(btf.positions) for btf in new)
        self.bytes = sum(len(btf.blob) for btf in layers), sum(len(btf.to_bytes()) for btf in new)
        self.relocations = Counts(outcome for answers in outcomes for outcome in answers)

    def __repr__(self) -> str:
        (types, new_types), (size, new_size) = self.types, self.bytes
        return f"<{types:,} types became {new_types:,}, {size:,} bytes {new_size:,}; {self.relocations}>"


class Minimized:
    """The result of `minimize`.

    `target` is the target that the relocations were resolved on, `outcomes` the outcomes (for each object, for each
    relocation) by the rules of `loader`, which `plan` asked for, `others` those by the rules of cilium/ebpf if these were asked
    for besides (where they are the same, the same objects), else None; `layers` maps each BTF of the input, bases first, to its
    `Compacted` (new `btf`, id map `ids`); `used` are the modules (of the input) of which something was kept.  `new_ids`, set by
    a proof, has the new ids of the types whose ids are answers, by the number of their BTF (0: vmlinux) and old id.
    """

    __slots__ = ("_blobs", "layers", "loader", "new_ids", "others", "outcomes", "plan", "target", "used")

    def __init__(
        self,
        target: Target,
        plan: Plan,
        outcomes: list[list[Outcome]],
        layers: dict[Btf, Compacted],
        used: Sequence[Btf],
    ) -> None:
        self.target = target
        self.plan = plan
        self.outcomes = outcomes
        self.layers = layers
        self.used = tuple(used)
        self.loader = plan.loader
        self.others: list[list[Outcome]] | None = None
        self.new_ids: Mapping[tuple[int, int], int] | None = None
        self._blobs: dict[Btf, bytes] | None = None

    def __repr__(self) -> str:
        new = [compacted.btf for compacted in self.layers.values()]
        types = counted(sum(len(btf.positions) for btf in new), "type")
        return f"<minimized: {types} in {counted(len(new), 'BTF')}>"

    @property
    def btf(self) -> Btf:
        """The new vmlinux."""
        return self.layers[self.target.vmlinux].btf

    @property
    def ids(self) -> IdMap:
        """The id map of vmlinux."""
        return self.layers[self.target.vmlinux].ids

    @property
    def report(self) -> MinimizeReport:
        """The numbers of types, bytes and relocations."""
        return MinimizeReport(self.layers, self.outcomes)

    @property
    def blobs(self) -> dict[Btf, bytes]:
        """The bytes of the new BTF of each layer, by the BTF of the input."""
        if self._blobs is None:
            self._blobs = {layer: compacted.btf.to_bytes() for layer, compacted in self.layers.items()}
        return self._blobs

    def module(self, module: Btf) -> Btf | None:
        """The new BTF of a module of the input, None if nothing of it is kept."""
        return self.layers[module].btf if module in self.layers else None


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
    loaders: Sequence[Loader] = (LIBBPF,),
) -> Minimized:
    """`file_ops.minimize.minimize` without a proof; `loaders` is a loader, or libbpf and cilium/ebpf."""
    if closure is not None:
        refuse_others("closure", (closure,), POLICIES)
    demand_btf("vmlinux", vmlinux, file_function="minimize_files")
    objects, modules = objects_list("objects", objects), btf_list("modules", modules)
    keep_refs_of = btf_list("keep_refs_of", keep_refs_of)
    refuse_text(keep_types=keep_types, keep_funcs=keep_funcs)
    layers = _layers(vmlinux, modules)
    target = Target(vmlinux, modules)
    plan = Plan(objects, loaders[0])
    if len(loaders) > 1:
        target.look_widely()
    outcomes = plan.outcomes(target)
    others = None
    if len(loaders) > 1:
        from btfkit.co_re.alike import cilium_outcomes

        assert tuple(loaders) == (LIBBPF, CILIUM)
        others = cilium_outcomes(objects, outcomes, target)
    selection = Selection(layers)
    witnesses = Witnesses(selection)
    taken: set[Outcome] = set()
    witnesses.take_all(objects, outcomes, target, taken, loaders[0])
    if others is not None:
        rows = [(obj, mine) for obj, known, mine in zip(objects, outcomes, others, strict=True) if mine is not known]
        witnesses.take_all([obj for obj, _ in rows], [mine for _, mine in rows], target, taken, CILIUM)
    roots = _named(vmlinux, modules, keep_types, keep_funcs)
    roots += [(split, type_id) for split in keep_refs_of for type_id in by_references_of(split)]
    if roots:
        close(selection, roots, closure or POLICIES[0])
    witnesses.settle()
    if closure is not None and objects:
        _close_around(selection, closure)
        witnesses.settle()
    selection.complete()
    used = [layer for layer in modules if all_modules or selection.kept[layer]]
    wanted = {below for module in used for below in module.chain} | set(vmlinux.chain)
    selection.layers = tuple(layer for layer in layers if layer in wanted)
    result = Minimized(target, plan, outcomes, compact(selection), used)
    result.others = others
    return result


def refuse_cycles(result: Minimized) -> None:
    """Raise FormatError if a relocation reads types that form a cycle: no selection can reproduce its outcome."""
    rows = [*result.outcomes, *(result.others or ())]
    found = (outcome.alone or outcome for answers in rows for outcome in answers)
    for outcome in (outcome for outcome in found if outcome.reason == "cycle"):
        match = outcome.matches[-1]
        name = printable(match.btf.name(match.type_id))
        raise FormatError(
            f"{name!r}, which a relocation reads, leads to {outcome.detail}: the file is damaged or malicious",
            source=match.btf.source,
            section="types",
            type_id=match.type_id,
        )


def _layers(vmlinux: Btf, modules: Sequence[Btf]) -> list[Btf]:
    """All BTFs of the chains, bases first, each once."""
    layers = list(vmlinux.chain)
    for module in modules:
        if vmlinux not in module.chain or module is vmlinux:
            raise ChainError("module is not split on the vmlinux to minimize it with", source=module.source)
        layers += [layer for layer in module.chain if layer not in layers]
    return layers


def _named(
    vmlinux: Btf, modules: Sequence[Btf], keep_types: Iterable[str], keep_funcs: Iterable[str]
) -> list[tuple[Btf, int]]:
    """The types asked for by name, in vmlinux if it has them, else in each module that has them."""
    roots = []
    for names, function in ((keep_types, False), (keep_funcs, True)):
        find = by_func_name if function else by_type_name
        for name in names:
            found = [(vmlinux, type_id) for type_id in find(vmlinux, name)]
            if not found:
                found = [(module, type_id) for module in modules for type_id in find(module, name)]
            if not found:
                raise none_to_keep(vmlinux, name, function)
            roots += found
    return roots


def _close_around(selection: Selection, closure: str) -> None:
    """Apply the closure to what the relocations keep: types of kept members count as reached by value, pointers as pointers."""
    roots = []
    for layer in selection.layers:
        for type_id, elements in list(selection.kept[layer].items()):
            kind = layer.kind(type_id)
            if elements is None or kind not in spec.COMPOSITES:
                roots.append((layer, type_id))
                continue
            _, at = layer.locate(type_id)
            roots += [(layer, layer.words[at + 4 + 3 * index]) for index in elements]
    close(selection, [(layer, type_id) for layer, type_id in roots if type_id], closure, asked=False)
