"""Passwords: files of `htpasswd` and `openssl`, keys in a password's place, the cookie, and the worker's time."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from demo import envoy as envoys
from demo.envoy import validate
from support.keyring import Keyring
from support.wire import Connection, build
from support.world import CHAT, Gate, Reach, World, eventually

FILE_ENV = "E2E_HTPASSWD"
FOREIGN = ("Origin", "https://evil.example.com")
HTPASSWD = shutil.which("htpasswd")
NO_HTPASSWD = "there is no `htpasswd` here: apt install apache2-utils, as `make test-e2e` does where it may"
OPENSSL = shutil.which("openssl")
# One user for each kind that the two programs make: its name, and what makes its line.
HTPASSWD_KINDS = {
    "bcrypt4": ["-B", "-C", "4"],
    "bcrypt5": ["-B"],
    "bcrypt8": ["-B", "-C", "8"],
    "sha256": ["-2"],
    "sha512": ["-5", "-r", "12800"],
    "md5": ["-m"],
    "plain": [],
    "sha": ["-s"],
}
OPENSSL_KINDS = {"apr1": ["-apr1"], "one": ["-1"], "five": ["-5"], "six": ["-6"]}


def run(*command: str, text: str | None = None) -> str:
    """In: a command and its input. Out: what it printed; fails if it failed."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (command[0], done.stderr)
    return done.stdout


def basic(user: str, password: str, padding: bool = True) -> tuple[str, str]:
    """In: name and password. Out: the header."""
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return "Authorization", f"Basic {text if padding else text.rstrip('=')}"


class Users:
    """Users with fresh passwords, as the programs write them."""

    def __init__(self, folder: Path) -> None:
        self.passwords = {kind: secrets.token_urlsafe(18) for kind in [*HTPASSWD_KINDS, *OPENSSL_KINDS]}
        self.passwords["bcrypt5"] = f"pä:s s€{secrets.token_urlsafe(12)}"
        self.folder = folder

    def of_htpasswd(self) -> str:
        """Out: the file that `htpasswd` makes, one kind after another."""
        assert HTPASSWD
        path = self.folder / "htpasswd"
        path.touch()
        for kind, options in HTPASSWD_KINDS.items():
            run(HTPASSWD, "-i", *options, str(path), kind, text=self.passwords[kind])
        return path.read_text(encoding="utf-8")

    def of_openssl(self) -> str:
        """Out: lines whose hashes `openssl passwd` makes."""
        assert OPENSSL
        lines = [
            f"{kind}:{run(OPENSSL, 'passwd', *options, '-stdin', text=self.passwords[kind])}"
            for kind, options in OPENSSL_KINDS.items()
        ]
        return "".join(lines)


def start(world: World, name: str, plugin: dict[str, Any], **environment: str) -> Gate:
    """In: a configuration and variables. Out: a gate that has both."""
    pack = world.pack(plugin=plugin)
    pack.environment(sorted([*world.keys.environment(), "E2E_UNSET_SECRET", *environment]))
    path = world.folder / f"{name}.yaml"
    pack.write(path)
    envoy = envoys.Envoy(world.binary, path, {**world.keys.environment(), **environment}, world.folder / f"{name}.log")
    world._envoys.append(envoy)
    envoy.wait_until_ready()
    return Gate(envoy, world.keys)


def check(gate: Gate, world: World, users: dict[str, str]) -> None:
    """In: a gate and users with their passwords. Fails unless each comes in with its own and no other."""
    for user, password in users.items():
        with Reach(world.standin, gate) as reach:
            for padding in (True, False, True):
                answer = gate.post("/api/chat", headers=[basic(user, password, padding)])
                assert answer.status == 200, (user, answer.body)
            assert reach.targets() == ["POST /api/chat"] * 3, user
        assert not [name for name, _ in reach.requests()[-1]["headers"] if name.lower() == "authorization"]
        seen = eventually(lambda user=user: [event for event in gate.decisions() if event.get("id") == user])
        event = next(event for event in seen if event["decision"] == "allowed")
        assert (event["credential"], event["subject"]) == ("basic", user)
        others = [other for other in users.values() if other != password][:1]
        with Reach(world.standin, gate) as reach:
            for wrong in [f"{password}x", password[:-1], password.swapcase(), *others]:
                for _ in range(2):
                    answer = gate.post("/api/chat", headers=[basic(user, wrong)])
                    assert (answer.status, answer.code) == (401, "wrong_password"), user
            assert reach.targets() == []


