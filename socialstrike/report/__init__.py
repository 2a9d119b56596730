"""What a strike leaves behind: a campaign's report for people, and the log as files."""

from socialstrike.report.document import write
from socialstrike.report.files import is_whole, write_csv, write_jsonl

__all__ = ["is_whole", "write", "write_csv", "write_jsonl"]
