"""Memory of the process: huge pages for large tensors."""

import os


def enable_huge_pages() -> None:
    """Make PyTorch ask Linux for huge pages for tensors larger than 2 MiB. Other systems are unaffected.

    The buffers of a 12 megapixel photo are allocated anew for each photo; in pages of 4 KiB, clearing them in
    the kernel takes a fifth of the whole time. Call this when a program starts; a library does not decide it
    for its host.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
