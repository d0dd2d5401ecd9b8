"""Signing in at a browser: a real Chromium, two real gates behind a balancer that takes turns, and a real provider.

Chromium is not among what the tests install: `apt-get install chromium`, or CHROMIUM=path. E2E_LOGINS says how many
logins have to be begun at one gate and finished at the other (3), E2E_SCREENSHOTS=folder where pictures of the pages go.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import browser
from support.chromium import Chromium, Tab
from support.people import INSIDE, PREFIX, SERVED_BY, Site
from support.world import World

CHROMIUM = browser.find()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
LOGINS = int(os.environ.get("E2E_LOGINS", "3"))
PICTURES = os.environ.get("E2E_SCREENSHOTS")
CALLBACK = "/.gate/callback"
IS_INSIDE = "document.readyState === 'complete' && document.body.innerText.includes('\"models\"')"


@pytest.fixture(scope="module")
def site(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The one that tests share that leave its secret as it is."""
    site = Site(world, tmp_path_factory.mktemp("login"), "login")
    yield site
    site.stop()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser for all of them; each person in it has cookies of their own."""
    assert CHROMIUM is not None
    with Chromium(CHROMIUM, tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


@pytest.fixture
def person(chromium: Chromium) -> Iterator[str]:
    """Somebody new."""
    profile = chromium.profile()
    yield profile
    chromium.forget(profile)


def fill_in(tab: Tab, name: str) -> None:
    """In: a tab on its way to the provider, and a name. Signs in there."""
    tab.wait("!!document.querySelector('#name')")
    tab.fill("#name", name)
    tab.click("#in")


def picture(tab: Tab, name: str) -> None:
    """In: a name. Writes what the tab shows in both colour schemes, if pictures are wanted."""
    if PICTURES:
        for scheme in ("light", "dark"):
            tab.scheme(scheme)
            tab.screenshot(Path(PICTURES) / f"{name}-{scheme}.png")


def test_a_login_begun_at_one_gate_is_finished_at_the_other(
    site: Site, chromium: Chromium, capsys: pytest.CaptureFixture[str]
) -> None:
    crossed = tried = 0
    before = site.people.counts()
    while crossed < LOGINS:
        tried += 1
        assert tried <= 4 * LOGINS + 8, f"{crossed} of {tried} logins crossed over: the balancer takes no turns"
        person = chromium.profile()
        tab = chromium.tab(person, f"{site.origin}{INSIDE}?n={tried}")
        fill_in(tab, f"person{tried}")
        tab.at(f"{site.origin}{INSIDE}?n={tried}")
        tab.wait(IS_INSIDE)
        who = json.loads(tab.run("fetch('/.gate/whoami').then(answer => answer.text())"))
        assert who["subject"] == f"person{tried}"
        answers = [
            event["redirectResponse"]
            for event in tab.events("Network.requestWillBeSent")
            if event.get("redirectResponse")
        ]
        by = {
            answer["url"].split("?")[0].removeprefix(site.origin): answer["headers"].get(SERVED_BY)
            for answer in answers
        }
        began, finished = by[INSIDE], by[CALLBACK]
        assert began is not None and finished is not None
        crossed += began != finished
        chromium.forget(person)
    asked = site.people.counts() - before
    with capsys.disabled():
        print(f"\n    {tried} logins, {crossed} of them begun at one gate and finished at the other; {dict(asked)}")
    assert asked["codes"] == tried and asked["refused"] == 0


def test_three_tabs_sign_in_at_once(site: Site, chromium: Chromium, person: str) -> None:
    tabs = [chromium.tab(person, f"{site.origin}{INSIDE}?tab={number}") for number in range(3)]
    for tab in tabs:
        tab.wait("!!document.querySelector('#name')")
    names = {cookie["name"] for cookie in chromium.cookies(person)}
    assert len([name for name in names if name.startswith(f"{PREFIX}login-")]) == 3
    # The last one that was opened is the first to be finished.
    for number, tab in reversed(list(enumerate(tabs))):
        fill_in(tab, "alice")
        tab.at(f"{site.origin}{INSIDE}?tab={number}")
        tab.wait(IS_INSIDE)
    names = {cookie["name"] for cookie in chromium.cookies(person) if cookie["name"].startswith(PREFIX)}
    assert names == {site.session}


def test_a_secret_rotated_in_the_middle_of_a_login_breaks_neither_it_nor_a_session(
    world: World, chromium: Chromium, tmp_path: Path
) -> None:
    site = Site(world, tmp_path, "login-rotation")
    try:
        signed_in, under_way = chromium.profile(), chromium.profile()
        inside = chromium.tab(signed_in, f"{site.origin}{INSIDE}")
        fill_in(inside, "alice")
        inside.wait(IS_INSIDE)
        waiting = chromium.tab(under_way, f"{site.origin}{INSIDE}")
        waiting.wait("!!document.querySelector('#name')")
        old, new = site.secret, site.new_secret()
        site.rotate(new, old)
        fill_in(waiting, "bob")
        waiting.at(f"{site.origin}{INSIDE}")
        waiting.wait(IS_INSIDE)
        who = "fetch('/.gate/whoami').then(answer => answer.json()).then(who => who.subject)"
        assert (inside.run(who), waiting.run(who)) == ("alice", "bob")
        # What was sealed by the new one outlives the old one.
        site.rotate(new, None)
        assert waiting.run(who) == "bob"
        status = "fetch('/.gate/whoami').then(answer => answer.status)"
        site.rotate(site.new_secret(), None)
        assert waiting.run(status) == 401
    finally:
        site.stop()


def test_each_page_can_be_read_and_loads_nothing(site: Site, chromium: Chromium, person: str) -> None:
    tab = chromium.tab(person, f"{site.origin}{INSIDE}")
    fill_in(tab, "alice")
    tab.wait(IS_INSIDE)
    tab.go(f"{site.origin}/.gate/logout")
    tab.wait("document.title === 'You are signed in'")
    assert "alice" in tab.text()
    picture(tab, "signed-in")
    tab.click("button")
    # The provider asks by itself whether that was meant.
    tab.wait("!!document.querySelector('#yes')")
    tab.click("#yes")
    tab.at(f"{site.origin}/.gate/signed-out")
    assert tab.run("document.title") == "You are signed out"
    picture(tab, "signed-out")
    assert [cookie for cookie in chromium.cookies(person) if cookie["name"].startswith(PREFIX)] == []
    tab.go(f"{site.origin}{CALLBACK}?code=x&state=y")
    tab.wait("document.title === 'Sign-in failed'")
    assert "sign_in_failed" in tab.text()
    picture(tab, "failed")
    tab.click("a")
    tab.wait("!!document.querySelector('#name')")
    hosts = {event["request"]["url"].split("/")[2] for event in tab.events("Network.requestWillBeSent")}
    assert hosts == {site.origin.removeprefix("https://"), site.people.issuer.removeprefix("http://")}
    violations = [event for event in tab.events("Runtime.consoleAPICalled") if event["type"] == "error"]
    assert violations == []


def test_gates_that_know_nothing_of_the_provider_yet_sign_people_out_there(
    world: World, chromium: Chromium, person: str, tmp_path: Path
) -> None:
    site = Site(world, tmp_path, "login-restarted")
    try:
        tab = chromium.tab(person, f"{site.origin}{INSIDE}")
        fill_in(tab, "alice")
        tab.wait(IS_INSIDE)
        site.rotate(site.secret, None)
        tab.go(f"{site.origin}/.gate/logout")
        tab.wait("document.title === 'You are signed in'")
        tab.click("button")
        tab.wait("!!document.querySelector('#yes')")
        tab.click("#yes")
        tab.at(f"{site.origin}/.gate/signed-out")
    finally:
        site.stop()


def test_signed_out_at_the_provider_too_one_has_to_sign_in_again(site: Site, chromium: Chromium, person: str) -> None:
    tab = chromium.tab(person, f"{site.origin}{INSIDE}")
    fill_in(tab, "alice")
    tab.wait(IS_INSIDE)
    # Still known to the provider: nobody is asked.
    other = chromium.tab(person)
    chromium.call("Network.deleteCookies", other.session, name=site.session, url=site.origin)
    other.go(f"{site.origin}{INSIDE}")
    other.wait(IS_INSIDE)
    other.go(f"{site.origin}/.gate/logout")
    other.click("button")
    other.click("#yes")
    other.at(f"{site.origin}/.gate/signed-out")
    tab.go(f"{site.origin}{INSIDE}")
    tab.wait("!!document.querySelector('#name')")