def plugin(keys: Keyring, users: Any) -> dict[str, Any]:
    """In: the keyring and the section `basic`. Out: the whole configuration."""
    return {**keys.plugin(), "hosts": ["gate.example.com", "127.0.0.1", "localhost"], "basic": users}


@pytest.fixture(scope="module")
def users(world: World, tmp_path_factory: pytest.TempPathFactory) -> Users:
    """The users; at the end of the session no password is in any output."""
    users = Users(tmp_path_factory.mktemp("users"))
    world.secrets += users.passwords.values()
    return users


@pytest.mark.skipif(not HTPASSWD, reason=NO_HTPASSWD)
def test_a_file_of_htpasswd_works_as_it_is(world: World, users: Users) -> None:
    text = users.of_htpasswd()
    world.secrets += [line.partition(":")[2] for line in text.splitlines()]
    gate = start(world, "htpasswd", plugin(world.keys, {"htpasswd": {"env": FILE_ENV}}), **{FILE_ENV: text})
    check(gate, world, {kind: users.passwords[kind] for kind in HTPASSWD_KINDS})
    gate.envoy.stop()


@pytest.mark.skipif(not HTPASSWD, reason=NO_HTPASSWD)
def test_users_of_a_file_have_models_all_of_them_or_by_name(world: World, users: Users) -> None:
    text = users.of_htpasswd()
    world.secrets += [line.partition(":")[2] for line in text.splitlines()]
    section = {
        "htpasswd": {"env": FILE_ENV},
        "models": ["llama3.2"],
        "users": [{"name": "sha", "models": ["qwen3"]}, {"name": "bcrypt4", "scopes": ["read"]}],
    }
    gate = start(world, "htpasswd-models", plugin(world.keys, section), **{FILE_ENV: text})
    own = {"bcrypt5": b"llama3.2", "md5": b"llama3.2", "sha": b"qwen3"}
    for user, model in own.items():
        login = basic(user, users.passwords[user])
        other = b"qwen3" if model == b"llama3.2" else b"llama3.2"
        with Reach(world.standin, gate) as reach:
            for body in (CHAT.replace(b"llama3.2", other), CHAT.replace(b"llama3.2", other + b":cloud")):
                answer = gate.post("/api/chat", body=body, headers=[login])
                assert answer.status == 403, (user, answer.body)
                assert answer.code == ("scope_denied" if b"cloud" in body else "model_denied"), user
            assert gate.post("/api/chat", body=CHAT.replace(b"llama3.2", model), headers=[login]).status == 200
            # Where heads are not held, that of a refused request goes to Ollama without its body.
            bodies = [event for event in world.standin.events() if event["event"] == "body"]
            numbers = {entry["request"] for entry in reach.requests()}
            assert len([event for event in bodies if event["request"] in numbers and event["bytes"]]) == 1, user
    answer = gate.post("/api/chat", headers=[basic("bcrypt4", users.passwords["bcrypt4"])])
    assert (answer.status, answer.code) == (403, "scope_denied")
    gate.envoy.stop()


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
def test_hashes_of_openssl_work_as_they_are(world: World, users: Users) -> None:
    text = users.of_openssl()
    world.secrets += [line.partition(":")[2] for line in text.splitlines()]
    gate = start(world, "openssl", plugin(world.keys, {"htpasswd": {"env": FILE_ENV}}), **{FILE_ENV: text})
    check(gate, world, {kind: users.passwords[kind] for kind in OPENSSL_KINDS})
    gate.envoy.stop()
    listed = [
        {"name": name, "password_hash": rest} for name, _, rest in (line.partition(":") for line in text.splitlines())
    ]
    gate = start(world, "openssl-users", plugin(world.keys, {"users": listed}))
    check(gate, world, {kind: users.passwords[kind] for kind in OPENSSL_KINDS})
    gate.envoy.stop()


