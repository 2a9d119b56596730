"""Pages for people: HTML that needs nothing else and runs nothing, times as people write them."""
