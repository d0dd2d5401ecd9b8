"""A real provider whose endpoints are on hosts of their own, as Google's are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from support.people import INSIDE, Site, Visitor
from support.ports import port_to_keep
from support.world import FULL, World, eventually

CLUSTERS = {"tokens.example": "tokens", "people.example": "claims", "keys.example": "keys"}


def site(world: World, folder: Path, name: str, leave_out: str | None = None, **login: Any) -> Site:
    """In: what `login` has too, and which host has no name there. Out: a site whose provider has four hosts."""
    elsewhere = port_to_keep()
    named = {f"{host}:{elsewhere}": cluster for host, cluster in CLUSTERS.items() if host != leave_out}
    provider = {"ELSEWHERE": str(elsewhere), "USER_INFO": "plain"}
    servers = dict.fromkeys(CLUSTERS.values(), elsewhere)
    return Site(world, folder, name, provider, module=FULL, servers=servers, userinfo=True, upstreams=named, **login)


def test_people_sign_in_at_a_provider_with_four_hosts_and_are_refreshed_there(world: World, tmp_path: Path) -> None:
    there = site(world, tmp_path, "servers", cookie_refresh="10s", scope="openid groups offline_access")
    try:
        there.people.set(access=10)
        alice = Visitor(there, "alice")
        status, _, text = alice.sign_in()
        assert status == 303, text
        assert alice.ask(INSIDE)[0] == 200, "by a group that the UserInfo endpoint alone tells"
        before = there.people.counts()
        assert (before["codes"], before["inquiries"], before["astray"]) == (1, 1, 0)

        def refreshed() -> bool:
            assert alice.ask(INSIDE)[0] == 200
            return there.people.counts()["inquiries"] > 1

        eventually(refreshed, 60, "a refresh, which asks for tokens and about the person again")
        after = there.people.counts()
        assert after["refreshes"] >= 1 and after["elsewhere"] > before["elsewhere"]
        assert (after["astray"], after["refused"]) == (0, 0)
    finally:
        there.stop()


def test_metadata_that_name_a_host_without_an_upstream_send_nothing_there(world: World, tmp_path: Path) -> None:
    there = site(world, tmp_path, "servers-not-named", leave_out="tokens.example")
    try:
        visitor = Visitor(there, "alice")
        status, fields, text = visitor.ask(INSIDE)
        assert status == 503 and "provider_unavailable" in text
        assert "location" not in fields and visitor.cookies == {}
        why = "`token_endpoint` is on `tokens.example:"
        eventually(
            lambda: all(any(why in line for line in gate.envoy.child.lines) for gate in there.gates),
            what="a line of both gates that says which endpoint is on which host",
        )
        lines = [line for gate in there.gates for line in gate.envoy.child.lines if why in line]
        assert all('"NAME" }` in `login.upstreams`' in line for line in lines)
        # A moment later as well: nothing goes there by itself.
        time.sleep(2)
        counts = there.people.counts()
        assert (counts["codes"], counts["refused"], counts["astray"]) == (0, 0, 0)
    finally:
        there.stop()
