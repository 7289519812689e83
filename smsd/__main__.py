"""python -m smsd."""

from smsd.cli import main

if __name__ == "__main__":
    main(prog_name="smsd")
