"""The Ollama behind the gate: which one it is, whether it is one, and who else can reach it."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 11434
REALM = 'realm="ollama-gate"'
SECONDS = 3.0


class Unusable(Exception):
    """This upstream cannot be used; the text says why, for a person."""


@dataclass(frozen=True)
class Upstream:
    """An Ollama that answered at `address`. `host` is what it is to see as Host."""

    address: str
    port: int
    host: str
    version: str
    model: str | None

    def authority(self) -> str:
        """Out: where the gate reaches it."""
        if not is_local(self.address):
            return self.host
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


def parse(text: str) -> tuple[str, int]:
    """In: `host`, `host:port`, `[v6]:port`, with or without `http://`. Out: host and port."""
    rest = text.strip()
    if rest.startswith("https://"):
        raise Unusable(f"UPSTREAM={text}: Ollama behind TLS is not something `make run` can front; give host:port.")
    rest = rest.removeprefix("http://")
    rest = rest.rstrip("/")
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]")
        port = port.lstrip(":")
    elif rest.count(":") > 1:
        host, port = rest, ""
    else:
        host, _, port = rest.partition(":")
    if not host or "/" in rest or (port and not port.isdigit()) or not 0 < int(port or DEFAULT_PORT) < 65536:
        raise Unusable(f"UPSTREAM={text} is not understood: give host:port, such as 127.0.0.1:11434.")
    return host, int(port or DEFAULT_PORT)


def resolve(host: str, port: int) -> list[str]:
    """In: a name or address. Out: its IP addresses, IPv4 first."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unusable(f"UPSTREAM: the name {host} is not known here.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    return sorted(addresses, key=lambda address: ":" in address)


def own_addresses() -> list[str]:
    """Out: this machine's addresses other than loopback, as far as they can be found without a tool."""
    found = []
    # Connecting a datagram socket sends nothing; it only asks which address would be used.
    for family, somewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((somewhere, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    try:
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)]
    except (OSError, UnicodeError):
        pass
    return [address for address in dict.fromkeys(found) if not is_local(address)]


def is_local(address: str) -> bool:
    """In: an IP address. Out: whether it is loopback or 'any', also when written as IPv4 in IPv6."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    parsed = mapped or parsed
    return parsed.is_loopback or parsed.is_unspecified


def is_gate(addresses: list[str], port: int, gate_port: int, own: list[str]) -> bool:
    """In: the upstream's addresses and port, the gate's port, this machine's addresses. Out: whether they are one."""
    return port == gate_port and any(is_local(address) or address in own for address in addresses)


def ask(address: str, port: int, path: str) -> tuple[int, dict[str, str], bytes] | None:
    """In: where to. Out: status, headers (lower-case) and at most 1 MB of body; None if nobody speaks HTTP there."""
    connection = http.client.HTTPConnection(address, port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read(1_000_000)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def look(host: str, address: str, port: int) -> Upstream | None:
    """In: a name, one of its addresses, a port. Out: the Ollama there, None if nobody answers; raises Unusable."""
    tags = ask(address, port, "/api/tags")
    if tags is None:
        return None
    if tags[0] == 401 and REALM in tags[1].get("www-authenticate", ""):
        raise Unusable(f"{host}:{port} is an ollama-gate already: a gate in front of a gate locks everybody out.")
    version = _json(ask(address, port, "/api/version")).get("version")
    if not isinstance(version, str):
        raise Unusable(f"{host}:{port} answers, but not as Ollama does (no version at /api/version).")
    models = _json(tags).get("models") or []
    name = models[0].get("name") if isinstance(models, list) and models and isinstance(models[0], dict) else None
    shown = f"localhost:{port}" if is_local(address) else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Upstream(address, port, shown, version, name if isinstance(name, str) else None)


def _json(answer: tuple[int, dict[str, str], bytes] | None) -> dict[str, object]:
    try:
        value = json.loads(answer[2]) if answer else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def choose(wanted: str | None, gate_port: int) -> Upstream | None:
    """In: what UPSTREAM says, the gate's port. Out: the Ollama to front, None for a stand-in; raises Unusable."""
    if not wanted:
        # With the gate on Ollama's own port there is nothing to look for: it would find itself.
        return None if gate_port == DEFAULT_PORT else look("127.0.0.1", LOOPBACK, DEFAULT_PORT)
    host, port = parse(wanted)
    addresses = resolve(host, port)
    if is_gate(addresses, port, gate_port, own_addresses()):
        raise Unusable(f"UPSTREAM={wanted} is where the gate itself will listen: give the address of Ollama.")
    # 0.0.0.0 and :: mean "every address" to a server and nothing to a client.
    addresses = [LOOPBACK if is_local(address) and address in ("0.0.0.0", "::") else address for address in addresses]
    for address in addresses:
        found = look(host, address, port)
        if found:
            return found
    raise Unusable(f"UPSTREAM={wanted} does not answer. Is Ollama running there?")


def ways_around(upstream: Upstream, candidates: list[str] | None = None) -> list[str]:
    """In: the upstream, and addresses to try (this machine's own). Out: those where strangers reach it directly."""
    if not is_local(upstream.address):
        return [upstream.address]
    tried = own_addresses() if candidates is None else candidates
    # Any answer counts, a 403 as well: the Host it was refused for is the stranger's to choose.
    return [address for address in tried if ask(address, upstream.port, "/api/version") is not None]


def way_around(upstream: Upstream, address: str) -> str:
    """In: the upstream, and an address at which it answers. Out: what that means, and what closes the way."""
    if is_local(upstream.address):
        return (
            f"Ollama also answers on {address}:{upstream.port}, which is not loopback: whoever reaches that goes "
            "around the gate. Set OLLAMA_HOST=127.0.0.1 for Ollama itself, or close the port with a firewall."
        )
    # On loopback Ollama would be out of reach of the gate too, which is on this machine.
    return (
        f"Ollama is on another machine: whoever else reaches {address}:{upstream.port} goes around the gate. "
        f"Have a firewall there let in this machine alone on port {upstream.port}."
    )
