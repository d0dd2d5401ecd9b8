"""Sessions in a real Redis that refresh themselves: two real gates behind a balancer, webdis, and a real provider that ends
all that came of a sign-in when a refresh token is used twice.

E2E_REFRESH_SECONDS=1800: two tabs ask once a second for so long, by tokens that are good for 30 s, and the figures are
printed; E2E_REDIS_KILLS says how often Redis is killed meanwhile (in the short form 1).
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from support.companion import companion
from support.people import INSIDE, SERVED_BY, Site, Visitor
from support.store import API, UNAVAILABLE, Stored
from support.world import World, eventually

SECONDS = int(os.environ.get("E2E_REFRESH_SECONDS", "0"))
KILLS = int(os.environ.get("E2E_REDIS_KILLS", "1"))
LOGIN = {
    "scope": "openid profile email groups offline_access",
    "cookie_refresh": "5m",
    "cookie_expire": "8h",
    "idle_timeout": "1h",
    "timeout": "30s",
}
# How many refreshes have to be seen, and in how many requests at the most.
REFRESHES, REQUESTS = 3, 2000
AT_ONCE = 12


@pytest.fixture(scope="module")
def stored(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """The site that all of them use, with the smaller module: no response matters."""
    # Not while the provider is waited for.
    companion()
    stored = Stored(world, tmp_path_factory.mktemp("store-refresh"), "store-refresh", **LOGIN)
    yield stored
    stored.stop()


def signed_in(stored: Stored, name: str, seconds: int, rotate: int = 1) -> Visitor:
    """In: a name, how long tokens are good, whether refresh tokens are for one use. Out: somebody who is signed in."""
    stored.site.people.set(access=seconds, rotate=rotate, hold=0)
    return stored.signed_in(name)


def ask_gate(site: Site, number: int, cookies: dict[str, str]) -> tuple[int, str]:
    """In: which gate, a browser's cookies. Out: status and code."""
    connection = http.client.HTTPConnection("127.0.0.1", site.ports[number], timeout=60)
    try:
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        host = site.origin.removeprefix("https://")
        connection.request("GET", INSIDE, headers={"Host": host, "Cookie": cookie, **API})
        response = connection.getresponse()
        text = response.read()
        assert response.headers.get_all("Set-Cookie") is None
        return response.status, json.loads(text).get("code", "")
    finally:
        connection.close()


