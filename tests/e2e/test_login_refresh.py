"""Sessions that refresh themselves: two tabs of a browser, two real gates behind a balancer, a real provider that ends all
that came of a sign-in when a refresh token is used twice.

E2E_REFRESH_SECONDS=1800: both tabs ask once a second for so long, by tokens that are good for 30 s, and the figures are
printed. Without it the tabs take turns, by tokens of 3 s, until some were refreshed: nothing depends on how fast this
machine is.
"""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.people import INSIDE, SERVED_BY, Site, Visitor
from support.world import FULL, World

SECONDS = int(os.environ.get("E2E_REFRESH_SECONDS", "0"))
LOGIN = {"scope": "openid profile email groups offline_access", "cookie_refresh": "5m", "cookie_expire": "8h"}
PROGRAM = {"Accept": "application/json"}
# How many refreshes have to be seen, and in how many requests at the most.
REFRESHES, REQUESTS = 3, 2000
AT_ONCE = 12


@pytest.fixture(scope="module")
def site(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose gates are called for responses."""
    site = Site(world, tmp_path_factory.mktemp("refresh"), "refresh", module=FULL, **LOGIN)
    yield site
    site.stop()


def signed_in(site: Site, seconds: int, rotate: int) -> Visitor:
    """In: how long tokens are good, whether refresh tokens are for one use. Out: somebody who is signed in."""
    site.people.set(access=seconds, rotate=rotate)
    visitor = Visitor(site, "alice")
    status, _, text = visitor.sign_in()
    assert status == 303, text
    return visitor


@pytest.mark.skipif(SECONDS > 0, reason="the long form is asked for")
@pytest.mark.parametrize("rotate", [1, 0])
def test_two_tabs_at_two_gates_go_on_while_tokens_end(site: Site, rotate: int) -> None:
    visitor = signed_in(site, 3, rotate)
    before, served = site.people.counts(), set()
    for number in range(REQUESTS):
        status, fields, text = visitor.ask(INSIDE, headers=PROGRAM)
        assert status == 200, (number, status, text)
        served.add(fields[SERVED_BY])
        if (site.people.counts() - before)["refreshes"] >= REFRESHES and len(served) == 2:
            break
        time.sleep(0.1)
    asked = site.people.counts() - before
    assert asked["refreshes"] >= REFRESHES and len(served) == 2, (asked, served)
    assert asked["refused"] == 0 and asked["codes"] == 0, asked


@pytest.mark.skipif(SECONDS == 0, reason="E2E_REFRESH_SECONDS asks for it")
@pytest.mark.parametrize("rotate", [1, 0])
def test_two_tabs_ask_once_a_second(site: Site, rotate: int, capsys: pytest.CaptureFixture[str]) -> None:
    visitor = signed_in(site, 30, rotate)
    before, failed, served = site.people.counts(), [], {}
    end = time.monotonic() + SECONDS

    def tab(number: int) -> None:
        due = time.monotonic()
        while due < end:
            status, fields, text = visitor.ask(INSIDE, headers=PROGRAM)
            by = fields.get(SERVED_BY, "nobody")
            served[by] = served.get(by, 0) + 1
            if status != 200:
                failed.append((number, round(end - due), status, text[:200]))
            due += 1
            time.sleep(max(0.0, due - time.monotonic()))

    tabs = [threading.Thread(target=tab, args=(number,)) for number in range(2)]
    for thread in tabs:
        thread.start()
    for thread in tabs:
        thread.join()
    asked = site.people.counts() - before
    with capsys.disabled():
        print(f"\n    rotate={rotate}: {SECONDS} s, {sum(served.values())} requests by {served}, {len(failed)} failed")
        print(f"    the provider: {dict(asked)}; {failed[:3]}")
    assert failed == [] and asked["refused"] == 0 and asked["codes"] == 0


def ask_gate(site: Site, cookies: dict[str, str]) -> tuple[int, list[str]]:
    """In: a browser's cookies. Out: status and new cookies, of the first gate."""
    connection = http.client.HTTPConnection("127.0.0.1", site.ports[0], timeout=60)
    try:
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        host = site.origin.removeprefix("https://")
        connection.request("GET", INSIDE, headers={"Host": host, "Cookie": cookie, **PROGRAM})
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get_all("Set-Cookie") or []
    finally:
        connection.close()


def test_all_that_ask_at_once_at_one_gate_refresh_a_session_once(site: Site) -> None:
    visitor = signed_in(site, 1, 1)
    # What comes of the refresh is good for long.
    site.people.set(access=3600)
    time.sleep(2)
    old, before = dict(visitor.cookies), site.people.counts()
    answers: list[tuple[int, list[str]]] = []
    together = threading.Barrier(AT_ONCE)

    def ask() -> None:
        together.wait()
        answers.append(ask_gate(site, old))

    threads = [threading.Thread(target=ask) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [200] * AT_ONCE
    # Whoever still has the old cookies gets what the others got.
    status, late = ask_gate(site, old)
    told = {line.split(";")[0] for _, lines in answers for line in lines}
    assert status == 200 and {line.split(";")[0] for line in late} == told and len(told) == 1
    asked = site.people.counts() - before
    assert asked["refreshes"] == 1 and asked["refused"] == 0, asked


def test_a_provider_that_is_down_ends_no_session(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path, "refresh-down", module=FULL, **LOGIN)
    try:
        visitor = signed_in(site, 1, 1)
        site.people.stop()
        time.sleep(2)
        for number in range(6):
            status, _, text = visitor.ask(INSIDE, headers=PROGRAM)
            assert status == 200, (number, text)
        assert any("session_refresh_failed" in gate.envoy.child.output() for gate in site.gates)
    finally:
        site.stop()
