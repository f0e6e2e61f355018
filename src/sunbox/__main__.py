"""`python -m sunbox` is the command `sunbox`."""

from sunbox.cli.main import main

main()
