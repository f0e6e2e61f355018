"""The page for an application's redirect URI: it shows the code that Tesla sends the browser back with, for copying.

It loads nothing from anywhere and sends nothing anywhere: the code never leaves the browser.
"""

from __future__ import annotations

import sys
from pathlib import Path

NAME = "index.html"

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>Your code</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
  code { display: block; padding: 1rem; border: 1px solid; overflow-wrap: anywhere; user-select: all; }
  button { font: inherit; margin-top: 1rem; padding: .5rem 1.5rem; }
</style>
</head>
<body>
<h1>Your code</h1>
<p id="words">Paste it where <b>fleetapi setup</b> asks for it. It is good once, and for a few minutes.</p>
<code id="code"></code>
<button id="copy" type="button">Copy</button>
<script>
  const told = new URLSearchParams(location.search);
  const code = told.get("code");
  const words = document.getElementById("words"), box = document.getElementById("code"), copy = document.getElementById("copy");
  if (code) {
    box.textContent = code;
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(box);
      }
    });
  } else {
    const error = told.get("error");
    words.textContent = error
      ? `Tesla sent you back with ${error}: ${told.get("error_description") || "log in again"}`
      : "There is no code in this address. Open the address that fleetapi setup shows.";
    box.hidden = copy.hidden = true;
  }
</script>
</body>
</html>
"""


def write_page(folder: Path) -> int:
    """Write the page and return the exit code; one that is there is never replaced."""
    path = folder / NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(PAGE)
    except FileExistsError:
        print(f"{NAME} exists already: move it away, or run this in another folder", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{NAME} cannot be written ({error.strerror}): choose another folder", file=sys.stderr)
        return 1
    print(f"{NAME}: put it where your application's redirect URI points to")
    return 0
