"""A site where people sign in: a real provider, two gates that share a ring of secrets, and a balancer over TLS that
takes turns between them."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import ssl
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from demo import envoy as envoys
from demo.process import Child

from . import node, tls
from .oidc import SECONDS, START_SECONDS, cluster
from .ports import port_to_keep
from .world import Gate, World, eventually

RING, PREVIOUS, CLIENT = "E2E_RING", "E2E_RING_PREVIOUS", "E2E_LOGIN_CLIENT"
PREFIX = "__Host-ollama-gate-"
SERVED_BY = "x-served-by"
# What nobody sees who is not signed in.
INSIDE = "/api/tags"
CONNECTION_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TYPES = "type.googleapis.com"


class People:
    """npm's `oidc-provider` with a login form, in a process of its own."""

    def __init__(self, world: World, origin: str, **settings: str) -> None:
        """In: where the gate is reached; settings of `people.mjs`, by the names of its variables."""
        node.install()
        self.secret = secrets.token_urlsafe(32)
        world.secrets.append(self.secret)
        self._child = Child(["node", "people.mjs", str(port_to_keep()), self.secret, origin], node.FOLDER, settings)
        line = eventually(
            lambda: next((line for line in self._child.lines if line.startswith("listening on ")), None),
            START_SECONDS,
            "the provider's start",
        )
        self.port = int(line.rpartition(" ")[2])
        self.issuer = f"http://127.0.0.1:{self.port}"

    def counts(self) -> Counter[str]:
        """Out: codes that were redeemed, refreshes, refused grants, and logins."""
        return self._control("/control/counts")

    def set(self, **settings: int) -> None:
        """In: seconds that access tokens are good for, whether refresh tokens rotate and whether sessions are named."""
        self._control("/control/set?" + "&".join(f"{name}={value}" for name, value in settings.items()))

    def notice(self, again: bool = False) -> dict[str, Any]:
        """In: whether the last logout token is sent once more. Out: its form, and status, fields and text of the answer."""
        return self._ask("/control/notice" + ("?again=1" if again else ""))

    def _control(self, path: str) -> Counter[str]:
        return Counter(self._ask(path))

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends it."""
        self._child.stop()


class Site:
    """The provider, two gates and the balancer."""

    def __init__(
        self,
        world: World,
        folder: Path,
        name: str,
        provider: dict[str, str] | None = None,
        variables: dict[str, str] | None = None,
        module: Path | None = None,
        servers: dict[str, int] | None = None,
        sections: dict[str, Any] | None = None,
        **login: Any,
    ) -> None:
        """In: settings of the provider, variables of the gates, the file of the module if it is not the pack's, ports of
        servers by cluster, other sections than `login`, and what else that has; `None` takes out."""
        self._variables, self._module = variables or {}, module
        self._servers, self._sections = servers or {}, sections or {}
        self._world, self._folder, self._name, self._login = world, folder, name, login
        self.port = port_to_keep()
        self.origin = f"https://localhost:{self.port}"
        # The gate's own name for the session: the digits are of its client and its address.
        digest = sha256(f"gate\n{self.origin}".encode()).hexdigest()
        self.session = f"{PREFIX}session-{digest[:8]}"
        self.people = People(world, self.origin, **(provider or {}))
        self.secret = self.new_secret()
        self.ports = [port_to_keep(), port_to_keep()]
        self.gates: list[Gate] = []
        self._starts = 0
        for number in range(2):
            self.gates.append(self.start(number, self.secret))
        self.balancer = self._balance()

    def new_secret(self) -> str:
        """Out: one for the ring, which no output may show."""
        secret = secrets.token_urlsafe(32)
        self._world.secrets.append(secret)
        return secret

    def plugin(self) -> dict[str, Any]:
        """Out: the configuration of both gates."""
        login = {
            "issuer": self.people.issuer,
            "upstream": "people",
            "client_id": "gate",
            "client_secret": {"env": CLIENT},
            "scope": "openid profile email groups",
            "url": self.origin,
            "secrets": [{"env": RING}, {"env": PREVIOUS, "optional": True}],
            "scopes_claim": "groups",
            "scope_map": {"everybody": ["read", "inference"]},
            **self._login,
        }
        return {
            "login": {name: value for name, value in login.items() if value is not None},
            "hosts": ["localhost", "gate.example.com"],
            "public": ["health"],
            "host": {"name": "envoy"},
            **self._sections,
        }

    def start(self, number: int, secret: str, previous: str | None = None) -> Gate:
        """In: which gate, the ring. Out: the gate, at its port."""
        pack = self._world.pack(plugin=self.plugin())
        if self._module is not None:
            pack.module(self._module)
        pack.listen(self.ports[number])
        pack.environment([RING, PREVIOUS, CLIENT, *self._variables])
        servers = {"people": self.people.port, **self._servers}
        pack.document["static_resources"]["clusters"] += [cluster(*server) for server in servers.items()]
        variables = {RING: secret, CLIENT: self.people.secret, **self._variables}
        if previous is not None:
            variables[PREVIOUS] = previous
        self._starts += 1
        return self._world.start(f"{self._name}-{self._starts}", pack, variables)

    def rotate(self, secret: str, previous: str | None) -> None:
        """In: the new ring. Starts the gates with it, one after the other, as a rolling update does."""
        for number, gate in enumerate(self.gates):
            gate.envoy.stop()
            self.gates[number] = self.start(number, secret, previous)

    def _balance(self) -> envoys.Envoy:
        chain, key = tls.certificate(self._folder)
        certificate = {"certificate_chain": {"filename": str(chain)}, "private_key": {"filename": str(key)}}
        context = {
            "@type": f"{TYPES}/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_certificates": [certificate], "alpn_protocols": ["h2", "http/1.1"]},
        }
        retry = {"retry_on": "connect-failure,reset-before-request", "num_retries": 5}
        manager = {
            "@type": f"{TYPES}/{CONNECTION_MANAGER}",
            "stat_prefix": "balancer",
            "use_remote_address": True,
            # Which gate answered.
            "route_config": {
                "response_headers_to_add": [{"header": {"key": SERVED_BY, "value": "%UPSTREAM_HOST%"}}],
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [
                            {"match": {"prefix": "/"}, "route": {"cluster": "gates", "retry_policy": retry}},
                        ],
                    }
                ],
            },
            "http_filters": [
                {
                    "name": "router",
                    "typed_config": {"@type": f"{TYPES}/envoy.extensions.filters.http.router.v3.Router"},
                }
            ],
        }
        gates = cluster("gates", self.ports[0])
        gates["load_assignment"]["endpoints"][0]["lb_endpoints"] += cluster("gates", self.ports[1])["load_assignment"][
            "endpoints"
        ][0]["lb_endpoints"]
        document = {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {
                "listeners": [
                    {
                        "name": "balancer",
                        "address": {"socket_address": {"address": "127.0.0.1", "port_value": self.port}},
                        "filter_chains": [
                            {
                                "transport_socket": {"name": "tls", "typed_config": context},
                                "filters": [{"name": "http", "typed_config": manager}],
                            }
                        ],
                    }
                ],
                "clusters": [gates],
            },
        }
        path = self._folder / "balancer.yaml"
        path.write_text(json.dumps(document), encoding="utf-8")
        envoy = envoys.Envoy(self._world.binary, path, {}, self._folder / "balancer.log")
        envoy.wait_until_ready()
        return envoy

    def ask(
        self, method: str, path: str, headers: dict[str, str] | list[tuple[str, str]] | None = None, body: bytes = b""
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """In: a request of a program. Out: status, fields with names in lower case, and body."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=context)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            fields = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
            if not any(name.lower() == "host" for name, _ in fields):
                connection.putheader("Host", f"localhost:{self.port}")
            for name, value in fields:
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return response.status, [(name.lower(), value) for name, value in response.getheaders()], response.read()
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends all of it."""
        self.balancer.stop()
        for gate in self.gates:
            gate.envoy.stop()
        self.people.stop()


BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


class Visitor:
    """A browser of a program: it keeps cookies, follows nothing by itself, and sends what a browser would not."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.name = name
        self.cookies: dict[str, str] = {}
        self._provider: dict[str, str] = {}

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        cookies: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], str]:
        """In: a request of a navigation, with its own cookies or others. Out: status, fields, text."""
        sent = self.cookies if cookies is None else cookies
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in sent.items())} if sent else {}
        fields = {**(BROWSER if headers is None else headers), **cookie}
        status, answered, body = self.site.ask(method, path, fields)
        for name, line in answered:
            if name == "set-cookie":
                _keep(self.cookies, line)
        return status, dict(answered), body.decode("utf-8", "replace")

    def begin(self, path: str = INSIDE) -> str:
        """In: a page of the gate. Out: where it sends the browser: the provider."""
        status, fields, text = self.ask(path)
        assert status == 303, (status, text)
        return fields["location"]

    def sign_in_there(self, address: str) -> str:
        """In: the provider's page. Out: the path and query that the provider sends the browser to in the end."""
        for _ in range(8):
            if address.startswith(f"{self.site.origin}/"):
                return address.removeprefix(self.site.origin)
            form = "/interaction/" in address
            status, location, text = self._ask_provider(address, f"name={self.name}" if form else None)
            assert location is not None, (status, text[:300])
            address = location if "://" in location else f"{self.site.people.issuer}{location}"
        raise AssertionError("the provider sends the browser in a circle")

    def sign_out_there(self) -> None:
        """Signs out at the provider, which says so to whoever it has told who signed in."""
        status, _, text = self._ask_provider("/session/end", None)
        found = re.search(r'action="([^"]+)".*name="xsrf" value="([^"]+)"', text)
        assert status == 200 and found, text
        address, secret = found.groups()
        status, _, text = self._ask_provider(address, f"xsrf={secret}&logout=yes")
        assert status == 303, text

    def sign_in(self, path: str = INSIDE) -> tuple[int, dict[str, str], str]:
        """In: a page. Out: the gate's answer when the browser comes back to it."""
        return self.ask(self.sign_in_there(self.begin(path)))

    def attempts(self) -> dict[str, str]:
        """Out: the cookies of sign-ins under way."""
        return {name: value for name, value in self.cookies.items() if name.startswith(f"{PREFIX}login-")}

    def _ask_provider(self, address: str, form: str | None) -> tuple[int, str | None, str]:
        path = address.removeprefix(self.site.people.issuer)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._provider.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self.site.people.port, timeout=SECONDS)
        try:
            connection.request("POST" if form is not None else "GET", path, form, headers)
            response = connection.getresponse()
            for line in response.headers.get_all("Set-Cookie") or []:
                _keep(self._provider, line)
            return response.status, response.headers["Location"], response.read().decode()
        finally:
            connection.close()


def _keep(cookies: dict[str, str], line: str) -> None:
    pair, _, attributes = line.partition(";")
    name, _, value = pair.partition("=")
    attributes = attributes.lower()
    if "max-age=0" in attributes or "expires=thu, 01 jan 1970" in attributes:
        cookies.pop(name, None)
    else:
        cookies[name] = value
