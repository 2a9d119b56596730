"""What it costs, beside its peers and its limits; see docs/performance.md."""
