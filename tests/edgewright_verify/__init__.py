"""The harness: proves that a deployed OpenAI-compatible proxy keeps its promises.

Three ways in: ``pytest --pyargs edgewright_verify.suite --edge-url U --edge-key K`` inside any pytest run,
``python -m edgewright_verify --url U --key K`` on a command line, :func:`edgewright_verify.runner.run` from Python.
It knows the target by its URL only and imports nothing of ``edgewright``.
"""
