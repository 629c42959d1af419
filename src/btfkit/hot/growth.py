# cython: initializedcheck=False
"""Arrays that grow."""


def grown(old, used):
    """A copy of `old` with twice the room, or 1,024 words."""
    new = memoryview(bytearray(8 * max(512, len(old)))).cast("I")
    for at in range(used):
        new[at] = old[at]
    return new


def grown_bytes(old, used):
    """A copy of `old` with twice the room, or 1,024 bytes."""
    new = memoryview(bytearray(2 * max(512, len(old))))
    for at in range(used):
        new[at] = old[at]
    return new


def room():
    """Room for 1,024 words."""
    return memoryview(bytearray(4096)).cast("I")
