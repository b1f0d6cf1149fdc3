"""The programs that Standby runs but does not contain: which versions fit, and where each can be had.

The checksums are those that the projects publish with their releases. To move to another release, change its
version, its checksums and the module version together: a download that does not match is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Ability:
    """Something that only a fitting build can do, for builds that do not know their own version.

    The program is run with `arguments` and `stdin`; it is able if it exits with 0 and prints `proof`.
    """

    about: str
    arguments: tuple[str, ...]
    proof: str
    stdin: str = ""


@dataclass(frozen=True)
class Tool:
    """One program: how it is asked for its version, and which versions fit.

    A version fits from `at_least` (included) to `below` (not included), both (major, minor).
    """

    name: str
    version_arguments: tuple[str, ...]
    at_least: tuple[int, int]
    below: tuple[int, int]
    package: str
    """The Go package that it is built from."""
    ability: Ability | None = None

    @property
    def wanted(self) -> str:
        """The fitting versions in words."""
        return f">= {self.at_least[0]}.{self.at_least[1]}, < {self.below[0]}.{self.below[1]}"


@dataclass(frozen=True)
class Kit:
    """Programs that come together: one release archive, one Go module."""

    name: str
    version: str
    tools: tuple[Tool, ...]
    archive: str
    """The address of the release archive, or of the program itself where it does not end in `.tar.gz`; `{platform}`
    stands for a value of `platforms`."""
    platforms: Mapping[str, str]
    """This machine's `system-architecture` to the name that the project gives it."""
    sha256: Mapping[str, str]
    """The archive's checksum for each key of `platforms`."""
    module_version: str
    version_variable: str
    """The Go variable that holds the version, set by the linker."""
    remedy: str
    """What a person can do who has to provide the programs."""


_PLATFORMS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")

TOXIPROXY = Kit(
    name="Toxiproxy",
    version="2.12.0",
    tools=(
        Tool(
            name="toxiproxy-server",
            version_arguments=("-version",),
            at_least=(2, 12),
            below=(2, 13),
            package="github.com/Shopify/toxiproxy/v2/cmd/server",
        ),
    ),
    archive="https://github.com/Shopify/toxiproxy/releases/download/v2.12.0/toxiproxy_2.12.0_{platform}.tar.gz",
    platforms={platform: platform.replace("-", "_") for platform in _PLATFORMS},
    sha256={
        "linux-amd64": "65e042d3fc2290c099527bc506446a6fd863a09f113b8944b636ece70221c2b3",
        "linux-arm64": "ab417dafc77ae8b54ec8461cc5da5180d0465a61dcbda86c72da72ee4ab843b7",
        "darwin-amd64": "52ac1f99d7204b4b523f910b791bc86318b50ef94822c79a6157606704003ced",
        "darwin-arm64": "cece3905c06ad84d6b3bb4cd024c344e6466736b2a8cbaf9ef4fe45e62aba9b2",
    },
    module_version="v2.12.0",
    version_variable="github.com/Shopify/toxiproxy/v2.Version",
    remedy="put `toxiproxy-server` of Toxiproxy 2.12 (github.com/Shopify/toxiproxy/releases) on the PATH",
)

