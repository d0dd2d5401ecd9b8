"""What somebody may try at the sign-in, against two real gates and a real provider: each of it is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from support.people import INSIDE, PREFIX, Site, Visitor
from support.world import Reach, World

API = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def site(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site that all of them attack."""
    site = Site(world, tmp_path_factory.mktemp("attacks"), "attacks")
    yield site
    site.stop()


@pytest.fixture
def alice(site: Site) -> Visitor:
    """Somebody who is signed in."""
    visitor = Visitor(site, "alice")
    status, fields, text = visitor.sign_in(INSIDE)
    assert (status, fields["location"]) == (303, INSIDE), text
    assert visitor.ask(INSIDE)[0] == 200
    return visitor


def refused_sign_in(visitor: Visitor, path: str) -> None:
    """In: a browser and where it is sent. It is refused, gets no session, and no code is redeemed for it."""
    before = visitor.site.people.counts()
    held = visitor.cookies.get(visitor.site.session)
    status, _, text = visitor.ask(path)
    assert status == 403 and "sign_in_failed" in text, (status, text)
    assert visitor.cookies.get(visitor.site.session) == held
    assert visitor.site.people.counts()["codes"] == before["codes"]


def code_of(visitor: Visitor, path: str, cookies: dict[str, str]) -> tuple[int, str]:
    """In: cookies. Out: status and code of what a program gets with them."""
    status, _, text = visitor.ask(path, headers=API, cookies=cookies)
    return status, json.loads(text).get("code", "") if text.startswith("{") else ""


def test_an_answer_of_the_provider_counts_only_in_the_browser_that_asked(site: Site) -> None:
    mallory, victim = Visitor(site, "mallory"), Visitor(site, "victim")
    callback = mallory.sign_in_there(mallory.begin())
    # With no sign-in under way, and with one of its own.
    refused_sign_in(victim, callback)
    victim.begin()
    refused_sign_in(victim, callback)
    assert mallory.ask(callback)[0] == 303


def test_an_answer_counts_once(site: Site) -> None:
    visitor = Visitor(site, "alice")
    callback = visitor.sign_in_there(visitor.begin())
    attempt = visitor.attempts()
    assert visitor.ask(callback)[0] == 303 and visitor.attempts() == {}
    refused_sign_in(visitor, callback)
    # Somebody who kept the cookie: the provider takes no code twice.
    thief = Visitor(site, "mallory")
    thief.cookies.update(attempt)
    refused_sign_in(thief, callback)
    assert site.session not in thief.cookies


def test_a_code_of_one_sign_in_redeems_nothing_in_another(site: Site) -> None:
    mallory, victim = Visitor(site, "mallory"), Visitor(site, "victim")
    stolen = re.search(r"code=[^&]+", victim.sign_in_there(victim.begin()))
    own = mallory.sign_in_there(mallory.begin())
    assert stolen is not None
    refused_sign_in(mallory, re.sub(r"code=[^&]+", stolen.group(), own))


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (r"&?iss=[^&]+", ""),
        (r"iss=[^&]+", "iss=" + quote("https://evil.example", safe="")),
        (r"code=[^&]+", "code="),
        (r"code=[^&]+", "error=access_denied"),
        (r"state=[^&]+", "state="),
        (r"state=[^&]+", "state=" + "A" * 43),
        (r"(state=[^&]+)", r"\1&\1"),
        (r"(code=[^&]+)", r"\1&code=other"),
    ],
    ids=["no-iss", "another-iss", "no-code", "an-error", "no-state", "unknown-state", "state-twice", "code-twice"],
)
def test_an_answer_that_was_changed_on_the_way_is_refused(site: Site, found: str, instead: str) -> None:
    visitor = Visitor(site, "alice")
    callback = visitor.sign_in_there(visitor.begin())
    changed = re.sub(found, instead, callback, count=1)
    assert changed != callback
    refused_sign_in(visitor, changed)


