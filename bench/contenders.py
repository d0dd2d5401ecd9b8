"""Who is measured: the filter of each, and the requests that it gets."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from . import sessions
from .credentials import ALGORITHMS, API_KEY, AUDIENCE, ISSUER, SECRET, Credentials, basic, htpasswd, jwks, secret_jwk

TYPES = "type.googleapis.com/envoy.extensions.filters.http"
# What the openai SDK sends for a list of models, about.
HEADERS = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "localhost:11434"),
    (":path", "/v1/models"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate, zstd"),
    ("content-type", "application/json"),
    ("user-agent", "OpenAI/Python 3.52.0"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-lang", "python"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-runtime", "CPython"),
]


# The sizes of the bodies that a rule looks into, in kB.
BODIES = (1, 16, 256)
ZSTD = "body-zstd-16k"
# Traffic of people who are signed in.
COOKIES = ("session", "session-groups", "oauth2")
NETWORKS = ["192.168.0.0/16", "172.16.0.0/12", "127.0.0.0/8", "fd00::/8"]
# The packs' own, with the name of the requests among them; places and fields that requests do not have cost most.
HOSTS = ["localhost", "127.0.0.1", "[::1]", "host.docker.internal"]
PLACES = ["apikey", "X-Goog-Api-Key", {"name": "Authorization", "scheme": "Token"}]


@dataclass
class Contender:
    """One listener: its filter, and the credentials that its requests carry in turn.

    `traffic` names what kind of requests it gets: the same kind through a listener without a filter
    is what its cost is measured against.
    """

    name: str
    traffic: str
    filter: dict[str, Any] | None
    credentials: list[str]
    status: int = 200
    body: bytes = b""
    access_log: bool = False
    port: int = 0
    samples: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)
    next: int = 0

    @property
    def is_bare(self) -> bool:
        """Out: whether it is what the others are measured against: a listener without a filter, and without a log."""
        return self.filter is None and not self.access_log

    def share(self, requests: int) -> int:
        """In: requests to send in a round. Out: how many of them it gets: fewer of those with large bodies."""
        return max(100, requests * 2048 // (2048 + len(self.body)))

    def requests(self) -> bytes:
        """Out: the requests as the load generator reads them."""
        parts = []
        for credential in self.credentials:
            place = "cookie" if self.traffic in COOKIES else "authorization"
            fields = [*HEADERS, (place, credential)] if credential else [*HEADERS]
            if self.body:
                fields[0] = (":method", "POST")
                fields[3] = (":path", "/v1/chat/completions")
            if self.traffic == ZSTD:
                fields.append(("content-encoding", "zstd"))
            block = b"".join(_literal(name, value) for name, value in fields)
            parts.append(f"{len(block)} {len(self.body)}\n".encode() + block + self.body)
        return b"".join(parts)


@dataclass
class Modules:
    """The wasm files that are measured."""

    gate: Path
    gate_for_every_gateway: Path
    empty: Path
    beside: Path | None = None


def _literal(name: str, value: str) -> bytes:
    """A header field as RFC 7541 section 6.2.2 has it: literal, not to be indexed, no Huffman code."""

    def text(part: str) -> bytes:
        length, prefix = len(part), b""
        if length < 127:
            return bytes([length]) + part.encode()
        prefix, length = b"\x7f", length - 127
        while length >= 128:
            prefix += bytes([length % 128 + 128])
            length //= 128
        return prefix + bytes([length]) + part.encode()

    return b"\x00" + text(name) + text(value)


def _wasm(module: Path, vm: str, configuration: dict[str, Any] | str | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": vm,
        "root_id": vm,
        "vm_config": {
            "vm_id": vm,
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": str(module)}},
        },
        "failure_policy": "FAIL_RELOAD",
    }
    if configuration is not None:
        text = configuration if isinstance(configuration, str) else json.dumps(configuration)
        config["configuration"] = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}
    return {"name": vm, "typed_config": {"@type": f"{TYPES}.wasm.v3.Wasm", "config": config}}


def _gate(name: str, module: Path, logged: bool, fields: list[str] | None = None, **sections: Any) -> dict[str, Any]:
    # Heads are held as in the packs: the router here answers a head at once, and nobody would read the body.
    host = {"name": "envoy", "hold_head": True}
    log = {"allowed": logged, **({"fields": fields} if fields else {})}
    return _holding(_wasm(module, name, {**sections, "host": host, "log": log}))


def _holding(filter: dict[str, Any]) -> dict[str, Any]:
    filter["typed_config"]["config"]["allow_on_headers_stop_iteration"] = True
    return filter


def _issuer(algorithm: str, **keys: Any) -> list[dict[str, Any]]:
    rules = {"issuer": ISSUER, "audiences": [AUDIENCE], "scopes_claim": "scope"}
    return [{"name": "bench", "algorithms": [ALGORITHMS[algorithm]], **rules, **keys}]


def _chat(size: int, prose: str = "The quick brown fox jumps over the lazy dog.\n") -> bytes:
    """Out: a chat of about so many bytes, most of them prose, and the model at its end."""
    content = prose * (size // (len(prose) + 1))
    return json.dumps({"messages": [{"role": "user", "content": content}], "model": "llama3.2"}).encode()


def _words() -> str:
    """Out: 16 kB that compress about as well as prose does, where a line that repeats would shrink to nothing."""
    words = random.Random(16)
    return " ".join(f"{words.getrandbits(16):x}" for _ in range(3300))[: 16 * 1024 - 100]


def _keys(count: int, **rules: Any) -> dict[str, Any]:
    def digest(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    others = [{"id": f"key-{number}", "sha256": digest(f"sk-other-{number}")} for number in range(count - 1)]
    return {"keys": [*others, {"id": "bench", "sha256": digest(API_KEY), "subject": "alice", **rules}]}


# The document of a source, which `envoy.py` serves within Envoy.
SOURCE = {"url": "http://keys.internal/", "upstream": "keys"}


def key_document() -> str:
    """Out: the keys of `gate-key`, as a document."""
    return json.dumps(_keys(3))


def _jwt_authn(name: str, keys: str, cached: bool = False) -> dict[str, Any]:
    provider: dict[str, Any] = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": keys},
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
    }
    if cached:
        provider["jwt_cache_config"] = {"jwt_cache_size": 1000}
    rules = [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}]
    config = {"@type": f"{TYPES}.jwt_authn.v3.JwtAuthentication", "providers": {"bench": provider}, "rules": rules}
    return {"name": name, "typed_config": config}


def signing_in(modules: Modules) -> list[Contender]:
    """In: the modules. Out: those at which somebody signs in, to have the cookies of it."""
    gate = _gate("gate", modules.gate, False, login=sessions.login(), hosts=[sessions.HOST])
    return [Contender("gate", "", gate, []), Contender("native", "", sessions.native("native"), [])]


def all_contenders(
    modules: Modules, made: Credentials, key_counts: list[int], cookies: dict[str, str]
) -> list[Contender]:
    """In: the modules, credentials, numbers of keys, cookies of people who are signed in. Out: everybody, those
    without a filter first."""
    gate, empty = modules.gate, modules.empty
    traffic = {name: [f"Bearer {token}" for token in tokens] for name, tokens in made.tokens.items()}
    traffic |= {"key": [f"Bearer {API_KEY}"], "nothing": [""], "password": [basic()]}
    traffic |= {"forged": [f"Bearer {made.forged}"]}
    traffic |= {kind: [cookie] for kind, cookie in cookies.items()}
    bodies = {f"body-{size}k": _chat(size * 1024) for size in BODIES}
    bodies[ZSTD] = zstandard.compress(_chat(16 * 1024, _words()))
    traffic |= {kind: traffic["key"] for kind in bodies}
    found = [
        Contender(f"none-{kind}", kind, None, credentials, body=bodies.get(kind, b""))
        for kind, credentials in traffic.items()
    ]

    def add(name: str, kind: str, config: dict[str, Any], status: int = 200, repeated: bool = False) -> None:
        credentials = traffic[kind][:1] if repeated else traffic[kind]
        found.append(Contender(name, kind, config, credentials, status, bodies.get(kind, b"")))

    def add_gate(
        name: str, kind: str, status: int = 200, logged: bool = False, repeated: bool = False, **sections: Any
    ) -> None:
        add(name, kind, _gate(name, gate, logged, **sections), status, repeated)
        if modules.beside:
            other = name.replace("gate-", "beside-", 1)
            add(other, kind, _gate(other, modules.beside, logged, **sections), status, repeated)

    add("empty-wasm", "key", _wasm(empty, "empty-wasm", None))
    add("read-wasm", "key", _wasm(empty, "read-wasm", "read"))
    add("log-wasm", "key", _wasm(empty, "log-wasm", "log"))
    add("property-wasm", "key", _wasm(empty, "property-wasm", "property"))
    add("reply-wasm", "nothing", _wasm(empty, "reply-wasm", "reply"), 401)
    add("refuse-wasm", "nothing", _wasm(empty, "refuse-wasm", "refuse"), 401)
    add_gate("gate-key", "key", api_keys=_keys(3))
    add_gate("gate-key-sourced", "key", api_keys={"source": SOURCE})
    add_gate("gate-key-logged", "key", logged=True, api_keys=_keys(3))
    add_gate("gate-key-shared", "key", api_keys=_keys(3), share_identity=True)
    # Envoy's own access log in place of the gate's lines, and what the log costs without a gate.
    for name, own in (
        ("native-access-log", None),
        ("gate-key-access-log", _gate("gate-key-access-log", gate, False, api_keys=_keys(3), share_identity=True)),
    ):
        found.append(Contender(name, "key", own, traffic["key"], access_log=True))
    add_gate("gate-key-host", "key", api_keys=_keys(3), upstream={"host": "ollama.internal:11434"})
    add_gate("gate-key-scopes", "key", api_keys=_keys(3, scopes=["read", "inference", "manage", "cloud"]))
    # What a request costs more where the configuration has these. The requests are those of `gate-key`.
    add_gate("gate-key-hosts", "key", api_keys=_keys(3), hosts=HOSTS)
    add_gate("gate-key-places", "key", api_keys=_keys(3), credential_headers=PLACES)
    add_gate("gate-key-fields", "key", logged=True, fields=["address", "model"], api_keys=_keys(3))
    add_gate("gate-key-network", "key", api_keys=_keys(3), network={"allow": NETWORKS, "deny": ["10.6.6.0/24"]})
    # A rule for models, and a request without a body; then with one of 1 kB and more.
    models = _keys(3, models=["llama3.2", "qwen3:*"])
    add_gate("gate-model-get", "key", api_keys=models)
    for kind in bodies:
        add_gate(f"gate-model-{kind}", kind, api_keys=models)
        add_gate(f"gate-key-{kind}", kind, api_keys=_keys(3))
        # The least that a filter pays that is shown a body, that has it held, and that also looks at it.
        for name, does in (("pass", None), ("hold", "hold"), ("read", "read-body")):
            floor = _holding(_wasm(empty, f"{name}-wasm-{kind}", does))
            add(f"{name}-wasm-{kind}", kind, floor)
        buffer = {"@type": f"{TYPES}.buffer.v3.Buffer", "max_request_bytes": 1 << 24}
        add(f"native-buffer-{kind}", kind, {"name": "buffer", "typed_config": buffer})
    every = _gate("gate-key-every", modules.gate_for_every_gateway, False, api_keys=_keys(3))
    add("gate-key-every", "key", every)
    # Its credential goes in the header that the client's came in: against `gate-key-every`.
    own = {"credential": {"value": "front-8c1d5f20b7e94a36d2c1"}}
    own = _gate("gate-key-own", modules.gate_for_every_gateway, False, api_keys=_keys(3), upstream=own)
    add("gate-key-own", "key", own)
    for name in ALGORITHMS:
        keys = {"secrets": [SECRET]} if name == "hs256" else {"keys": [made.jwk(name)]}
        issuer = _issuer(name, **keys)
        add_gate(f"gate-{name}-warm", name, repeated=True, jwt=issuer)
        add_gate(f"gate-{name}-cold", name, jwt=issuer)
    signed_in = {"login": sessions.login(), "hosts": [sessions.HOST]}
    add_gate("gate-session", "session", **signed_in)
    add_gate("gate-session-groups", "session-groups", **signed_in)
    add_gate("gate-denied", "nothing", 401, api_keys=_keys(3))
    add_gate("gate-forged-replayed", "forged", 401, jwt=_issuer("es256", keys=[made.jwk("es256")]))
    for count in key_counts:
        add_gate(f"gate-key-{count}", "key", api_keys=_keys(count))
    for name in ("hs256", "rs256", "es256"):
        public = secret_jwk() if name == "hs256" else made.jwk(name)
        native = f"native-jwt_authn-{name}"
        add(native, name, _jwt_authn(native, jwks(public)))
    cached = _jwt_authn("native-jwt_authn-rs256-cached", jwks(made.jwk("rs256")), cached=True)
    add("native-jwt_authn-rs256-cached", "rs256", cached, repeated=True)
    add("native-oauth2", "oauth2", sessions.native("native-oauth2"))
    source = {"key_sources": [{"header": "Authorization"}]}
    listed = {"credentials": [{"key": API_KEY, "client": "bench"}]}
    api_key = {"@type": f"{TYPES}.api_key_auth.v3.ApiKeyAuth", **listed, **source}
    add("native-api_key_auth", "key", {"name": "api_key_auth", "typed_config": api_key})
    users = {"inline_string": htpasswd()}
    password = {"@type": f"{TYPES}.basic_auth.v3.BasicAuth", "users": users}
    add("native-basic_auth", "password", {"name": "basic_auth", "typed_config": password})
    return found
