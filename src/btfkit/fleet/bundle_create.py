"""Creating bundles: from a tree of kernels, minimized on the way, or from BTF that is minimized already."""

from __future__ import annotations

from btfkit.errors import BtfError, FormatError, NotFoundError
from btfkit.files.modules import module_name
from btfkit.fleet.bundle_write import Content, make_bundle
from btfkit.fleet.manifest import read_manifest
from btfkit.fleet.store import open_store, write_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from btfkit.co_re.program import BpfObject
    from btfkit.files.elf import Data
    from btfkit.fleet.archive import Minimizing
    from btfkit.fleet.archived import Archived
    from btfkit.fleet.manifest import Manifest
    from btfkit.fleet.tree import Kernel, Tree

    OnError = Callable[[Kernel, Exception], None]


class CreatedBundle:
    """A bundle that was created: its bytes (`data`), the number of its `kernels` and different `btfs`, `btf_bytes` before
    compression, and the `problems` that cost no kernel."""

    __slots__ = ("btf_bytes", "btfs", "data", "kernels", "problems")

    def __init__(self, content: Content, data: bytes, problems: list[str]) -> None:
        self.data = data
        self.kernels = len(content.entries)
        self.btfs = len(content.blobs)
        self.btf_bytes = sum(map(len, content.blobs))
        self.problems = problems

    def __repr__(self) -> str:
        return f"<CreatedBundle of {self.kernels} kernels, {len(self.data)} bytes>"


def bundle_kernels(
    tree: str | Tree,
    objects: Sequence[str | BpfObject],
    out: str | None = None,
    *,
    compressor: str = "xz",
    full_digests: bool = False,
    **minimizing: Unpack[Minimizing],
) -> CreatedBundle:
    """Minimize every kernel of `tree`, as `minimize_archive` does, and put the results into a bundle.

    `out` is the file or URL to write, if one is given; `compressor` and `full_digests` are those of `make_bundle`.  Raises
    what `minimize_archive` does, and NotFoundError if no kernel could be used.
    """
    from btfkit.fleet.archive import minimize_archive

    result = minimize_archive(tree, None, objects, **minimizing)
    content = _content_of_archive(result, minimizing.get("on_error"))
    problems = [f"skipped: {text}" for made in result.made for text in made.skipped]
    return _created(content, out, compressor, full_digests, problems, tree)


def bundle_minimized(
    tree: str | Tree,
    out: str | None = None,
    *,
    compressor: str = "xz",
    full_digests: bool = False,
    on_error: OnError | None = None,
) -> CreatedBundle:
    """Put the BTF of a tree into a bundle as it is, with its origin if `minimize_archive` left a manifest beside it.

    A kernel whose file is not the one in the manifest counts as of unknown origin.  `on_error(kernel, error)` is called for a
    kernel that is skipped.  Parameters and errors are otherwise those of `bundle_kernels`.
    """
    from btfkit.fleet.tree import find_kernels

    problems: list[str] = []
    manifest: Manifest | None = None
    found = find_kernels([tree]) if isinstance(tree, str) else tree
    try:
        if (root := found.root) is not None:
            manifest = read_manifest(open_store(root))
    except FormatError as error:
        problems.append(f"the origin of the BTF is unknown: {error}")
    content = _content(manifest)
    for kernel in found.kernels:
        try:
            _add_kernel(content, kernel, manifest)
        except (BtfError, OSError) as error:
            if on_error is not None:
                on_error(kernel, error)
    return _created(content, out, compressor, full_digests, problems, tree)


def _created(
    content: Content, out: str | None, compressor: str, full_digests: bool, problems: list[str], tree: str | Tree
) -> CreatedBundle:
    if not content.entries:
        source = tree if isinstance(tree, str) else tree.root
        raise NotFoundError("no kernel is left to put into a bundle", source=source)
    data = make_bundle(content, compressor=compressor, full_digests=full_digests)
    if out is not None:
        write_file(out, data)
    return CreatedBundle(content, data, problems)


def _content_of_archive(result: Archived, on_error: OnError | None) -> Content:
    content = _content(result.manifest)
    for kernel, made in zip(result.kernels, result.made, strict=True):
        blobs = dict(made.blobs or {})
        vmlinux = blobs.pop(next(iter(blobs)))
        modules = [(module_name(path), blob) for path, blob in blobs.items()]
        try:
            content.add(kernel.key, vmlinux, modules, made.record["btf"])
        except BtfError as error:
            if on_error is not None:
                on_error(kernel, error)
    return content


def _content(manifest: Manifest | None) -> Content:
    """An empty content with the tool, objects and options of a manifest."""
    if manifest is None:
        return Content()
    head = manifest.head
    objects = [(str(one.get("name", "")), str(one.get("sha256", ""))) for one in _list(head.get("objects"))]
    options = head.get("options")
    unusual = [
        (str(name), ",".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in (options.items() if isinstance(options, dict) else ())
        if value not in (None, [], "none") and (name, value) != ("verify", True)
    ]
    return Content(str(head.get("tool", "")), objects, unusual)


def _list(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _add_kernel(content: Content, kernel: Kernel, manifest: Manifest | None) -> None:
    from hashlib import sha256

    digests: dict[str, str] = {}

    def read(path: str) -> Data:
        data = kernel.read(path)
        digests[path] = sha256(data).hexdigest()
        return data

    btf = kernel.load(read)
    record = manifest.records.get(kernel.stem) if manifest is not None else None
    is_recorded = record is not None and record["outputs"] == digests and record["inputs"]
    modules = [(module_name(path), module.blob) for path, module in zip(btf.names, btf.modules, strict=True)]
    content.add(kernel.key, btf.vmlinux.blob, modules, record["btf"] if record and is_recorded else "")
