"""Large tensors lie in huge pages: seen by the pages that the kernel has to hand out, in a process of its
own."""

import os
import pathlib
import subprocess
import sys

import pytest

SETTING = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")

FAULTS = """
import os, resource
import torch
from facehub import memory
child = os.fork()  # torch reads the setting once in a process
if child == 0:
    memory.enable_huge_pages()
else:
    os.waitpid(child, 0)
begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
photo = torch.ones(3, 3000, 4000, dtype=torch.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begun, flush=True)
"""


@pytest.mark.skipif(
    not SETTING.exists() or "[madvise]" not in SETTING.read_text(),
    reason="this kernel gives huge pages to all or to nobody",
)
def test_a_photo_takes_few_pages():
    unset = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=unset, capture_output=True, text=True, check=True, timeout=120
    )
    huge, as_it_comes = map(int, done.stdout.split())
    assert huge < as_it_comes / 5
