"""`fleetapi setup`: from an application at developer.tesla.com to a site that tells what flows, step by step.

Each step is checked before the next, and what is known is saved after each: whoever runs it again goes on where it ended. No token
and no secret is shown. What is asked, and in which order, is as in other programs of this name, so that scripts can answer it.
"""

from __future__ import annotations

import getpass
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from sunbox.dialects.powerwall import table, wire
from sunbox.dialects.powerwall.table import PUBLIC_KEY_PATH, SCOPES
from sunbox.dialects.tesla.login import (
    VERIFIER_BYTES,
    LoginRequest,
    advice,
    authorize_url,
    code_from_pasted,
    code_to_wire,
)
from sunbox.dialects.tesla.table import BASE_URLS, TOKEN, Endpoint
from sunbox.dialects.tesla.wire import document_from_wire, read_failure_from_wire, tokens_from_wire
from sunbox.fleetapi.api import FleetAPI
from sunbox.fleetapi.config import (
    ACCESS_TOKEN,
    AUDIENCE,
    CLIENT_ID,
    CLIENT_SECRET,
    DOMAIN,
    EMPTY,
    PARTNER_ACCOUNT,
    PARTNER_TOKEN,
    REDIRECT_URI,
    REFRESH_TOKEN,
    SECRETS,
    SITE_ID,
    ConfigFile,
    FleetConfig,
    find_config,
)
from sunbox.fleetapi.errors import FleetApiError, FleetConfigError
from sunbox.net.http import BlockingClientFactory, Timeouts, blocking_client, describe

TRIES = 3
"""How often something may be typed that cannot be used."""
LONGEST = 4096
LONGEST_DOMAIN = 253

REGIONS: tuple[tuple[str, str], ...] = (
    ("North America, Asia-Pacific", "na"),
    ("Europe, Middle East, Africa", "eu"),
    ("China", "cn"),
)


class SetupError(FleetApiError):
    """A step did not come about; the text says why and what to do."""


def set_up(path: Path | None, *, clients: BlockingClientFactory | None = None) -> int:
    """Go through all steps and return the exit code."""
    path = path or find_config()
    setup = Setup(ConfigFile(path), clients or (lambda url: blocking_client(url, timeouts=Timeouts(total_s=30.0))))
    try:
        return setup.run()
    except FleetConfigError as error:
        print(f"\n{error}", file=sys.stderr)
        print("Setup failed, exiting...")
        return 1
    except FleetApiError as error:
        print(f"\n{error}", file=sys.stderr)
    except EOFError:
        print("\nThere is nothing more to read.", file=sys.stderr)
    print("Setup failed, exiting...")
    if path.exists():
        print(f"What is known is kept in {path}: run setup again to go on.", file=sys.stderr)
    return 1