@pytest.fixture(scope="module")
def front(world: World, users: Users) -> Gate:
    """A gate with one user, whose hash `openssl` made, and with the issuer's tokens in the cookie `token`."""
    assert OPENSSL
    hashed = run(OPENSSL, "passwd", "-6", "-stdin", text=users.passwords["six"]).strip()
    world.secrets.append(hashed)
    whole = plugin(world.keys, {"users": [{"name": "person", "password_hash": hashed}]})
    whole["jwt"][0]["cookie"] = "token"
    return world.start_gate("basic", whole)


def test_a_key_in_the_passwords_place_opens_with_its_own_scopes(front: Gate, world: World) -> None:
    for user in ("", "person", "whoever"):
        assert front.post("/api/chat", headers=[basic(user, world.keys.inference)]).status == 200
        denied = front.post("/api/chat", headers=[basic(user, world.keys.read)])
        assert (denied.status, denied.code) == (403, "scope_denied")
        expired = front.post("/api/chat", headers=[basic(user, world.keys.expired)])
        assert (expired.status, expired.code) == (401, "expired_key")
        unknown = front.post("/api/chat", headers=[basic(user, world.keys.unknown)])
        assert (unknown.status, unknown.code) == (401, "unknown_key")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_logs_in_with_name_and_password_or_key(front: Gate, world: World, users: Users) -> None:
    for login in (f"person:{users.passwords['six']}", f":{world.keys.read}", f"any:{world.keys.read}"):
        told = run("curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-u", login, f"{front.url}/api/tags")
        assert told == "200"


def test_a_browser_is_asked_for_name_and_password(front: Gate, gate: Gate) -> None:
    # Field by field, since a browser takes each for one challenge.
    def challenges(port: int) -> list[bytes]:
        with Connection(port) as connection:
            connection.send(build("GET", "/api/tags"))
            assert connection.line().split()[1] == b"401"
            fields = list(iter(connection.line, b""))
        return [field.partition(b": ")[2] for field in fields if field.lower().startswith(b"www-authenticate:")]

    bearer, asks = b'Bearer realm="ollama-gate"', b'Basic realm="ollama-gate", charset="UTF-8"'
    assert challenges(front.port) == [bearer, asks]
    assert challenges(gate.port) == [bearer]


def test_a_page_of_another_site_can_use_neither_password_nor_cookie(front: Gate, world: World, users: Users) -> None:
    own = ("Origin", "http://gate.example.com")
    cookie = ("Cookie", f"theme=dark; token={world.keys.jwt}")
    for header in (basic("person", users.passwords["six"]), basic("any", world.keys.inference), cookie):
        with Reach(world.standin, front) as reach:
            for origin in (FOREIGN, ("Origin", "null")):
                answer = front.post("/api/chat", headers=[header, origin])
                assert (answer.status, answer.code) == (403, "origin_denied")
            assert reach.targets() == []
            assert front.post("/api/chat", headers=[header]).status == 200
            assert front.post("/api/chat", headers=[header, own]).status == 200
    assert front.post("/api/chat", key=world.keys.jwt, headers=[FOREIGN]).status == 200
    assert front.post("/api/chat", headers=[cookie, FOREIGN, ("x-api-key", world.keys.inference)]).status == 200


def test_a_cookie_is_read_once_or_refused_and_never_goes_on(front: Gate, world: World) -> None:
    token = world.keys.jwt
    with Reach(world.standin, front) as reach:
        assert front.get("/api/tags", headers=[("Cookie", f"token={token}")]).status == 200
        (request,) = reach.requests()
    assert not [name for name, _ in request["headers"] if name.lower() == "cookie"]
    for cookies, status, code in (
        ([f"token={token}; token={token}"], 400, "ambiguous_credential"),
        # Envoy joins the two, so the gate sees what stands above.
        ([f"token={token}", f"token={token}"], 400, None),
        ([f"token={world.keys.expired_jwt}"], 401, "expired_token"),
        ([f"token={world.keys.forged_jwt}"], 401, "invalid_signature"),
        ([f"Token={token}"], 401, "missing_credential"),
        (["token="], 401, "missing_credential"),
    ):
        answer = front.get("/api/tags", headers=[("Cookie", cookie) for cookie in cookies])
        assert answer.status == status, cookies
        assert code in (None, answer.code)


