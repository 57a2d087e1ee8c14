"""The plugin that makes `EdgeProxy` usable from other languages, as ``pulumi package add`` starts it."""

from edgewright.provider import serve

if __name__ == "__main__":
    serve()
