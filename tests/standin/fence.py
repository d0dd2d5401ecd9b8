"""Ollama's own fences: the Host rule of a server on loopback, and the Origin rule."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

LOCAL_NAMES = ("localhost",)
LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
LOCAL_ORIGINS = ("localhost", "127.0.0.1", "0.0.0.0")
APP_SCHEMES = ("app", "file", "tauri", "vscode-webview", "vscode-file")


def is_ip(name: str) -> bool:
    """In: a host name. Out: whether it is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """In: the address a server listens on. Out: whether only this machine reaches it."""
    return address in LOCAL_NAMES or (is_ip(address) and ipaddress.ip_address(address).is_loopback)


def host_allowed(host: str) -> bool:
    """In: the value of Host, with or without a port. Out: whether Ollama answers it on loopback."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    # An absent Host passes, as it does in Ollama.
    return name == "" or is_ip(name) or name in LOCAL_NAMES or name.endswith(LOCAL_SUFFIXES)


def origin_allowed(origin: str | None, host: str) -> bool:
    """In: the value of Origin, if any, and of Host. Out: whether Ollama answers it."""
    if not origin:
        return True
    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme in APP_SCHEMES:
        return True
    same_origin = origin in (f"http://{host}", f"https://{host}")
    return same_origin or (parts.scheme in ("http", "https") and name in LOCAL_ORIGINS)