@pytest.fixture(scope="module")
def expensive(world: World, users: Users) -> Gate:
    """A gate whose one hash costs a worker 100 ms of the 200 in a second, so that no machine is too slow for a flood."""
    assert OPENSSL
    salt = f"rounds=50000${secrets.token_hex(8)}"
    hashed = run(OPENSSL, "passwd", "-6", "-salt", salt, "-stdin", text=users.passwords["six"]).strip()
    assert hashed.startswith("$6$rounds=50000$")
    world.secrets.append(hashed)
    section = {"users": [{"name": "person", "password_hash": hashed}], "danger_allow_slow_hash": True}
    return world.start_gate("basic-expensive", plugin(world.keys, section))


def test_a_flood_of_wrong_passwords_leaves_the_others_their_worker(expensive: Gate, world: World, users: Users) -> None:
    front, person = expensive, [basic("person", users.passwords["six"])]
    # Known in each worker, as far as the kernel spreads connections.
    for _ in range(64):
        assert front.get("/api/tags", headers=person).status == 200
    codes: list[str | None] = []
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            codes.append(front.get("/api/tags", headers=[basic("person", secrets.token_hex(8))]).code)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    wanted, served = {"wrong_password", "too_many_passwords"}, 0
    try:
        while served < 100 or not wanted <= set(codes):
            # A right credential of another kind is never refused because passwords were wrong.
            assert front.get("/api/tags", key=world.keys.read).status == 200
            assert front.get("/api/tags", headers=person).status == 200
            assert front.get("/api/tags", headers=[basic("x", world.keys.read)]).status == 200
            served += 1
            assert served < 5000, set(codes)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(codes) == wanted
    answer = next(
        answer
        for answer in (front.get("/api/tags", headers=[basic("person", secrets.token_hex(8))]) for _ in range(5000))
        if answer.status == 429
    )
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.code == "too_many_passwords"


def refusals(world: World, name: str, users: Any) -> list[str]:
    """In: a section `basic` that Envoy has to refuse. Out: what the gate says of it."""
    pack = world.pack(plugin=plugin(world.keys, users))
    path = world.folder / f"{name}.yaml"
    pack.write(path)
    accepted, output = validate(world.binary, path, world.keys.environment())
    assert not accepted
    return [line for line in output.splitlines() if "ollama-gate: configuration" in line]


@pytest.mark.skipif(not HTPASSWD, reason=NO_HTPASSWD)
@pytest.mark.parametrize(("option", "kind"), [("-d", "crypt"), ("-p", "plain text")])
def test_a_line_of_another_kind_is_refused_by_its_number_and_user(world: World, option: str, kind: str) -> None:
    assert HTPASSWD
    line = run(HTPASSWD, "-ni", option, "person", text=secrets.token_urlsafe(6)).strip()
    hashed = line.partition(":")[2]
    world.secrets.append(hashed)
    lines = refusals(world, f"bad{option}", {"htpasswd": f"# users\n{line}\n"})
    assert "basic.htpasswd: line 2: the hash of `person` is of an unsupported kind" in "".join(lines), kind
    assert not [line for line in lines if hashed in line]


@pytest.mark.skipif(not HTPASSWD, reason=NO_HTPASSWD)
def test_a_slow_hash_is_refused_unless_the_dangerous_word_is_there(world: World) -> None:
    assert HTPASSWD
    password = secrets.token_urlsafe(12)
    line = run(HTPASSWD, "-niB", "-C", "9", "person", text=password).strip()
    world.secrets += [password, line.partition(":")[2]]
    told = "".join(refusals(world, "slow", {"htpasswd": line}))
    assert "basic.htpasswd: line 1: the hash of `person` is bcrypt of cost 9" in told
    assert "danger_allow_slow_hash" in told
    gate = world.start_gate("slow-wanted", plugin(world.keys, {"htpasswd": line, "danger_allow_slow_hash": True}))
    assert gate.get("/api/tags", headers=[basic("person", password)]).status == 200
    assert [line for line in gate.envoy.child.lines if "1 of the users have a slow hash" in line]
    gate.envoy.stop()