def at_once(asks: list[Any]) -> list[Any]:
    """In: functions. Out: what each gives; they run together."""
    given: list[Any] = []
    together = threading.Barrier(len(asks))

    def run(ask: Any) -> None:
        together.wait()
        given.append(ask())

    threads = [threading.Thread(target=run, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


@pytest.mark.skipif(SECONDS > 0, reason="the long form is asked for")
@pytest.mark.parametrize("rotate", [1, 0])
def test_two_tabs_at_two_gates_go_on_while_tokens_end_in_a_store(stored: Stored, rotate: int) -> None:
    visitor = signed_in(stored, "alice", 3, rotate)
    before, served, cookies = stored.site.people.counts(), set(), dict(visitor.cookies)
    for number in range(REQUESTS):
        status, fields, text = visitor.ask(INSIDE, headers=API)
        assert status == 200, (number, status, text)
        served.add(fields[SERVED_BY])
        if (stored.site.people.counts() - before)["refreshes"] >= REFRESHES and len(served) == 2:
            break
        time.sleep(0.1)
    asked = stored.site.people.counts() - before
    assert asked["refreshes"] >= REFRESHES and len(served) == 2, (asked, served)
    assert asked["refused"] == 0 and asked["codes"] == 0, asked
    assert visitor.cookies == cookies, "the ticket stays"


@pytest.mark.parametrize("pause", [0.8, 2.5])
def test_two_gates_that_refresh_a_session_at_the_same_moment_make_one_refresh(stored: Stored, pause: float) -> None:
    visitor = signed_in(stored, "bob", 2)
    # What comes of the refresh is good for long.
    stored.site.people.set(access=3600)
    time.sleep(pause)
    due = 0
    before = stored.site.people.counts()
    while (stored.site.people.counts() - before)["refreshes"] == 0:
        asks = [lambda number=number: ask_gate(stored.site, number % 2, visitor.cookies) for number in range(AT_ONCE)]
        assert at_once(asks) == [(200, "")] * AT_ONCE
        due += 1
        assert due < REQUESTS
    asked = stored.site.people.counts() - before
    assert asked["refreshes"] == 1 and asked["refused"] == 0, asked
    assert stored.redis.names("ollama-gate:lock:*") == []


def test_a_provider_that_is_slow_sees_one_refresh_of_two_gates(stored: Stored) -> None:
    visitor = signed_in(stored, "carol", 1)
    stored.site.people.set(access=3600, hold=1)
    time.sleep(2)
    before = stored.site.people.counts()
    slow = threading.Thread(target=ask_gate, args=(stored.site, 0, visitor.cookies))
    slow.start()
    try:
        eventually(lambda: (stored.site.people.counts() - before)["waiting"] == 1, 60, "the refresh")
        [lock] = stored.redis.names("ollama-gate:lock:*")
        # That it was begun is known for as long as the session may last, and not only until it is idle.
        assert stored.redis.command("TTL", lock.replace(":lock:", ":refresh:")) > 3600
        # However long the provider takes, nobody else asks, and nobody waits.
        for _ in range(AT_ONCE):
            assert ask_gate(stored.site, 1, visitor.cookies) == (200, "")
    finally:
        stored.site.people.set(hold=0)
        slow.join()
    assert stored.redis.command("EXISTS", lock) == 0
    asked = stored.site.people.counts() - before
    assert asked["refreshes"] == 1 and asked["waiting"] == 1 and asked["refused"] == 0, asked


def test_a_session_that_is_revoked_while_it_is_refreshed_is_over(stored: Stored) -> None:
    visitor = signed_in(stored, "dave", 1)
    stored.site.people.set(access=3600, hold=1)
    time.sleep(2)
    before, given = stored.site.people.counts(), []
    slow = threading.Thread(target=lambda: given.append(ask_gate(stored.site, 0, visitor.cookies)))
    slow.start()
    try:
        eventually(lambda: (stored.site.people.counts() - before)["waiting"] == 1, 60, "the refresh")
        assert stored.run("revoke", "--subject", "dave")[1]["ended"] == 1
        assert ask_gate(stored.site, 1, visitor.cookies) == (401, "invalid_session")
    finally:
        stored.site.people.set(hold=0)
        slow.join()
    assert given == [(401, "invalid_session")], "whatever the provider said"
    assert stored.at_both(visitor) == {(401, "invalid_session")}
    assert stored.run("list", "--subject", "dave")[1]["sessions"] == []


def test_whoever_is_locked_out_at_the_provider_is_out_at_both_gates(stored: Stored) -> None:
    visitor = signed_in(stored, "erin", 1)
    # Somebody else has used the token: the provider ends all that came of the sign-in.
    kept = {key: stored.redis.command("GET", key) for key in stored.redis.names("ollama-gate:session:*")}
    time.sleep(1.2)
    assert ask_gate(stored.site, 0, visitor.cookies) == (200, "")
    time.sleep(1.2)
    for key, value in kept.items():
        stored.redis.command("SET", key, value, "KEEPTTL")
    before = stored.site.people.counts()
    assert ask_gate(stored.site, 0, visitor.cookies) == (401, "expired_session")
    assert stored.at_both(visitor) == {(401, "invalid_session")}
    asked = stored.site.people.counts() - before
    assert asked["refused"] == 1 and asked["refreshes"] == 0, asked


class Tabs:
    """Tabs of one browser that ask once in `every` seconds, until told to stop."""

    def __init__(self, visitor: Visitor, count: int, every: float) -> None:
        self.seen: Counter[tuple[int, str]] = Counter()
        self.served: Counter[str] = Counter()
        self._visitor, self._every, self._stop = visitor, every, threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            status, fields, text = self._visitor.ask(INSIDE, headers=API)
            self.seen[status, json.loads(text).get("code", "")] += 1
            self.served[fields.get(SERVED_BY, "nobody")] += 1
            due = max(due + self._every, time.monotonic() - self._every)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


def test_a_redis_that_is_killed_while_sessions_are_refreshed_signs_nobody_out(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    visitor = signed_in(stored, "frank", 30 if SECONDS else 3)
    before = stored.site.people.counts()
    tabs = Tabs(visitor, 2, 1 if SECONDS else 0.1)
    tabs.start()
    end = time.monotonic() + SECONDS
    try:
        for _ in range(KILLS):
            refreshed = stored.site.people.counts()
            eventually(lambda seen=refreshed: (stored.site.people.counts() - seen)["refreshes"] >= 1, 300, "a refresh")
            down = tabs.seen[UNAVAILABLE]
            stored.redis.kill()
            eventually(lambda seen=down: tabs.seen[UNAVAILABLE] >= seen + 3, 60, "the 503")
            stored.redis.start()
            good = tabs.seen[200, ""]
            eventually(lambda seen=good: tabs.seen[200, ""] >= seen + 3, 60, "the session")
        while time.monotonic() < end:
            time.sleep(1)
    finally:
        tabs.stop()
    asked = stored.site.people.counts() - before
    with capsys.disabled():
        print(f"\n    {SECONDS} s, Redis killed {KILLS} times: {dict(tabs.seen)} by {dict(tabs.served)}")
        print(f"    the provider: {dict(asked)}")
    assert set(tabs.seen) <= {(200, ""), UNAVAILABLE}, "nobody is signed out by it"
    assert stored.at_both(visitor) == {(200, "")}
    assert asked["codes"] == 0


@pytest.mark.skipif(SECONDS == 0, reason="E2E_REFRESH_SECONDS asks for it")
@pytest.mark.parametrize("rotate", [1, 0])
def test_two_tabs_ask_once_a_second_in_a_store(stored: Stored, rotate: int, capsys: pytest.CaptureFixture[str]) -> None:
    visitor = signed_in(stored, "grace", 30, rotate)
    before = stored.site.people.counts()
    tabs = Tabs(visitor, 2, 1)
    tabs.start()
    time.sleep(SECONDS)
    tabs.stop()
    asked = stored.site.people.counts() - before
    with capsys.disabled():
        print(f"\n    rotate={rotate}: {SECONDS} s, {dict(tabs.seen)} by {dict(tabs.served)}")
        print(f"    the provider: {dict(asked)}")
    assert set(tabs.seen) == {(200, "")} and asked["refused"] == 0 and asked["codes"] == 0
