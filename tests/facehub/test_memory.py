"""Large tensors lie in huge pages: seen by the pages that the kernel has to hand out, in a process of its own."""

import os
import pathlib
import subprocess
import sys

import pytest

SETTING = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")

FAULTS = """
import resource, sys
import torch
from facehub import memory
if sys.argv[1] == "huge":
    memory.in_huge_pages()
begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
photo = torch.ones(3, 3000, 4000, dtype=torch.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begun)
"""


def faults(how: str) -> int:
    unset = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    done = subprocess.run([sys.executable, "-c", FAULTS, how], env=unset, capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout)


@pytest.mark.skipif(not SETTING.exists() or "[madvise]" not in SETTING.read_text(), reason="this kernel gives huge pages to all or to nobody")
def test_a_photo_takes_few_pages():
    assert faults("huge") < faults("as it comes") / 5
