"""Addresses in a cluster, reached through its API server with nothing but a kubeconfig.

    kubernetes://CONTEXT/NAMESPACE/services/prometheus:9090/api/v1/query
    kubernetes://CONTEXT/NAMESPACE/pods/media-1-7d9f:8000/control/settings

Such an address may stand wherever a client takes the base URL of an HTTP server; any other one passes through
unchanged. The context `in-cluster` stands for a pod's own service account. The API server keeps `Authorization` to
itself, so what is behind it must be shown its token in a header of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chaos.errors import ApiAwayError, ClientError, UsageError

if TYPE_CHECKING:  # heavy, and validating asks no server
    import aiohttp
    import requests

SCHEME = "kubernetes"
IN_CLUSTER = "in-cluster"
"""As a context: the service account of the pod in which this runs."""
ANSWERS_WITHIN = 2.0
"""Real seconds in which an API server that is not away answers."""
CONNECTIONS = 32
"""Connections to one API server that are kept for requests."""

_kept: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, aiohttp.ClientSession]] = (
    weakref.WeakKeyDictionary()
)


def in_a_pod() -> bool:
    """Whether this runs in a pod, whose service account then is a context."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


def is_cluster(address: str) -> bool:
    """Whether an address leads through a cluster's API server."""
    return address.startswith(f"{SCHEME}://")


@dataclass(frozen=True)
class Place:
    """A service or a pod, and its port."""

    context: str
    namespace: str
    kind: str
    name: str
    port: int

    @classmethod
    def parse(cls, address: str) -> tuple[Place, str]:
        """The place, and the path (with its query) behind it. Raises ClientError."""
        parts = urlsplit(address)
        namespace, kind, named, *rest = [*parts.path.lstrip("/").split("/", 3), "", "", ""][:4]
        name, _, port = named.partition(":")
        if not (parts.netloc and namespace and kind in ("services", "pods") and name and port.isdigit()):
            raise ClientError(
                f"`{address}` is no address in a cluster; "
                f"write {SCHEME}://CONTEXT/NAMESPACE/services|pods/NAME:PORT/PATH"
            )
        path = "/" + "".join(rest) if rest and rest[0] else ""
        return cls(parts.netloc, namespace, kind, name, int(port)), path + (
            f"?{parts.query}" if parts.query else ""
        )

    def __str__(self) -> str:
        return f"{SCHEME}://{self.context}/{self.namespace}/{self.kind}/{self.name}:{self.port}"

    @property
    def proxy(self) -> str:
        """The path of the API server's proxy to it."""
        return f"/api/v1/namespaces/{self.namespace}/{self.kind}/{self.name}:{self.port}/proxy"


class Access:
    """One context of the kubeconfig: where its API server is, and with what it is spoken to."""

    def __init__(self, context: str, configuration: Any) -> None:
        self.context = context
        self.configuration = configuration
        self.server = str(configuration.host).rstrip("/")

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """For aiohttp: the authorities to trust, and the client's own certificate."""
        trust = ssl.create_default_context(cafile=self.configuration.ssl_ca_cert)
        trust.verify_flags &= ~ssl.VERIFY_X509_STRICT  # clusters' own authorities leave extensions out
        if self.configuration.cert_file:
            trust.load_cert_chain(self.configuration.cert_file, self.configuration.key_file)
        if not self.configuration.verify_ssl:
            trust.check_hostname = False
            trust.verify_mode = ssl.CERT_NONE
        return trust

    @property
    def headers(self) -> dict[str, str]:
        """What shows the API server who asks; a token that is renewed is renewed here."""
        # A pod's own account has its token under the first name, and so have kubeconfigs in newer libraries.
        token = self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return {"Authorization": token} if token else {}

    def session(self) -> requests.Session:
        """The session for requests, one for all: a connection that is kept saves each request its handshake."""
        session = self._session
        session.headers.update(self.headers)
        return session

    @cached_property
    def _session(self) -> requests.Session:
        import requests
        import requests.adapters

        session = requests.Session()
        session.trust_env = False
        session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
        verify = self.configuration.ssl_ca_cert or True
        session.verify = verify if self.configuration.verify_ssl else False
        if self.configuration.cert_file:
            session.cert = (self.configuration.cert_file, self.configuration.key_file)
        return session


