"""The toxiproxy-python library, made to serve many servers at once.

The library keeps its server's address in a class, has no time-outs, obeys HTTP_PROXY, ignores a 500 and does
not quote names. Here each server has a consumer of its own, and the library's own methods run against it:
many servers at once from many threads, and whoever else uses the library in this process notices nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import FunctionType
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import toxiproxy
import toxiproxy.api

from chaos.clients import routes
from chaos.errors import ClientError


class Consumer(toxiproxy.api.APIConsumer):  # type: ignore[misc]
    """The library's API consumer for one server, with a session, a time-out and errors for every bad
    answer.
    """

    def __init__(self, server: str, timeout: float) -> None:
        self._server = server
        self._real = routes.resolved(server)
        address = urlsplit(self._real)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ClientError(f"`{server}` is no address of a Toxiproxy server; write http://HOST:PORT")
        self.host, self.port = address.hostname, address.port
        self._timeout = timeout
        self._session = routes.requests_session(server)

    def get(self, url: str, params: Mapping[str, str] | None = None, **kwargs: Any) -> requests.Response:
        return self._ask("GET", url, params=params, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> requests.Response:
        return self._ask("DELETE", url, **kwargs)

    def post(self, url: str, data: object = None, json: object = None, **kwargs: Any) -> requests.Response:
        return self._ask("POST", url, data=data, json=json, **kwargs)

    def _ask(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", self._timeout)
        response = self._session.request(method, self._real + url, **kwargs)
        if (trouble := routes.trouble(self._server, response.status_code, response.text)) is not None:
            raise trouble
        toxiproxy.api.validate_response(response)
        response.raise_for_status()
        return response


class Library:
    """The library's own classes, each method of which speaks to one consumer."""

    def __init__(self, api: Consumer) -> None:
        self._api = api
        self._proxy = _bound(toxiproxy.Proxy, APIConsumer=api)
        self.server = _bound(toxiproxy.Toxiproxy, APIConsumer=api, Proxy=self._proxy)()

    def version(self) -> str:
        """The library's own `version` connects without a time-out first; this asks at once."""
        text = self._api.get("/version").text.strip()
        return str(json.loads(text)["version"]) if text.startswith("{") else text

    def proxies(self) -> Mapping[str, toxiproxy.Proxy]:
        return dict(self.server.proxies())

    def proxy(self, name: str) -> toxiproxy.Proxy:
        """One proxy, asked for by itself: a list of all hangs when any of them does."""
        return self._proxy(**self._api.get(f"/proxies/{quote(name, safe='')}").json())

    def set_enabled(self, name: str, enabled: bool) -> bool:
        """Open or shut a proxy; whether it is open then. The library throws the server's answer away."""
        asked = self._api.post(f"/proxies/{quote(name, safe='')}", json={"enabled": enabled})
        return bool(asked.json()["enabled"])

    def let_through(self, proxy: str, toxic: str) -> None:
        """Have a toxic act on no connection any more, in its place; the library knows no way to change one."""
        where = f"/proxies/{quote(proxy, safe='')}/toxics/{quote(toxic, safe='')}"
        self._api.post(where, json={"toxicity": 0})

    def named(self, name: str) -> toxiproxy.Proxy:
        """A handle to act on a proxy; the library puts the name into addresses as it stands, so it is quoted
        here.
        """
        return self._proxy(name=quote(name, safe=""), listen="", upstream="", enabled=True)


def _bound(library: type[Any], **names: object) -> type[Any]:
    """A subclass of one of the library's classes whose methods see `names` instead of the library's own
    globals.
    """
    methods = {
        key: FunctionType(
            value.__code__, {**value.__globals__, **names}, key, value.__defaults__, value.__closure__
        )
        for key, value in vars(library).items()
        if isinstance(value, FunctionType)
    }
    return type(library.__name__, (library,), methods)
