"""Speaking to the rooms' control ports, from outside: settings, plans, and the repairs that the tiers carry out."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from chaos.errors import ClientError, ServerGoneError, WorldError
from chaos.experiment.rooms import Settings
from chaos.proof import Proof
from chaos.record import Json
from chaos.undo.steps import Args, UndoStep, undoes

TIMEOUT = 5.0
"""Real seconds that a control request may take; opening a room across a broken bridge may take all of them."""


async def ask(method: str, url: str, token: str, body: Mapping[str, Json] | None = None) -> Json:
    """One control request; its JSON answer. Raises ClientError with what came back."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=False) as session,
            session.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}) as response,
        ):
            text = await response.text()
            if response.status >= 300:
                raise ClientError(f"{method} {url} was answered {response.status}: {text[:300]}")
            answer: Json = json.loads(text) if text else None
            return answer
    except aiohttp.ClientConnectorError as error:
        if error.errno == errno.ECONNREFUSED:
            raise ServerGoneError(f"{method} {url}: nothing listens there") from error
        raise ClientError(f"{method} {url} failed: {error}") from error
    except TimeoutError as error:
        raise ClientError(f"{method} {url} was not answered within {TIMEOUT:g} s") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise ClientError(f"{method} {url} failed: {error}") from error


async def settings_of(url: str, token: str) -> Settings:
    """What a tier is set to now."""
    answer = await ask("GET", f"{url}/control/settings", token)
    try:
        return Settings.model_validate_json(json.dumps(answer))
    except ValueError as error:
        raise WorldError(f"{url} answered settings that are none: {error}") from error


def settings_step(url: str, token_file: Path, before: Settings) -> UndoStep:
    """The undo of a change of settings: what they were before."""
    values = before.model_dump(mode="json")
    return UndoStep("rooms_settings", {"url": url, "token_file": str(token_file), "settings": values})


@undoes("rooms_settings")
async def put_settings_back(args: Args) -> Proof:
    """Set a tier back to what it was, and read it back; a tier whose world is gone needs none."""
    url, token_file, wanted = str(args["url"]), Path(str(args["token_file"])), args["settings"]
    if not token_file.exists():
        return Proof(True, f"the world of {url} is gone")
    token = token_file.read_text(encoding="ascii")
    assert isinstance(wanted, Mapping)
    try:
        await ask("PUT", f"{url}/control/settings", token, wanted)
        now = (await settings_of(url, token)).model_dump(mode="json")
    except ServerGoneError:
        return Proof(True, f"nothing listens at {url} any more, so its settings are gone with it")
    except ClientError as error:
        return Proof(None, f"{url} could not be set back: {error}")
    return Proof(now == dict(wanted), f"{url} has the settings that it had before")


@undoes("rooms_load")
async def stop_load(args: Args) -> Proof:
    """Stop the audience: everybody leaves and the hosts close their rooms."""
    url, token_file = str(args["url"]), Path(str(args["token_file"]))
    if not token_file.exists():
        return Proof(True, f"the world of {url} is gone")
    try:
        await ask("POST", f"{url}/control/stop", token_file.read_text(encoding="ascii"), {})
    except ServerGoneError:
        return Proof(True, f"nothing listens at {url} any more, so the audience is gone with it")
    except ClientError as error:
        return Proof(None, f"the audience at {url} could not be stopped: {error}")
    return Proof(True, "the audience is stopped")