@cache
def access(context: str) -> Access:
    """How a context's API server is reached. Raises UsageError for one that the kubeconfig does not have."""
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        if context == IN_CLUSTER:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=os.environ.get("KUBECONFIG") or None,
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )
    except (config.ConfigException, OSError, KeyError, TypeError) as error:
        raise UsageError(
            f"the context `{context}` cannot be used: {error}; `kubectl config get-contexts` shows those that are there"
        ) from error
    return Access(context, configuration)


def resolved(address: str) -> str:
    """The URL that is really asked."""
    if not is_cluster(address):
        return address
    place, path = Place.parse(address)
    return f"{access(place.context).server}{place.proxy}{path}"


def connector(address: str, trust: ssl.SSLContext | None = None) -> aiohttp.TCPConnector:
    """A connector for a client that keeps a session to one address."""
    import aiohttp

    if is_cluster(address):
        return aiohttp.TCPConnector(ssl=access(Place.parse(address)[0].context).trust)
    return aiohttp.TCPConnector(ssl=trust or True)


def headers(address: str) -> dict[str, str]:
    """What goes with every request to an address beside the client's own headers."""
    return access(Place.parse(address)[0].context).headers if is_cluster(address) else {}


def requests_session(address: str) -> requests.Session:
    """A session of requests for one address; it never heeds proxies of the environment."""
    if is_cluster(address):
        return access(Place.parse(address)[0].context).session()
    import requests

    session = requests.Session()
    session.trust_env = False
    return session


def answers(address: str) -> bool:
    """Whether the API server on the way to an address answers at all just now; it blocks, for a moment."""
    import requests

    way = access(Place.parse(address)[0].context)
    try:
        way.session().get(f"{way.server}/readyz", timeout=ANSWERS_WITHIN)
    except requests.RequestException:
        return False
    return True


@asynccontextmanager
async def kept() -> AsyncIterator[None]:
    """For the length of a block, keep the sessions of this event loop's requests to clusters."""
    loop = asyncio.get_running_loop()
    if loop in _kept:
        yield
        return
    sessions = _kept[loop] = {}
    try:
        yield
    finally:
        del _kept[loop]
        for session in sessions.values():
            await session.close()


@asynccontextmanager
async def opened(address: str, timeout: float) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A session and the real URL for one request, which may take `timeout` real seconds in all."""
    import aiohttp

    bound = aiohttp.ClientTimeout(total=timeout)
    if not is_cluster(address):
        async with aiohttp.ClientSession(timeout=bound, trust_env=False) as session:
            yield session, address
        return
    place, path = Place.parse(address)
    way = access(place.context)
    sessions = _kept.get(asyncio.get_running_loop())
    kept_session = sessions.get(place.context) if sessions is not None else None
    session = kept_session or aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=way.trust), trust_env=False
    )
    if sessions is not None:
        sessions[place.context] = session
    try:
        async with asyncio.timeout(timeout):
            # Without a path the API server would answer with a redirection to the one that ends with a slash.
            yield session, resolved(address) + ("" if path else "/")
    finally:
        if sessions is None:
            await session.close()


def trouble(address: str, status: int, body: str) -> ClientError | None:
    """What the API server itself says about a request that it did not hand on; None where the answer is not its own.

    Only what is behind it may say that something is not there.
    """
    if not is_cluster(address) or status < 400:
        return None
    try:
        told = json.loads(body)
    except ValueError:
        return None
    if not isinstance(told, Mapping) or told.get("kind") != "Status" or told.get("apiVersion") != "v1":
        return None
    place, _ = Place.parse(address)
    return ClientError(f"{place} cannot be reached: {told.get('message') or told.get('reason') or status}")


def away(address: str, error: Exception) -> ApiAwayError:
    """The API server takes no connection: what is behind it may be as well as ever."""
    context = Place.parse(address)[0].context
    return ApiAwayError(
        f"the API server of the cluster `{context}` does not answer ({type(error).__name__}: {error}); "
        "nothing is known of what is behind it"
    )
