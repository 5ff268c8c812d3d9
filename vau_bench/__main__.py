"""The command line as `python -m vau_bench`."""

from vau_bench.cli.main import main

if __name__ == "__main__":  # a decoding process imports this module again, under another name
    main()
