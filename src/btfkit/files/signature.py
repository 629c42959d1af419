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
    """How many bytes at the end of the module `data` are its signature, 0 where it is not signed.

    Raises FormatError where the trailer says more than there is.  Format: the kernel's include/linux/module_signature.h
    and scripts/sign-file.c (before 4.3 a signer's name and a key id come before the signature).
    """
    view = memoryview(data)
    end = len(view) - len(_MAGIC) - _INFO
    if end < 0 or view[end + _INFO :] != _MAGIC:
        return 0
    signer, key, size = unpack_from(">3xBB3xI", view, end)
    length = int(signer + key + size) + _INFO + len(_MAGIC)
    if length > len(view):
        raise FormatError(
            f"a module signature of {length} bytes in a file of {len(view)}: it was cut or signed twice wrongly",
            section="module signature",
            offset=end,
        )
    return length


def strip_signature(data: Data) -> memoryview:
    """The module `data` without its signature, not copied; raises FormatError as `signature_length` does."""
    view = memoryview(data)
    return view[: len(view) - signature_length(view)]