PROMETHEUS = Kit(
    name="Prometheus",
    version="3.5.0",
    tools=(
        Tool(
            name="prometheus",
            version_arguments=("--version",),
            at_least=(3, 0),
            below=(4, 0),
            package="github.com/prometheus/prometheus/cmd/prometheus",
            ability=Ability(
                about="has the flag --web.enable-otlp-receiver, which came with 3.0",
                arguments=("--help",),
                proof="web.enable-otlp-receiver",
            ),
        ),
        Tool(
            name="promtool",
            version_arguments=("--version",),
            at_least=(3, 0),
            below=(4, 0),
            package="github.com/prometheus/prometheus/cmd/promtool",
            ability=Ability(
                about="accepts a metric name with a dot in it, as 3.0 and later do",
                arguments=("check", "rules"),
                proof="SUCCESS",
                stdin="groups: [{name: ability, rules: [{record: with.dot, expr: vector(1)}]}]\n",
            ),
        ),
    ),
    archive="https://github.com/prometheus/prometheus/releases/download/v3.5.0/prometheus-3.5.0.{platform}.tar.gz",
    platforms={platform: platform for platform in _PLATFORMS},
    sha256={
        "linux-amd64": "e811827af26d822afb09a4f28314f61b618b12cff5369835a67f674d8b46f39a",
        "linux-arm64": "173389cc42bf09c4e6e54cb53fa07a5a835d7c261e14775d2183181d6e385d1c",
        "darwin-amd64": "5856d0c306e7d852d9a79788b20acb630501b3fab120b69f5317d6b0732dea57",
        "darwin-arm64": "c17bc2c992f0b5515eebe2b4ccd626214f8e309a0fe6ec40ed13c42ec13d05fb",
    },
    module_version="v0.305.0",
    version_variable="github.com/prometheus/common/version.Version",
    remedy="put `prometheus` and `promtool` of Prometheus 3 (prometheus.io/download) on the PATH",
)

KIND = Kit(
    name="kind",
    version="0.30.0",
    tools=(
        Tool(
            name="kind",
            version_arguments=("version",),
            at_least=(0, 27),
            below=(1, 0),
            package="sigs.k8s.io/kind",
        ),
    ),
    archive="https://github.com/kubernetes-sigs/kind/releases/download/v0.30.0/kind-{platform}",
    platforms={platform: platform for platform in _PLATFORMS},
    sha256={
        "linux-amd64": "517ab7fc89ddeed5fa65abf71530d90648d9638ef0c4cde22c2c11f8097b8889",
        "linux-arm64": "7ea2de9d2d190022ed4a8a4e3ac0636c8a455e460b9a13ccf19f15d07f4f00eb",
        "darwin-amd64": "4f0b6e3b88bdc66d922c08469f05ef507d4903dd236e6319199bb9c868eed274",
        "darwin-arm64": "ceaf40df1d1551c481fb50e3deb5c3deecad5fd599df5469626b70ddf52a1518",
    },
    module_version="v0.30.0",
    version_variable="sigs.k8s.io/kind/pkg/cmd/kind/version.versionCore",  # a constant: it is right without help
    remedy="put `kind` (kind.sigs.k8s.io/docs/user/quick-start/#installation) on the PATH",
)

HELM = Kit(
    name="Helm",
    version="3.18.6",
    tools=(
        Tool(
            name="helm",
            version_arguments=("version",),
            at_least=(3, 14),
            below=(4, 0),
            package="helm.sh/helm/v3/cmd/helm",
        ),
    ),
    archive="https://get.helm.sh/helm-v3.18.6-{platform}.tar.gz",
    platforms={platform: platform for platform in _PLATFORMS},
    sha256={
        "linux-amd64": "3f43c0aa57243852dd542493a0f54f1396c0bc8ec7296bbb2c01e802010819ce",
        "linux-arm64": "5b8e00b6709caab466cbbb0bc29ee09059b8dc9417991dd04b497530e49b1737",
        "darwin-amd64": "80cad0470e38cf25731cdead7c32dfbeb887bc177bd6fa01e31b065722f8f06b",
        "darwin-arm64": "48e30d236a1f334c6acb78501be5a851eaa2a267fefeb1131b6484eb2f9f30d7",
    },
    module_version="v3.18.6",
    version_variable="helm.sh/helm/v3/internal/version.version",
    remedy="put `helm` of Helm 3 (helm.sh/docs/intro/install) on the PATH",
)

KITS = (TOXIPROXY, PROMETHEUS)
"""What the local world runs."""
CLUSTER_KITS = (KIND, HELM)
"""What a cluster is made and filled with; fetched only when one is."""
