"""How the process asks for memory."""

import os


def in_huge_pages() -> None:
    """Has PyTorch ask Linux for huge pages for whatever is larger than 2 MiB; elsewhere nothing changes.

    What a photo of 12 megapixels passes through is asked for anew for each photo, and in pages of 4 KiB the kernel's clearing of them is a fifth of
    all that is done to the pixels. For programs to call as they start; a library does not decide this for its host.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
