"""How the gate is a client of a real provider at the sign-in: a key that proves it, and what it asks about people."""

from __future__ import annotations

import json
from pathlib import Path

from support.people import INSIDE, Site, Visitor
from support.signing import signing_key
from support.world import World

SIGNING_KEY = "E2E_LOGIN_SIGNING_KEY"


def test_people_sign_in_where_the_gate_proves_itself_by_a_key(world: World, tmp_path: Path) -> None:
    pem, jwk = signing_key("gate-2026")
    site = Site(
        world,
        tmp_path,
        "signs",
        {"CLIENT_JWKS": json.dumps({"keys": [jwk]})},
        {SIGNING_KEY: pem},
        auth="private_key_jwt",
        client_secret=None,
        private_key={"env": SIGNING_KEY},
        key_id="gate-2026",
    )
    try:
        for name in ("alice", "bob", "carol"):
            visitor = Visitor(site, name)
            status, _, text = visitor.sign_in()
            assert status == 303, text
            assert json.loads(visitor.ask("/.gate/whoami")[2])["subject"] == name
        # The provider takes no name of an assertion twice, and had nothing to refuse.
        assert site.people.counts()["codes"] == 3
        assert site.people.counts()["refused"] == 0
        for gate in site.gates:
            output = gate.envoy.child.output()
            assert not any(line in output for line in pem.splitlines()[1:-1])
    finally:
        site.stop()


def test_a_key_that_the_provider_does_not_know_signs_nobody_in(world: World, tmp_path: Path) -> None:
    (_, jwk), (other, _) = signing_key("gate-2026"), signing_key("gate-2026")
    site = Site(
        world,
        tmp_path,
        "signs-not",
        {"CLIENT_JWKS": json.dumps({"keys": [jwk]})},
        {SIGNING_KEY: other},
        auth="private_key_jwt",
        client_secret=None,
        private_key={"env": SIGNING_KEY},
    )
    try:
        visitor = Visitor(site, "alice")
        status, _, text = visitor.sign_in()
        assert status == 403 and "sign_in_failed" in text
        assert visitor.cookies == {} and site.people.counts()["codes"] == 0
        causes = [line for gate in site.gates for line in gate.envoy.child.lines if "invalid_client" in line]
        assert causes, "the log says what the provider said"
    finally:
        site.stop()


def test_groups_that_the_provider_tells_at_its_user_info_endpoint_alone_count(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path, "user-info", {"USER_INFO": "plain"}, userinfo=True)
    try:
        alice = Visitor(site, "alice")
        status, _, text = alice.sign_in()
        assert status == 303, text
        assert alice.ask(INSIDE)[0] == 200, "a group that the provider tells at that endpoint lets people in"
        assert site.people.counts()["inquiries"] == 1
        # Requests of a session ask nobody.
        assert {alice.ask(INSIDE)[0] for _ in range(8)} == {200}
        assert site.people.counts()["inquiries"] == 1
    finally:
        site.stop()


def test_groups_of_a_provider_that_is_not_asked_are_not_known(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path, "user-info-not", {"USER_INFO": "plain"})
    try:
        alice = Visitor(site, "alice")
        assert alice.sign_in()[0] == 303
        assert alice.ask(INSIDE)[0] == 403
        assert site.people.counts()["inquiries"] == 0
    finally:
        site.stop()


def test_an_answer_about_people_that_is_signed_signs_nobody_in(world: World, tmp_path: Path) -> None:
    site = Site(world, tmp_path, "user-info-signed", {"USER_INFO": "signed"}, userinfo=True)
    try:
        alice = Visitor(site, "alice")
        status, _, text = alice.sign_in()
        assert status == 403 and "sign_in_failed" in text
        assert alice.cookies == {} and site.people.counts()["inquiries"] == 1
        lines = [line for gate in site.gates for line in gate.envoy.child.lines]
        assert any("userinfo_signed_response_alg" in line for line in lines), "the log says what to change"
    finally:
        site.stop()
