"""What `ollama-gate render envoy` writes is a file that Envoy loads, and that guards."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from demo import credentials
from demo.envoy import Envoy, validate
from support.ports import port_to_keep
from support.wire import Connection, build
from support.world import WASM, World

VARIABLE = "RENDER_KEY"


def render(program: Path, folder: Path, *options: str) -> Path:
    """In: options of `render envoy`. Out: the file, its admin interface on a free port."""
    plugin = folder / "plugin.json"
    plugin.write_text('{ "api_keys": { "keys": [ { "id": "one", "key": { "env": "RENDER_KEY" } } ] } }')
    command = [str(program), "render", "envoy", str(plugin), "--module", str(WASM), *options]
    ran = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True)
    path = folder / "envoy.yaml"
    path.write_text(ran.stdout.replace("port_value: 9901", "port_value: 0"))
    return path


def test_envoy_serves_what_was_written(program: Path, world: World, tmp_path: Path) -> None:
    key, port = credentials.new_key(), port_to_keep()
    world.secrets.append(key)
    path = render(
        program,
        tmp_path,
        *("--listen", f"127.0.0.1:{port}", "--upstream", f"localhost:{world.standin.port}"),
    )
    assert key not in path.read_text()
    envoy = Envoy(world.binary, path, {VARIABLE: key}, tmp_path / "envoy.log")
    try:
        envoy.wait_until_ready()
        for headers, status in [([], 401), ([("Authorization", f"Bearer {key}")], 200)]:
            with Connection(port) as connection:
                connection.send(build("GET", "/api/tags", headers, None))
                assert connection.answer(head_only=False).status == status
    finally:
        envoy.stop()


def test_envoy_takes_every_form_of_it(program: Path, world: World, tmp_path: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *(
                "-subj",
                "/CN=gate.example",
                "-days",
                "1",
                "-keyout",
                tmp_path / "key.pem",
                "-out",
                tmp_path / "cert.pem",
            ),
        ],
        check=True,
        capture_output=True,
    )
    tls = ["--tls", f"{tmp_path / 'cert.pem'},{tmp_path / 'key.pem'}", "--listen", "0.0.0.0:11443"]
    for options in (["--file", "envoy.yaml"], ["--file", "struct.yaml"], tls):
        path = render(program, tmp_path, *options, "--upstream", "gpu.lan:11434")
        accepted, output = validate(world.binary, path, {VARIABLE: credentials.new_key()})
        assert accepted, output
