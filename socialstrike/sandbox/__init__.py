"""The sandbox: a local server that speaks the platforms' APIs, for rehearsals and tests.

It is the other side, so it imports nothing of the house that it stands in for.
"""
