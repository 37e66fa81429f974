"""A real Ray for the tests that need one."""

import functools
import importlib
import os
import time
import types

import pytest

from facehub.cluster import connected

PATIENCE = {
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_gcs_server_request_timeout_seconds": "300",
}
"""Of Ray with its own processes, which on a busy machine take minutes to start."""


@pytest.fixture(scope="session")
def two_cores():
    """A real Ray of two workers on this machine, for all tests: Ray Serve does not survive a second start."""
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # read when Ray is imported
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        start = functools.partial(
            ray.init, num_cpus=2, object_store_memory=200_000_000, include_dashboard=False
        )
        patch.setattr(ray, "init", start)
        for setting, much in PATIENCE.items():
            patch.setenv(setting, much)
        slow_clock = types.SimpleNamespace(
            monotonic=lambda: time.monotonic() / 10, sleep=time.sleep, time=time.time
        )
        patch.setattr(importlib.import_module("ray._private.node"), "time", slow_clock)  # its 30 s are fixed
        with connected("auto"):
            yield
