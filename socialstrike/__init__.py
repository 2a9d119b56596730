"""socialstrike: the strike-day scheduler for social media."""

__version__ = "0.1.0"
