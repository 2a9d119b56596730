"""``python -m socialstrike`` is the ``socialstrike`` command."""

from socialstrike.cli import main

main()
