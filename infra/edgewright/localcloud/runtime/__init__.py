"""workerd, run as the account says: its configuration, its process, and what it calls."""
