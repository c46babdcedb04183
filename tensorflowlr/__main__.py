"""`python -m tensorflowlr` is the command line."""

from tensorflowlr.cli import main

if __name__ == "__main__":
    main()
