"""Analytics Engine's SQL API: its dialect, parsed by sqlglot and answered by SQLite."""
