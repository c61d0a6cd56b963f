"""Memory of large tensors kept by the process."""

import ctypes

# options of mallopt(3)
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Let glibc keep what is freed for the next allocation; nothing elsewhere.

    By default every tensor above 128 kB is a mapping of its own, whose pages the kernel has to
    clear on each use.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**28)):
            mallopt(option, value)
