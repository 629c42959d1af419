"""The signature at the end of a signed kernel module."""

from __future__ import annotations

from struct import unpack_from

from btfkit.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from btfkit.files.elf import Data

_MAGIC = b"~Module signature appended~\n"
_INFO = 12  # bytes of struct module_signature


def signature_length(data: Data) -> int:
    """The size in bytes of the signature at the end of the module `data`, 0 if it is not signed.

    Raises FormatError if it is larger than the file.  Format: the kernel's include/linux/module_signature.h and
    scripts/sign-file.c (before 4.3 a signer's name and a key id come before the signature).
    """
    view = memoryview(data)
    end = len(view) - len(_MAGIC) - _INFO
    if end < 0 or view[end + _INFO :] != _MAGIC:
        return 0
    signer, key, size = unpack_from(">3xBB3xI", view, end)
    length = int(signer + key + size) + _INFO + len(_MAGIC)
    if length > len(view):
        raise FormatError(
            f"module signature of {length} bytes in a file of {len(view)}: truncated, or damaged when signed again",
            section="module signature",
            offset=end,
        )
    return length


def strip_signature(data: Data) -> memoryview:
    """The module `data` without its signature, not copied; raises FormatError as `signature_length` does."""
    view = memoryview(data)
    return view[: len(view) - signature_length(view)]
