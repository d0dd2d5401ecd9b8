"""Whoever signs out at a real provider is signed out at two real gates, by logout tokens that it sends (OpenID Connect
Back-Channel Logout 1.0), with a real Redis behind the real webdis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.people import INSIDE, SERVED_BY, Site, Visitor
from support.redis import Redis, need
from support.world import World, eventually

PAGE = "/.gate/backchannel-logout"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OVER = {(401, "invalid_session")}
INSIDE_STILL = {(200, "")}


class Told:
    """A site whose provider says who has signed out."""

    def __init__(self, world: World, folder: Path) -> None:
        need()
        self.redis = Redis(world, folder / "redis")
        self.site = Site(
            world,
            folder,
            "back-channel",
            provider={"BACK_CHANNEL": "1"},
            sections={"host": {"name": "envoy", "hold_head": True}},
            **self.redis.site(),
            back_channel_logout=True,
        )

    def signed_in(self, name: str) -> Visitor:
        """In: a name. Out: that person's browser, with a session."""
        visitor = Visitor(self.site, name)
        status, fields, text = visitor.sign_in()
        assert (status, fields.get("location")) == (303, INSIDE), text
        return visitor

    def at_both(self, visitor: Visitor) -> set[tuple[int, str]]:
        """Out: what each of the two gates says to the next request of `visitor` that it gets."""
        seen: dict[str, tuple[int, str]] = {}
        for _ in range(200):
            status, fields, text = visitor.ask(INSIDE, headers={"Accept": "application/json"})
            seen.setdefault(fields[SERVED_BY], (status, json.loads(text).get("code", "")))
            if len(seen) == 2:
                return set(seen.values())
        raise AssertionError(f"the balancer takes no turns: {seen}")

    def post(self, body: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """In: a body for the page, and fields in place of those of a form. Out: status, and the JSON of the answer."""
        sent = FORM if headers is None else headers
        status, fields, answer = self.site.ask("POST", PAGE, sent, body.encode())
        assert dict(fields)["cache-control"] == "no-store" and "set-cookie" not in dict(fields)
        return status, json.loads(answer)

    def logged(self, event: str, sub: str) -> list[dict[str, Any]]:
        """In: an event, and whose. Out: the lines of both gates about that."""
        lines = [line for gate in self.site.gates for line in list(gate.envoy.child.lines)]
        found = [line[line.index("{") :] for line in lines if f'"event":"{event}"' in line]
        events = [json.loads(line[: line.rindex("}") + 1]) for line in found]
        return [event for event in events if event["sub"] == sub]

    def stop(self) -> None:
        """Ends all of it."""
        self.site.stop()
        self.redis.stop()


@pytest.fixture(scope="module")
def told(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The site that all of them use."""
    told = Told(world, tmp_path_factory.mktemp("back-channel"))
    yield told
    told.stop()


def test_whoever_signs_out_at_the_provider_is_out_at_both_gates_with_the_next_request(world: World, told: Told) -> None:
    here, elsewhere, bob = told.signed_in("alice"), told.signed_in("alice"), told.signed_in("bob")
    copy = Visitor(told.site, "alice")
    copy.cookies = dict(here.cookies)
    assert told.at_both(here) == told.at_both(elsewhere) == told.at_both(bob) == INSIDE_STILL
    here.sign_out_there()
    assert told.at_both(here) == OVER
    assert told.at_both(copy) == OVER
    # The session at the provider that another browser has is another one.
    assert told.at_both(elsewhere) == told.at_both(bob) == INSIDE_STILL
    notice = told.site.people.notice()
    assert (notice["status"], notice["text"]) == (200, "{}")
    assert notice["fields"]["cache-control"] == "no-store"
    [line] = told.logged("signed_out_by_provider", "alice")
    assert (line["ends"], line["sessions"]) == ("sid", 1), line
    assert line["issuer"] == told.site.people.issuer
    # That very token is in no output of anybody.
    world.secrets.append(notice["body"].rpartition(".")[2])
    again = told.signed_in("alice")
    assert told.at_both(again) == INSIDE_STILL


def test_a_token_that_is_sent_again_is_answered_and_ends_no_session_that_came_after(told: Told) -> None:
    carol = told.signed_in("carol")
    carol.sign_out_there()
    after = told.signed_in("carol")
    assert told.site.people.notice(again=True)["status"] == 200
    assert told.at_both(after) == INSIDE_STILL
    assert told.logged("logout_token_repeated", "carol")
    said = [name for name in told.redis.names() if ":said:" in name]
    assert said and all(0 < told.redis.command("TTL", name) <= 240 for name in said)


def test_while_redis_is_down_the_provider_is_told_so_and_its_next_try_works(told: Told) -> None:
    dave = told.signed_in("dave")
    told.redis.kill()
    dave.sign_out_there()
    notice = told.site.people.notice()
    assert notice["status"] == 503 and notice["fields"]["retry-after"] == "1", notice
    answer = json.loads(notice["text"])
    assert (answer["error"], answer["code"]) == ("temporarily_unavailable", "session_store_unavailable")
    lines = [line for gate in told.site.gates for line in gate.decisions()]
    [refused] = [line for line in lines if line.get("claimed_subject") == "dave"]
    assert refused["path"] == PAGE and told.site.people.issuer in refused["cause"], refused
    told.redis.start()
    eventually(lambda: told.at_both(dave) == INSIDE_STILL, what="Redis's return")
    assert told.site.people.notice(again=True)["status"] == 200
    assert told.at_both(dave) == OVER


def test_a_redis_that_is_full_ends_sessions_all_the_same(told: Told) -> None:
    ivan = told.signed_in("ivan")
    told.redis.command("CONFIG", "SET", "maxmemory", "1")
    try:
        ivan.sign_out_there()
        assert told.site.people.notice()["status"] == 200
        assert told.at_both(ivan) == OVER
    finally:
        told.redis.command("CONFIG", "SET", "maxmemory", "0")


def test_nothing_begins_in_a_session_that_has_ended_at_the_provider(told: Told) -> None:
    before = set(told.redis.names("ollama-gate:sid:*"))
    judy = told.signed_in("judy")
    [place] = set(told.redis.names("ollama-gate:sid:*")) - before
    # As if the provider had spoken while she signs in once more.
    told.redis.command("SET", f"{place}:ended", "1")
    status, _, text = judy.sign_in("/.gate/login?return=/api/tags")
    assert status == 503 and "session_store_unavailable" in text
    told.redis.command("DEL", f"{place}:ended")
    assert judy.sign_in("/.gate/login?return=/api/tags")[0] == 303
    judy.sign_out_there()
    assert told.at_both(judy) == OVER
    assert 0 < told.redis.command("TTL", f"{place}:ended") <= 120


def test_nobody_but_the_provider_ends_a_session(world: World, told: Told) -> None:
    erin, frank = told.signed_in("erin"), told.signed_in("frank")
    frank.sign_out_there()
    good = told.site.people.notice()["body"]
    world.secrets.append(good.rpartition(".")[2])
    header, _, rest = good.removeprefix("logout_token=").partition(".")
    claims, _, signature = rest.partition(".")
    unsigned = "eyJhbGciOiJub25lIn0"
    for body in (
        f"logout_token={unsigned}.{claims}.",
        f"logout_token={unsigned}.{claims}.{signature}",
        f"logout_token={header}.{claims}.{signature[:-4]}AAAA",
        f"logout_token={header}.e30.{signature}",
        "logout_token=x",
    ):
        assert told.post(body)[1]["code"] == "invalid_logout_token", body
    for body, headers in (
        ("", FORM),
        ("a=b", FORM),
        (f"{good}&{good}", FORM),
        (good, {"Content-Type": "application/json"}),
        (good, {}),
        (good, {**FORM, "Content-Encoding": "gzip"}),
    ):
        status, answer = told.post(body, headers)
        assert (status, answer["error"], answer["code"]) == (400, "invalid_request", "ambiguous_body"), (body, headers)
    assert told.post(f"{good}&pad={'x' * 70_000}")[1]["code"] == "body_too_large"
    status, fields, answer = told.site.ask("GET", PAGE)
    assert (status, dict(fields)["allow"], json.loads(answer)["code"]) == (405, "POST", "method_not_allowed")
    # A page elsewhere learns nothing either, and nobody's cookies matter.
    page = {
        **FORM,
        "Origin": "https://evil.example",
        "Cookie": f"{told.site.session}={erin.cookies[told.site.session]}",
    }
    assert told.post("a=b", page)[0] == 400
    assert told.at_both(erin) == INSIDE_STILL
    reached = [entry["target"] for entry in world.standin.requests() if ".gate" in entry["target"]]
    assert reached == [], "nothing of it goes on"


def test_a_provider_that_says_who_and_not_which_session_ends_all_of_that_person(told: Told) -> None:
    told.site.people.set(sid=0)
    try:
        here, elsewhere, heidi = told.signed_in("grace"), told.signed_in("grace"), told.signed_in("heidi")
        here.sign_out_there()
    finally:
        told.site.people.set(sid=1)
    assert told.at_both(here) == told.at_both(elsewhere) == OVER
    assert told.at_both(heidi) == INSIDE_STILL
    [line] = told.logged("signed_out_by_provider", "grace")
    assert (line["ends"], line["sessions"]) == ("sub", 2), line
