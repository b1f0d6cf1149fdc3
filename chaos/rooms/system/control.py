"""Speaking to the rooms' control ports, from outside: settings, plans, and the repairs that the tiers carry out."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from chaos.clients import routes
from chaos.errors import ApiAwayError, ClientError, ServerGoneError, WorldError
from chaos.experiment.rooms import Settings
from chaos.proof import Proof
from chaos.record import Json
from chaos.rooms.contract import CONTROL_HEADER
from chaos.undo.steps import Args, UndoStep, undoes
from chaos.worlds.cluster.instances import instances, secret_at

TIMEOUT = 5.0
"""Real seconds that a control request may take; opening a room across a broken bridge may take all of them."""


async def ask(method: str, url: str, token: str, body: Mapping[str, Json] | None = None) -> Json:
    """One control request; its JSON answer. Raises ClientError with what came back."""
    shown = {"Authorization": f"Bearer {token}"}
    if routes.is_cluster(url):
        shown = {**routes.headers(url), CONTROL_HEADER: token}
    try:
        async with (
            routes.opened(url, TIMEOUT) as (session, real),
            session.request(method, real, json=body, headers=shown) as response,
        ):
            text = await response.text()
            if (trouble := routes.trouble(url, response.status, text)) is not None:
                raise trouble
            if response.status >= 300:
                raise ClientError(f"{method} {url} was answered {response.status}: {text[:300]}")
            answer: Json = json.loads(text) if text else None
            return answer
    except aiohttp.ClientConnectorError as error:
        if routes.is_cluster(url):
            raise routes.away(url, error) from error
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


async def abandon(address: str, token: str) -> None:
    """Have every instance of a tier give up what waits there for its turn or for an answer: nobody will take it."""
    for instance in await instances(address):
        await ask("POST", f"{instance}/control/abandon", token, {})


async def token_of(secret: str) -> str | None:
    """The control token from where it is kept; None where its world is gone with it."""
    if routes.is_cluster(secret):
        return await secret_at(secret)
    path = Path(secret)
    return path.read_text(encoding="ascii") if path.exists() else None


def settings_step(url: str, secret: str, before: Settings) -> UndoStep:
    """The undo of a change of settings: what they were before. `secret` is where the control token is found."""
    return UndoStep(
        "rooms_settings", {"url": url, "secret": secret, "settings": before.model_dump(mode="json")}
    )


def load_step(url: str, secret: str) -> UndoStep:
    """The undo of the load: everybody leaves."""
    return UndoStep("rooms_load", {"url": url, "secret": secret})


@undoes("rooms_settings")
async def put_settings_back(args: Args) -> Proof:
    """Set a tier back to what it was, and read it back; a tier whose world is gone needs none.

    What still waits there is of an audience that has gone: it is given up, so that the next run finds a calm tier.
    """
    url, wanted = str(args["url"]), args["settings"]
    token = await token_of(str(args["secret"]))
    if token is None:
        return Proof(True, f"the world of {url} is gone")
    assert isinstance(wanted, Mapping)
    now = []
    try:
        for instance in await instances(url):
            await ask("PUT", f"{instance}/control/settings", token, wanted)
            now.append((await settings_of(instance, token)).model_dump(mode="json"))
        await abandon(url, token)
    except ServerGoneError:
        return Proof(True, f"nothing listens at {url} any more, so its settings are gone with it")
    except ApiAwayError:
        raise
    except ClientError as error:
        return Proof(None, f"{url} could not be set back: {error}")
    return Proof(all(one == dict(wanted) for one in now), f"{url} has the settings that it had before")


@undoes("rooms_load")
async def stop_load(args: Args) -> Proof:
    """Stop the audience: everybody leaves and the hosts close their rooms."""
    url, token = str(args["url"]), await token_of(str(args["secret"]))
    if token is None:
        return Proof(True, f"the world of {url} is gone")
    try:
        await ask("POST", f"{url}/control/stop", token, {})
    except ServerGoneError:
        return Proof(True, f"nothing listens at {url} any more, so the audience is gone with it")
    except ApiAwayError:
        raise
    except ClientError as error:
        return Proof(None, f"the audience at {url} could not be stopped: {error}")
    return Proof(True, "the audience is stopped")
