"""The stand-in behaves as Ollama does where the tests of the gate lean on it."""

from __future__ import annotations

import pytest
from support.wire import Answer, build, raw
from support.world import StandIn


def ask(standin: StandIn, method: str, path: str, host: str = "localhost", **headers: str) -> Answer:
    """In: a request straight to the stand-in. Out: its answer."""
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return raw(standin.port, build(method, path, pairs, host=host), head_only=method == "HEAD")


@pytest.mark.parametrize("path", ["/api/tags", "/api/%74ags", "/%61pi/tags", "/api/tags?x=../y"])
def test_it_matches_the_decoded_path(standin: StandIn, path: str) -> None:
    assert ask(standin, "GET", path).json()["models"]


@pytest.mark.parametrize("path", ["//api/tags", "/api//tags", "/api/x/../tags", "/api/tags/", "/api/%2e%2e/api/tags"])
def test_it_redirects_untidy_paths(standin: StandIn, path: str) -> None:
    assert ask(standin, "GET", path).status == 301
    assert ask(standin, "POST", path).status == 307
    assert ask(standin, "GET", path).headers["location"] == "/api/tags"


def test_it_tells_a_wrong_method_from_a_wrong_path(standin: StandIn) -> None:
    assert ask(standin, "GET", "/api/chat").status == 405
    assert ask(standin, "GET", "/api/nothing").status == 404
    assert ask(standin, "DELETE", "/api/%64elete").status == 400


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("localhost", 200), ("localhost:11434", 200), ("10.0.0.1", 200), ("[::1]:11434", 200), ("a.local", 200)),
        *(("a.internal:1", 200), ("a.localhost", 200), ("evil.example.com", 403), ("localhost.evil.com", 403)),
    ],
)
def test_it_fences_the_host(standin: StandIn, host: str, status: int) -> None:
    assert ask(standin, "GET", "/api/version", host=host).status == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        *(
            ("http://localhost:3000", 200),
            ("http://127.0.0.1", 200),
            ("app://obsidian", 200),
            ("http://localhost", 200),
        ),
        *(("https://evil.example.com", 403), ("null", 403)),
    ],
)
def test_it_fences_the_origin(standin: StandIn, origin: str, status: int) -> None:
    assert ask(standin, "GET", "/api/version", Origin=origin).status == status


def test_it_answers_head_without_a_body_and_says_that_it_runs(standin: StandIn) -> None:
    assert ask(standin, "GET", "/").body == b"Ollama is running"
    assert ask(standin, "HEAD", "/").headers["content-length"] == "17"


def test_its_log_has_the_raw_path_and_every_header(standin: StandIn) -> None:
    ask(standin, "GET", "//api/tags?a=%20b", X_Twice="1", x_twice="2")
    request = standin.requests()[-1]
    assert (request["method"], request["target"]) == ("GET", "//api/tags?a=%20b")
    assert ["X-Twice", "1"] in request["headers"]
    assert ["x-twice", "2"] in request["headers"]
