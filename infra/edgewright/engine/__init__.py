"""Runs the Pulumi program: embedded, without the CLI, or through the CLI."""
