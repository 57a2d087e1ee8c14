"""``python -m edgewright.cli``."""

from edgewright.cli.app import main

if __name__ == "__main__":
    main()
