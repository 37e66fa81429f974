"""Which names the page answers to, which sites may ask it, and whose token is used for whom."""

import socket
import time

import gradio as gr
import httpx
import pytest
from starlette.requests import Request

from benchmarks.visitor import Visitor
from demo.handlers.hub import HubHandlers
from demo.page import build
from demo.server import slow_headers
from demo.server.hosts import Hosts, hostname, is_owner
from demo.server.middleware import launch_options
from demo.theme import LAUNCH_OPTIONS
from facehub.hub.api import Hub

from ..conftest import eventually, served


def answer(url: str, path: str = "/config", **headers: str) -> httpx.Response:
    return httpx.get(
        url.rstrip("/") + path, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


def test_another_name_for_this_machine_is_refused(url):
    """DNS rebinding: a web site points a name of its own at 127.0.0.1, and its scripts then read the page
    as theirs."""
    port = httpx.URL(url).port
    for host in (
        f"attacker.example:{port}",
        "attacker.example",
        "127.0.0.1.attacker.example",
        "169.254.1.1",
        "",
    ):
        refused = answer(url, host=host)
        assert refused.status_code == 403, host
        assert "does not go by the name" in refused.json()["detail"]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST."):
        assert answer(url, host=host).status_code == 200, host


def test_a_request_of_another_site_is_refused(url):
    with Visitor(url, timeout_s=30) as visitor:
        body = {"data": [], "session_hash": visitor.session}
        for origin in (
            "https://attacker.example",
            "null",
            "http://localhost.attacker.example",
            "http://127.0.0.1:1",
        ):
            refused = visitor.http.post("/gradio_api/call/identities", json=body, headers={"origin": origin})
            assert refused.status_code == 403, origin
            assert "another web site" in refused.json()["detail"]
        own = str(visitor.http.base_url).rstrip("/")
        taken = visitor.http.post("/gradio_api/call/identities", json=body, headers={"origin": own})
        assert taken.status_code != 403
    assert answer(url, sec_fetch_site="cross-site", sec_fetch_mode="no-cors").status_code == 403
    assert answer(url, "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate").status_code == 200, (
        "a link"
    )


def test_no_site_frames_the_page_and_no_browser_guesses_types(url):
    headers = answer(url, "/").headers
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert answer(url, "/nowhere").headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("environment", "known", "unknown"),
    [
        ({}, ["localhost:7860", "127.0.0.1"], ["example.org", "192.168.1.5"]),
        (
            {"GRADIO_SERVER_NAME": "0.0.0.0"},
            ["192.168.1.5:7860", "[fe80::1]:80", "localhost"],
            ["example.org", "1.2.3.4.example"],
        ),
        ({"GRADIO_SERVER_NAME": "faces.lan"}, ["faces.lan:80"], ["192.168.1.5", "lan"]),
        (
            {"FACEHUB_HOSTS": "faces.example.org, b.example:8080"},
            ["faces.example.org", "b.example"],
            ["x.faces.example.org"],
        ),
        ({"FACEHUB_HOSTS": "*"}, ["anything.example", ""], []),
        (
            {"SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space", "GRADIO_SERVER_NAME": "0.0.0.0"},
            ["a-b.hf.space", "10.0.0.1"],
            ["c-d.hf.space"],
        ),
        ({"GRADIO_SHARE": "True"}, ["0123.gradio.live"], ["gradio.live.example", "gradio.live"]),
    ],
)
def test_the_names_come_from_the_environment(environment, known, unknown):
    hosts = Hosts.from_environment(environment)
    assert all(map(hosts.knows, known)), known
    assert not any(map(hosts.knows, unknown)), unknown


def test_a_space_and_the_operator_say_who_may_frame_the_page():
    assert "https://huggingface.co" in Hosts.from_environment({"SPACE_ID": "a/b"}).frame_ancestors
    own = Hosts.from_environment({"FACEHUB_FRAME_ANCESTORS": "https://example.org"})
    assert own.frame_ancestors == "https://example.org"
    assert [hostname(odd) for odd in ("[::1", "a b", "", ":80")] == ["", "a b", "", ""]


def test_behind_a_proxy_that_renames_the_host_the_public_name_is_an_origin():
    hosts = Hosts.from_environment({"FACEHUB_HOSTS": "faces.example.org"})
    assert not hosts.refusal({"host": "127.0.0.1:7860", "origin": "https://faces.example.org"})
    assert hosts.refusal({"host": "127.0.0.1:7860", "origin": "https://other.example.org"})


def request(client: str = "127.0.0.1", **headers: str) -> gr.Request:
    fields = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    return gr.Request(Request({"type": "http", "headers": raw, "client": (client, 1)}), session_hash="s")


def test_the_owners_token_is_for_the_owners_browser_alone(loopback, handlers, tmp_path):
    hub = HubHandlers(Hub(loopback.endpoint, loopback.token("ada"), tmp_path / "pulled"), handlers.visits)
    own = (request(), request(origin="http://127.0.0.1:7860", sec_fetch_site="same-origin"), None)
    assert all(hub._hub(one, None).token == hub.hub.token for one in own)
    for other in (
        request(client="192.168.1.5"),
        request(x_forwarded_for="203.0.113.9"),
        request(forwarded="for=203.0.113.9"),
        request(host="faces.example.org"),
        request(origin="https://attacker.example"),
        request(sec_fetch_site="cross-site"),
    ):
        assert not is_owner(other)
        assert hub._hub(other, None).token is False


def test_headers_that_never_end_free_their_connection(handlers, monkeypatch):
    """A thousand half requests made a page deaf."""
    monkeypatch.setattr(slow_headers, "HEADER_SECONDS", 0.5)
    monkeypatch.setitem(slow_headers.HTTP_PROTOCOLS, "auto", slow_headers.HTTP_PROTOCOLS["auto"])
    slow_headers.limit_header_time()
    with served(build(handlers)) as url:
        address = (httpx.URL(url).host, httpx.URL(url).port)
        fresh, half, later = (socket.create_connection(address, timeout=20) for _ in range(3))
        half.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow:")
        later.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert later.recv(65536).startswith(b"HTTP/1.1 200")
        later.sendall(b"HEAD / HTTP/1.1\r\nHost: lo")
        begun = time.monotonic()
        for slow in (fresh, half, later):
            assert eventually(lambda slow=slow: slow.recv(65536) == b"")
            slow.close()
        assert time.monotonic() - begun < 4, "sooner than uvicorn's own 5 s for idle connections"
        with Visitor(url, timeout_s=30) as visitor:
            time.sleep(1.0)  # longer than the limit
            assert visitor.http.get("/config").status_code == 200
            assert next(visitor._beats), "its heartbeat goes on"


def test_the_operators_names_reach_the_guard(handlers, monkeypatch):
    hosts = Hosts.from_environment({"FACEHUB_HOSTS": "faces.example.org"})
    monkeypatch.setattr(
        "tests.demo.conftest.LAUNCH_OPTIONS",
        LAUNCH_OPTIONS | launch_options(handlers.limits, handlers.visits.cache, hosts),
    )
    with served(build(handlers)) as url:
        assert answer(url, host="faces.example.org").status_code == 200