def test_a_session_that_was_changed_opens_nothing(site: Site, alice: Visitor, world: World) -> None:
    whole = alice.cookies[site.session]
    alice.begin("/.gate/login")
    [attempt] = alice.attempts().values()
    middle = len(whole) // 2
    flipped = whole[:middle] + ("A" if whole[middle] != "A" else "B") + whole[middle + 1 :]
    changed = [
        flipped,
        whole[:-1],
        whole[: len(whole) // 2],
        whole + "A",
        whole[:2] + whole[3:],
        "1.",
        "1",
        attempt,
        "x",
    ]
    with Reach(world.standin, site.gates[0]) as reach:
        for value in changed:
            seen = code_of(alice, INSIDE, {site.session: value})
            assert seen == (401, "invalid_session"), (value[:8], seen)
            # A browser is sent to sign in, and a session is no sign-in under way.
            assert alice.ask(INSIDE, cookies={site.session: value})[0] == 303
        assert reach.targets() == []
    assert code_of(alice, INSIDE, {site.session: whole}) == (200, "")


def test_a_sign_in_under_way_that_was_changed_is_none(site: Site, alice: Visitor) -> None:
    session = alice.cookies[site.session]
    for change in (lambda value: value[:-2] + "AA", lambda value: value[:-9], lambda _: session):
        visitor = Visitor(site, "bob")
        callback = visitor.sign_in_there(visitor.begin())
        visitor.cookies = {name: change(value) for name, value in visitor.cookies.items()}
        refused_sign_in(visitor, callback)


def test_a_session_of_another_secret_opens_nothing(site: Site, world: World, tmp_path: Path) -> None:
    other = Site(world, tmp_path, "attacks-other")
    try:
        stranger = Visitor(other, "alice")
        assert stranger.sign_in()[0] == 303
        seen = code_of(Visitor(site, "alice"), INSIDE, {site.session: stranger.cookies[other.session]})
        assert seen == (401, "invalid_session")
    finally:
        other.stop()


def test_a_flood_of_cookies_is_refused_and_costs_nobody_else(site: Site, alice: Visitor) -> None:
    whole = alice.cookies[site.session]
    parts = {f"{site.session}-{number}": "x" for number in range(1, 40)}
    assert code_of(alice, INSIDE, {site.session: whole, **parts}) == (401, "invalid_session")
    large = {f"filler{number}": "x" * 4000 for number in range(10)}
    assert code_of(alice, INSIDE, {site.session: whole, **large}) == (401, "invalid_session")
    # Beyond what Envoy takes of a head it never reaches the gate.
    larger = {f"filler{number}": "x" * 4000 for number in range(16)}
    assert alice.ask(INSIDE, headers=API, cookies={site.session: whole, **larger})[0] == 431
    # Of others there may be forty, as on a host with many programs.
    others = {f"program{number}": "on" for number in range(40)}
    assert code_of(alice, INSIDE, {site.session: whole, **others}) == (200, "")
    twice = f"{site.session}={whole}; {site.session}={whole}"
    status, _, body = site.ask("GET", INSIDE, {**API, "Cookie": twice})
    assert status == 401 and json.loads(body)["code"] == "invalid_session"


def test_a_session_that_was_planted_before_is_not_the_one_after(site: Site, alice: Visitor) -> None:
    planted = alice.cookies[site.session]
    victim = Visitor(site, "victim")
    victim.cookies[site.session] = planted
    status, _, _ = victim.ask(victim.sign_in_there(victim.begin("/.gate/login")))
    assert status == 303 and victim.cookies[site.session] != planted
    assert json.loads(victim.ask("/.gate/whoami", headers=API)[2])["subject"] == "victim"
    kept = victim.ask("/.gate/whoami", headers=API, cookies={site.session: planted})[2]
    assert json.loads(kept)["subject"] == "alice"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5cevil.example",
        "/%2f/evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:%20a=b",
        "/\r\nSet-Cookie: a=b",
        "/a?b=%0aSet-Cookie:%20a=b",
        "/.gate/logout",
        "/" + "a" * 2000,
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(site: Site, target: str) -> None:
    visitor = Visitor(site, "alice")
    status, fields, text = visitor.ask(
        visitor.sign_in_there(visitor.begin(f"/.gate/login?return={quote(target, safe='')}"))
    )
    assert (status, fields["location"]) == (303, "/"), text
    assert not any(name == "a" for name in visitor.cookies)


def test_no_page_elsewhere_can_use_a_session_or_end_it(site: Site, alice: Visitor, world: World) -> None:
    evil = {**API, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    with Reach(world.standin, site.gates[0]) as reach:
        status, _, text = alice.ask(INSIDE, headers=evil)
        assert (status, json.loads(text)["code"]) == (403, "origin_denied")
        for headers in (evil, {**API, "Origin": "null"}, API, {**API, "Origin": site.origin}):
            alice.ask("/.gate/logout", method="POST", headers=headers)
            assert site.session in alice.cookies, headers
        assert reach.targets() == []
    # The token of one session ends no other one.
    bob = Visitor(site, "bob")
    assert bob.sign_in()[0] == 303
    page = bob.ask("/.gate/logout")[2]
    action = re.search(r'action="([^"]+)"', page)
    assert action is not None
    own = {**API, "Origin": site.origin}
    alice.ask(action.group(1), method="POST", headers=own)
    assert site.session in alice.cookies
    bob.ask(action.group(1), method="POST", headers=own)
    assert site.session not in bob.cookies


def test_only_a_navigation_is_redirected(site: Site) -> None:
    visitor = Visitor(site, "alice")
    for method, headers in [
        ("GET", {"Accept": "*/*"}),
        ("GET", {"Accept": "text/html;q=0"}),
        ("GET", {"Accept": "text/html", "Sec-Fetch-Mode": "cors"}),
        ("GET", {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}),
        ("POST", {"Accept": "text/html"}),
    ]:
        status, fields, text = visitor.ask(INSIDE, method=method, headers=headers)
        assert (status, json.loads(text)["code"]) == (401, "missing_credential"), headers
        assert "location" not in fields and visitor.cookies == {}


def test_ollama_sees_no_cookie_of_the_gate(site: Site, alice: Visitor, world: World) -> None:
    with Reach(world.standin, site.gates[0]) as reach:
        assert alice.ask(INSIDE)[0] == 200
        [seen] = reach.requests()
    assert not any(name.lower() == "cookie" for name, _ in seen["headers"])


def test_cookies_are_as_closed_as_they_can_be_and_small(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {}
    for name in ("alice", "alice-60"):
        visitor = Visitor(site, name)
        callback = visitor.sign_in_there(visitor.begin())
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        _, fields, _ = site.ask("GET", callback, {"Accept": "text/html", "Cookie": cookie})
        lines = [value for field, value in fields if field == "set-cookie" and value.startswith(PREFIX)]
        set_ = [line for line in lines if "Max-Age=0" not in line]
        assert len(set_) <= 2
        for line in lines:
            attributes = {part.strip() for part in line.split(";")[1:]}
            assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} <= attributes, line.split("=")[0]
            assert not any(part.lower().startswith("domain") for part in attributes)
            assert len(line) <= 4096
        sizes[name] = [len(line) for line in set_]
    with capsys.disabled():
        print(f"\n    bytes of Set-Cookie: {sizes}")
