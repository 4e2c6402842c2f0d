"""`python -m conductor` is `conductor`."""

from conductor.cli.app import main

if __name__ == "__main__":
    main()
