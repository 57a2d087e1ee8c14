"""The promises, one file a concern. A test's docstring is the promise as the report shows it."""
