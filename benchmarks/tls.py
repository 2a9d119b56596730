"""A door with TLS before the sandbox: a process that decrypts, and passes everything on."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from benchmarks import harness


@contextmanager
def front(base_url: str) -> Iterator[tuple[str, Path]]:
    """Open a door to ``base_url``: its own URL, and the bundle of authorities to be trusted."""
    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        bundle, certificate = Path(folder) / "bundle.pem", Path(folder) / "server.pem"
        authority.cert_pem.write_to_path(bundle)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        port = urlsplit(base_url).port
        command = [sys.executable, "-m", "benchmarks.tls", str(port), str(certificate)]
        door = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=harness.ROOT)
        try:
            assert door.stdout is not None
            yield f"https://127.0.0.1:{door.stdout.readline().strip()}", bundle
        finally:
            door.kill()
            door.communicate()


async def _serve(port: int, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, inside[1]), _copy(inside[0], writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=context, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await source.read(65_536):
            target.write(piece)
            await target.drain()
    target.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("certificate")
    options = parser.parse_args()
    asyncio.run(_serve(options.port, options.certificate))
