"""Sessions in a real Redis behind the real webdis: two gates, a real provider, and what happens when Redis does not answer.

E2E_REDIS_KILLS says how often Redis is killed and started again under load (1).
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo.pack import ROOT
from support.people import INSIDE, RING, Visitor
from support.redis import WEBDIS
from support.store import API, UNAVAILABLE, Stored
from support.world import World, eventually
from typing_extensions import Self

KILLS = int(os.environ.get("E2E_REDIS_KILLS", "1"))


@pytest.fixture(scope="module")
def stored(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """The site that all of them use."""
    stored = Stored(world, tmp_path_factory.mktemp("store"), "store")
    yield stored
    stored.stop()


def test_both_gates_know_whom_one_has_signed_in_and_redis_does_not(stored: Stored) -> None:
    alice = stored.signed_in("alice-60")
    assert stored.at_both(alice) == {(200, "")}
    assert len(alice.cookies[stored.site.session]) < 140, "sixty groups, and still a ticket"
    for key in stored.redis.names():
        kind = key.split(":")[1]
        assert kind in {"session", "subject", "sub", "unnamed"}, key
        assert 0 < stored.redis.command("TTL", key) <= 86_400, key
        held = stored.redis.command("GET", key) if kind == "session" else stored.redis.command("ZRANGE", key, "0", "-1")
        assert "alice" not in f"{key} {held}" and "department" not in str(held)
    assert stored.redis.webdis("GET", "x", authorization="Basic eDp5")[0] == 403, "webdis asks who it is"


def test_whoever_signs_out_is_out_at_both_gates_with_every_copy(stored: Stored) -> None:
    alice = stored.signed_in("alice")
    copy = Visitor(stored.site, "alice")
    copy.cookies = dict(alice.cookies)
    who = json.loads(alice.ask("/.gate/whoami", headers=API)[2])
    status, _, text = alice.ask(who["sign_out"], "POST", {**API, "Origin": stored.site.origin})
    assert status == 200 and stored.site.people.issuer in text, "it goes on to the provider"
    assert stored.site.session not in alice.cookies
    assert stored.at_both(copy) == {(401, "invalid_session")}


def test_sessions_that_are_revoked_by_subject_are_over_at_once(stored: Stored) -> None:
    carols, dave = [stored.signed_in("carol"), stored.signed_in("carol")], stored.signed_in("dave")
    code, listed = stored.run("list", "--subject", "carol")
    assert (code, listed["subject"], len(listed["sessions"])) == (0, "carol", 2), listed
    assert all(set(session) == {"signed_in", "ends_at"} for session in listed["sessions"])
    assert stored.run("revoke", "--subject", "carol") == (0, {"subject": "carol", "ended": 2})
    # The very next request, whichever gate it comes to.
    for carol in carols:
        assert stored.code(carol) == (401, "invalid_session")
        assert stored.at_both(carol) == {(401, "invalid_session")}
    assert stored.at_both(dave) == {(200, "")}
    assert stored.run("list", "--subject", "carol")[1]["sessions"] == []
    assert stored.run("revoke", "--subject", "nobody") == (0, {"subject": "nobody", "ended": 0})
    again = stored.signed_in("carol")
    assert stored.code(again) == (200, "")
    # With another password, webdis refuses; without the ring, nothing can be opened.
    code, refused = stored.run("list", "--subject", "carol", **{WEBDIS: "Basic eDp5"})
    assert code == 2 and "`acl`" in refused["error"], refused
    code, refused = stored.run("list", "--subject", "carol", **{RING: ""})
    assert code == 2 and RING in refused["error"], refused


def test_a_gate_revokes_its_own_sessions_and_none_of_another_gate_in_the_same_redis(
    stored: Stored, tmp_path: Path
) -> None:
    carol = stored.signed_in("carol")
    plugin = json.loads(json.dumps(stored.site.plugin()))
    plugin["login"]["client_id"] = "another"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(plugin), encoding="utf-8")
    assert stored.run("list", "--subject", "carol", gate=other)[1]["sessions"] == []
    assert stored.run("revoke", "--subject", "carol", gate=other) == (0, {"subject": "carol", "ended": 0})
    assert stored.at_both(carol) == {(200, "")}
    assert stored.run("revoke", "--subject", "carol")[1]["ended"] >= 1
    assert stored.code(carol) == (401, "invalid_session")


def test_somebody_has_256_sessions_at_the_most_and_a_new_one_ends_the_oldest(stored: Stored) -> None:
    before = set(stored.redis.names("ollama-gate:subject:*"))
    first = stored.signed_in("erin")
    [place] = set(stored.redis.names("ollama-gate:subject:*")) - before
    ends = float(stored.redis.command("ZSCORE", place, stored.redis.command("ZRANGE", place, "0", "0")[0]))
    for number in range(255):
        stored.redis.command("ZADD", place, str(int(ends) + 1 + number), f"made-up-{number}")
        stored.redis.command("SET", f"ollama-gate:session:made-up-{number}", "x", "EX", "3600")
    assert stored.redis.command("ZCARD", place) == 256
    second = stored.signed_in("erin")
    assert stored.redis.command("ZCARD", place) == 256
    assert stored.code(first) == (401, "invalid_session")
    assert stored.code(second) == (200, ""), "not even if both end within the same second"


@pytest.mark.parametrize("are_there", [False, True], ids=["signed out", "signed in"])
def test_no_number_of_sessions_that_end_later_ends_the_one_of_whoever_has_just_signed_in(
    stored: Stored, are_there: bool
) -> None:
    name = f"frank-{are_there}"
    before = set(stored.redis.names("ollama-gate:subject:*"))
    first = stored.signed_in(name)
    [place] = set(stored.redis.names("ollama-gate:subject:*")) - before
    ends = float(stored.redis.command("ZSCORE", place, stored.redis.command("ZRANGE", place, "0", "0")[0]))
    for number in range(300):
        later = f"{name}-later-{number}"
        stored.redis.command("ZADD", place, str(int(ends) + 1_000_000 + number), later)
        if are_there:
            stored.redis.command("SET", f"ollama-gate:session:{later}", "x", "EX", "3600")
    second = stored.signed_in(name)
    assert stored.code(second) == (200, "")
    # Names whose session is gone make room before any that counts.
    assert stored.code(first) == ((401, "invalid_session") if are_there else (200, ""))
    assert stored.redis.command("ZCARD", place) == (256 if are_there else 2)
    assert len(stored.redis.names(f"ollama-gate:session:{name}-later-*")) == (255 if are_there else 0)


class Load:
    """Requests one after the other, with a session and with a key, until told to stop."""

    def __init__(self, stored: Stored, visitor: Visitor) -> None:
        self.phase = "before"
        self.seen: Counter[tuple[str, str, int, str]] = Counter()
        self._stop = threading.Event()
        ask = {"session": lambda: stored.code(visitor), "key": lambda: (stored.by_key(), "")}
        self._threads = [threading.Thread(target=self._run, args=(*one,), daemon=True) for one in ask.items()]

    def _run(self, whose: str, ask: Any) -> None:
        while not self._stop.is_set():
            phase = self.phase
            self.seen[(phase, whose, *ask())] += 1

    def until(self, count: int, phase: str, whose: str, status: int) -> None:
        """Returns when there were so many such answers."""
        wanted = (phase, whose, status)

        def enough() -> bool:
            return sum(many for seen, many in list(self.seen.items()) if seen[:3] == wanted) >= count

        eventually(enough, 60, f"{count} answers {status} {phase}")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


def test_a_redis_that_is_killed_stops_sessions_alone_and_they_go_on_when_it_is_back(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    alice = stored.signed_in("alice")
    with Load(stored, alice) as load:
        load.until(10, "before", "session", 200)
        for number in range(KILLS):
            stored.redis.kill()
            load.phase = f"down {number}"
            load.until(10, load.phase, "session", 503)
            load.until(10, load.phase, "key", 200)
            load.phase = f"starting {number}"
            stored.redis.start()
            load.until(1, load.phase, "session", 200)
            load.phase = f"back {number}"
            load.until(20, load.phase, "session", 200)
            load.until(10, load.phase, "key", 200)
    with capsys.disabled():
        total = Counter((phase.split()[0], whose, status) for (phase, whose, status, _) in load.seen.elements())
        print(f"\n    Redis killed {KILLS} times: {dict(sorted(total.items()))}")
    assert {status for (_, whose, status, _) in load.seen if whose == "key"} == {200}
    others = {(status, code) for (_, whose, status, code) in load.seen if whose == "session"} - {(200, "")}
    assert others == {UNAVAILABLE}, "nobody is signed out by it"
    assert stored.at_both(alice) == {(200, "")}


def test_a_redis_set_up_as_documented_keeps_a_revocation_over_a_crash(stored: Stored) -> None:
    page = (ROOT / "docs" / "sessions.md").read_text(encoding="utf-8")
    _, _, settings = page.partition("### What Redis has to keep\n\n```text\n")
    for line in settings.partition("```")[0].splitlines():
        assert stored.redis.command("CONFIG", "GET", line.split()[0]) == line.split(), "as it is run here"
    assert settings.count("\n", 0, settings.index("```")) == 3
    grace, heidi = stored.signed_in("grace"), stored.signed_in("heidi")
    assert stored.run("revoke", "--subject", "grace")[1]["ended"] == 1
    stored.redis.kill()
    stored.redis.start()
    eventually(lambda: stored.code(heidi) == (200, ""), 30, "the other session")
    assert stored.at_both(grace) == {(401, "invalid_session")}


def test_a_full_redis_keeps_no_new_session_and_ends_the_old_ones_when_told_to(stored: Stored) -> None:
    ivan = stored.signed_in("ivan")
    stored.redis.command("CONFIG", "SET", "maxmemory", "1")
    try:
        refused = Visitor(stored.site, "judy").sign_in()
        assert refused[0] == 503 and "session_store_unavailable" in refused[2]
        assert stored.at_both(ivan) == {(200, "")}
        assert stored.run("revoke", "--subject", "ivan")[1]["ended"] == 1
        assert stored.at_both(ivan) == {(401, "invalid_session")}
    finally:
        stored.redis.command("CONFIG", "SET", "maxmemory", "0")
    judy = stored.signed_in("judy")
    assert stored.code(judy) == (200, "")


def test_a_redis_that_does_not_answer_in_time_and_a_webdis_that_is_gone_stop_sessions_alone(stored: Stored) -> None:
    alice = stored.signed_in("alice")
    stored.redis.signal(signal.SIGSTOP)
    try:
        assert stored.code(alice) == UNAVAILABLE
        assert stored.by_key() == 200
        assert Visitor(stored.site, "bob").ask(INSIDE)[0] == 303, "whoever has no session is sent to sign in"
        refused = Visitor(stored.site, "bob").sign_in()
        assert refused[0] == 503 and "session_store_unavailable" in refused[2]
    finally:
        stored.redis.signal(signal.SIGCONT)
    eventually(lambda: stored.code(alice) == (200, ""), 30, "the session")
    stored.redis.stop_webdis()
    assert stored.code(alice) == UNAVAILABLE
    assert stored.by_key() == 200
    status, _, text = alice.ask(INSIDE)
    assert status == 503 and stored.site.session in alice.cookies, text
    stored.redis.start_webdis()
    eventually(lambda: stored.code(alice) == (200, ""), 30, "the session")


def test_a_session_that_is_put_under_the_name_of_another_opens_for_nobody(stored: Stored) -> None:
    stored.redis.command("FLUSHALL")
    alice, mallory = stored.signed_in("alice"), stored.signed_in("mallory")
    one, other = stored.redis.names("ollama-gate:session:*")
    values = [stored.redis.command("GET", key) for key in (one, other)]
    stored.redis.command("SET", one, values[1])
    stored.redis.command("SET", other, values[0])
    for visitor in (alice, mallory):
        assert stored.at_both(visitor) == {(401, "invalid_session")}
    stored.redis.command("LPUSH", "list", "x")
    stored.redis.command("RENAME", "list", one)
    stored.redis.command("SET", other, "\u00e4" * 40_000)
    assert {stored.code(alice), stored.code(mallory)} == {UNAVAILABLE}, "a list, and too much"


def test_a_session_that_nobody_uses_is_gone_from_the_store(world: World, tmp_path: Path) -> None:
    stored = Stored(world, tmp_path, "store-idle", idle_timeout="120s")
    try:
        alice = stored.signed_in("alice")
        [key] = stored.redis.names("ollama-gate:session:*")
        stored.redis.command("EXPIRE", key, "50")
        assert stored.at_both(alice) == {(200, "")}
        assert 60 < stored.redis.command("TTL", key) <= 120
        stored.redis.command("EXPIRE", key, "0")
        assert stored.at_both(alice) == {(401, "invalid_session")}
    finally:
        stored.stop()
