"""What the package of the hub gives, and what it costs to import."""

import subprocess
import sys

import pytest

import facehub.hub
import facehub.identity


def test_importing_it_is_light():
    """Its names are loaded when first used."""
    heavy = "{'torch', 'huggingface_hub', 'httpx2'}"
    code = f"import sys, facehub.hub, facehub.identity; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("package", [facehub.hub, facehub.identity])
def test_every_public_name_is_there(package):
    assert set(dir(package)) == set(package.__all__)
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018
