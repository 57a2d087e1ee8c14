"""One family of the API: `urls` lists the routes, `handlers` answers them, `models` holds the rules."""
