"""`python -m benchmarks`: every claim of speed or memory, measured."""

from benchmarks.speed import main

if __name__ == "__main__":
    raise SystemExit(main())
