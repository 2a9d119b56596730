"""``python -m socialstrike.sandbox``: serve, and say where on one line."""

from __future__ import annotations

import argparse
import sys

from socialstrike.sandbox.server import serve
from socialstrike.sandbox.state import DEFAULT_LIMIT


def main(arguments: list[str] | None = None) -> int:
    """Run the server until it is told to end; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        serve(
            _say,
            port=options.port,
            strict=options.strict,
            latency_ms=options.latency_ms,
            limit=options.limit or None,
            until_stdin_closes=options.until_stdin_closes,
        )
    except OSError as error:
        sys.stderr.write(f"port {options.port} cannot be used ({error.strerror}); try --port 0\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m socialstrike.sandbox",
        description="Local stand-ins for X, Facebook, Mastodon and Bluesky."
        " Nothing reaches the real platforms.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port (default)")
    parser.add_argument("--strict", action="store_true", help="let in registered accounts alone")
    parser.add_argument("--latency-ms", type=float, default=0, help="delay of each answer")
    parser.add_argument(
        "--limit",
        type=int,
        default=DEFAULT_LIMIT,
        help="posts per account and quarter of an hour on X; 0 for no limit (default %(default)s)",
    )
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end when the parent process has ended"
    )
    return parser


def _say(base_url: str) -> None:
    sys.stdout.write(f"{base_url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
