"""Scripted models: every answer follows from the model's name and the request, so that tests can compare."""