class Setup:
    """One run of it."""

    def __init__(self, file: ConfigFile, clients: BlockingClientFactory) -> None:
        self._file = file
        self._clients = clients
        self._config = FleetConfig(dict(EMPTY))
        self._is_login_wanted = False  #: whatever login there is

    def run(self) -> int:
        """Go through all steps.

        Raises:
            FleetApiError: a step failed.
        """
        self._introduce()
        if not self._begin():
            print("Exiting...")
            return 0
        is_new = self._credentials()
        if is_new or self._is_login_wanted or not self._is_logged_in():
            self._partner_token()
            self._register()
            self._log_in()
        else:
            print("\nSteps 3A to 3D are done: the login works.")
        self._choose_site()
        self._verify()
        print("\nSetup complete.\nYou can now use this script to manage your Tesla Powerwall.")
        return 0

    def _introduce(self) -> None:
        print(f"""
Tesla FleetAPI Setup
--------------------

Step 1 - Register an application at https://developer.tesla.com/
         It needs a domain of yours, and the scopes for energy products.
Step 2 - Run `fleetapi create-key`, and put the public key on that domain at
         https://DOMAIN{PUBLIC_KEY_PATH}
         (`fleetapi page` writes a page for the redirect URI; it may be left out.)
Step 3 - Go on here: the application is registered with Tesla, you log in, and choose a site.
""")

    def _begin(self) -> bool:
        """Read what there is, and return whether to go on."""
        if not self._file.path.exists():
            with self._file.locked():  # where it cannot be made that is better said now
                print(f"No configuration found - Creating: {self._file.path}")
            return True
        found = self._file.read()
        self._config = FleetConfig({**EMPTY, **found.document})
        print(f"Current Configuration - Loaded: {self._file.path}:")
        for key, value in found.document.items():
            if key != PARTNER_ACCOUNT:
                print(f"  {key}: {_masked(key, value)}")
        if not self._is_complete():
            print("\nIt is not complete: setup goes on. Press Enter for what is right already.")
            return True
        # the old login stays in the file until there is a new one
        wanted = self._ask("\nDo you want to overwrite this configuration? [y/N]: ").lower() in {"y", "yes"}
        self._is_login_wanted = wanted
        return wanted

    def _is_complete(self) -> bool:
        config = self._config
        return all(config.text(key) for key in (CLIENT_ID, REFRESH_TOKEN)) and config.site_id is not None

    # step 3: who asks

    def _credentials(self) -> bool:
        """Ask who the application is; return whether that is another one than before."""
        print("\nStep 3 - Enter your Tesla FleetAPI credentials...")
        before = dict(self._config.document)
        client_id = self._take("Client ID", self._config.text(CLIENT_ID), _some_text)
        secret = self._take("Client Secret", self._config.text(CLIENT_SECRET), _some_text, is_secret=True)
        domain = self._take("Domain", self._config.text(DOMAIN), checked_domain)
        redirect = self._config.text(REDIRECT_URI) or f"https://{domain}/access"
        redirect = self._take("Redirect URI", redirect, checked_redirect_uri)
        audience = self._region()
        asked = {
            CLIENT_ID: client_id,
            CLIENT_SECRET: secret,
            DOMAIN: domain,
            REDIRECT_URI: redirect,
            AUDIENCE: audience,
        }
        is_new = any(before.get(key) not in ("", None, value) for key, value in asked.items())
        forgotten = {PARTNER_TOKEN: "", PARTNER_ACCOUNT: {}} if is_new else {}
        self._save(**asked, **forgotten)
        return is_new

    def _region(self) -> str:
        now = self._config.audience
        print("  Select your region:")
        default = 0
        for number, (words, name) in enumerate(REGIONS, start=1):
            is_now = BASE_URLS[name] == now
            default = number if is_now else default
            print(f"   {'*' if is_now else ' '} {number}. {words} [{BASE_URLS[name]}]{' (current)' if is_now else ''}")
        if not default:
            print(f"   * {now} (current)")

        def check(text: str) -> str:
            if not text.isdigit() or not 1 <= int(text) <= len(REGIONS):
                raise ValueError(f"allowed is 1 to {len(REGIONS)}, or Enter")
            return BASE_URLS[REGIONS[int(text) - 1][1]]

        shown = str(default) if default else now
        return str(self._tried(f"  Enter Region [{shown}]: ", lambda text: check(text) if text else now))

    # step 3A and 3B: the application

    def _partner_token(self) -> None:
        print("\nStep 3A - Generating a partner authentication token...\n  Verifying PEM Key file...")
        config = self._config
        url = f"https://{config.text(DOMAIN)}"
        status, _, body = self._exchange(url, "GET", PUBLIC_KEY_PATH)
        if status != 200 or b"PUBLIC KEY" not in body:
            found = f"HTTP {status}" if status != 200 else "something else"
            raise SetupError(
                f"{url}{PUBLIC_KEY_PATH} gives {found}, and no public key: run `fleetapi create-key`, put "
                "com.tesla.3p.public-key.pem there, and run setup again"
            )
        print(f"   * Success: PEM Key file verified at {url}{PUBLIC_KEY_PATH}.")
        form = {
            "grant_type": "client_credentials",
            "client_id": config.text(CLIENT_ID),
            "client_secret": config.text(CLIENT_SECRET),
            "scope": SCOPES,
            "audience": config.audience,
        }
        token = tokens_from_wire(self._form("a token for the application", form)).access_token
        print("   * Got the token.\n")
        self._save(**{PARTNER_TOKEN: token})

    def _register(self) -> None:
        print("\nStep 3B - Registering your partner account...")
        config = self._config
        row = table.PARTNER_ACCOUNTS
        document = self._json(
            config.audience, row, config.text(PARTNER_TOKEN), {"domain": config.text(DOMAIN)}, "the registration"
        )
        print(f"   * {config.text(DOMAIN)} is registered at {config.audience}.")
        self._save(**{PARTNER_ACCOUNT: document})

    # step 3C and 3D: the person

    def _log_in(self) -> None:
        config = self._config
        request = LoginRequest(
            client_id=config.text(CLIENT_ID),
            redirect_uri=config.text(REDIRECT_URI),
            scopes=SCOPES,
            state=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(VERIFIER_BYTES),
        )
        print(f"""
Step 3C - Generating a one-time authentication token...
  Login to your Tesla account to authorize access.
  Go to this URL: {authorize_url(config.auth_url, request)}

After authorizing access, copy the code from the page, or the whole URL that the browser ended at, and paste it below.""")
        code = self._tried("  Enter the code: ", lambda text: code_from_pasted(text, request.state))
        print("Step 3D - Exchange the authorization code for a token")
        secret = config.text(CLIENT_SECRET)
        form = code_to_wire(request, code, audience=config.audience, client_secret=secret or None)
        given = tokens_from_wire(self._form("your login", form))
        if given.refresh_token is None:
            raise SetupError("Tesla gave no refresh token, so the login would end soon: allow offline access, too")
        print("\n  Tokens generated; they are kept in the configuration and not shown.\n")
        self._save(**{ACCESS_TOKEN: given.access_token, REFRESH_TOKEN: given.refresh_token})

    def _is_logged_in(self) -> bool:
        if not self._config.text(REFRESH_TOKEN):
            return False
        try:
            with self._fleet() as fleet:
                fleet.get_sites()
        except FleetApiError as error:
            print(f"  The login that is kept does not work: {error}")
            return False
        self._config = FleetConfig({**EMPTY, **self._file.read().document})  # it may have been renewed
        return True

    # step 4 and 5: the site

    def _choose_site(self) -> None:
        print("\nStep 4 - Select site_id for your Tesla Powerwall...")
        with self._fleet() as fleet:
            sites = wire.products_from_wire({"response": fleet.get_sites()})
        self._config = FleetConfig({**EMPTY, **self._file.read().document})
        if not sites:
            raise SetupError("this account has no energy site: log in with the owner's account, and run setup again")
        chosen = next((each for each in sites if each.site_id == self._config.site_id), wire.chosen(sites))
        print("  Sites:")
        default = 1
        for number, site in enumerate(sites, start=1):
            is_now = site is chosen
            default = number if is_now else default
            print(f"   {'*' if is_now else ' '} {number}. {site.site_id} - {site.name}{' (current)' if is_now else ''}")

        def check(text: str) -> int:
            wanted = int(text) if text.isdigit() else default if not text else 0
            by_id = {site.site_id: index for index, site in enumerate(sites, start=1)}
            wanted = by_id.get(wanted, wanted)
            if not 1 <= wanted <= len(sites):
                raise ValueError(f"allowed is 1 to {len(sites)}, or Enter")
            return wanted

        number = self._tried(f"  Enter Site ID [{default}]: ", check)
        self._save(**{SITE_ID: sites[number - 1].site_id})

    def _verify(self) -> None:
        print("\nStep 5 - Verifying Access...")
        with self._fleet() as fleet:
            for heading, told in (("Site Info", fleet.get_site_info()), ("Live Status", fleet.get_live_status())):
                print(f"\n  {heading}:")
                for key, value in told.items():
                    print(f"   * {key}: {value}")

    # beneath

    def _fleet(self) -> FleetAPI:
        return FleetAPI(self._file.path, clients=self._clients)

    def _save(self, **changed: Any) -> None:
        """Change what the file holds by now: another program may have renewed the login while a person was asked."""
        with self._file.locked():
            found = self._file.read().document if self._file.path.exists() else {}
            self._config = self._file.write({**EMPTY, **found, **changed})
        print("  Configuration saved")

    def _exchange(self, base_url: str, method: str, path: str, **more: Any) -> tuple[int, Mapping[str, str], bytes]:
        client = self._clients(base_url)
        try:
            response = client.request(method, path, **more)
        except httpx2.TransportError as error:
            raise SetupError(
                f"{base_url}: {describe(error)}; check the name and the internet connection, and run setup again"
            ) from None
        finally:
            client.close()
        return response.status_code, response.headers, response.content

    def _form(self, what: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        answer = self._exchange(self._config.auth_url, TOKEN.method, TOKEN.path, data=dict(form))
        document = _checked(what, *answer)
        try:
            tokens_from_wire(document)
        except ValueError as error:
            raise SetupError(f"Tesla, asked for {what}: {error}") from None
        return document

    def _json(self, base_url: str, row: Endpoint, token: str, body: Any, what: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {token}"}
        return dict(_checked(what, *self._exchange(base_url, row.method, row.path, json=body, headers=headers)))

    def _ask(self, words: str) -> str:
        return input(words).strip()

    def _take(self, words: str, default: str, check: Callable[[str], str], *, is_secret: bool = False) -> str:
        """Return what a person types, or what is there already for Enter."""
        shown = "kept" if is_secret and default else default
        taken = self._tried(
            f"  Enter {words} [{shown}]: ", lambda text: check(text) if text or not default else default, is_secret
        )
        return str(taken)

    def _tried(self, words: str, check: Callable[[str], Any], is_secret: bool = False) -> Any:
        """Return what `check` makes of what a person types; what it refuses is asked for again.

        Raises:
            SetupError: it was refused too often.
        """
        hidden = is_secret and sys.stdin.isatty()
        for _ in range(TRIES):
            text = getpass.getpass(words).strip() if hidden else self._ask(words)
            try:
                return check(text)
            except ValueError as error:
                print(f"  This cannot be used: {error}")
        raise SetupError(f"{words.strip().rstrip(':')}: it was tried {TRIES} times")


def _checked(what: str, status: int, headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    if not 200 <= status < 300:
        detail = read_failure_from_wire(status, headers, body).detail
        to_do = (
            advice(detail, status).replace("(--client-id, --client-secret-file)", "").replace("(--redirect-uri)", "")
        )
        raise SetupError(
            f"Tesla, asked for {what}, answers {status} ({detail})" + (f": {to_do.strip()}" if to_do else "")
        )
    try:
        return document_from_wire(body)
    except ValueError as error:
        raise SetupError(f"Tesla, asked for {what}, answers what cannot be used ({error}); try again later") from None


def _masked(key: str, value: Any) -> Any:
    return "(kept)" if key in SECRETS and value else value


def _some_text(text: str) -> str:
    if not text or len(text) > LONGEST or not text.isprintable() or " " in text:
        raise ValueError("allowed is what the application's page at developer.tesla.com shows, without spaces")
    return text


def checked_domain(text: str) -> str:
    """Return the bare domain in what a person typed, which may be an address.

    Raises:
        ValueError: there is none.
    """
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    labels = host.split(".")
    is_domain = len(labels) > 1 and all(
        label and len(label) < 64 and label.replace("-", "").isalnum() and label.isascii() for label in labels
    )
    if not is_domain or port is not None or len(host) > LONGEST_DOMAIN or "@" in text:
        raise ValueError("allowed is a domain such as example.com")
    return host


def checked_redirect_uri(text: str) -> str:
    """Return a redirect URI.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(text)
    is_bare = not parts.fragment and quote(text, safe="%/:?&=#+,;@!$'()*~[]-._") == text
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_bare:
        raise ValueError("allowed is the application's redirect URI, such as https://example.com/access")
    return text
