"""The images: ours is built, the others are pulled, and each node is given those that it lacks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from chaos import __version__
from chaos.clients.tools import ensure
from chaos.errors import WorldError
from k8s.nodes import CLUSTER, roles
from k8s.steps import lines, run, say, succeeds

ROOT: Final = Path(__file__).resolve().parents[1]
DOCKERFILE: Final = ROOT / "k8s" / "Dockerfile"
REPOSITORY: Final = "standby"
PUBLIC: Final = (
    "redis:7.0",
    "ghcr.io/shopify/toxiproxy:2.12.0",
    "prom/prometheus:v3.5.0",
    "prom/alertmanager:v0.28.1",
)
"""Run on the tools node only, as the charts place them with `placement.strict`."""
ROOMS: Final = ("platform", "media", "tools")
"""The roles of the nodes that run our image; the control plane has none."""
PYTHON: Final = "3.13"
REQUIREMENTS: Final = "requirements.txt"
STUDY_REQUIREMENTS: Final = "requirements-study.txt"
"""With what simulating takes, and Dask: three times as large an image."""


def content_id(requirements: str = REQUIREMENTS) -> str:
    """Twelve hex digits for all that goes into our image."""
    digest = hashlib.sha256()
    wanted = [DOCKERFILE, ROOT / ".dockerignore", ROOT / requirements]
    for folder in ("chaos", "experiments"):
        wanted += [
            path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
    for path in sorted(wanted):
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def build(requirements: str = REQUIREMENTS, python: str = PYTHON) -> str:
    """Build our image, with these requirements and this Python, unless the engine has it already; its name."""
    repository = REPOSITORY if requirements == REQUIREMENTS else f"{REPOSITORY}-study-py{python}"
    image = f"{repository}:{__version__}-{content_id(requirements)}"
    if not succeeds("docker", "image", "inspect", image):
        before = lines(run("docker", "image", "ls", repository, "--format", "{{.Repository}}:{{.Tag}}"))
        run(
            "docker", "build", "--quiet", "--tag", image, "--file", str(DOCKERFILE),
            "--build-arg", f"REQUIREMENTS={requirements}", "--build-arg", f"PYTHON={python}", str(ROOT),
            env=os.environ | {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},  # kind loads the image itself only
            what=f"Building the image {image} (minutes the first time, seconds after a change of code)",
        )  # fmt: skip
        for old in before:
            succeeds("docker", "image", "rm", old)  # one that a container still uses stays
    return image


def build_and_load() -> str:
    """Build our image, and give every node what its pods run; the image's name."""
    with ThreadPoolExecutor(1) as beside:
        built = beside.submit(build)
        pull()
        load_public()
        image = built.result()
    load(image)
    return image


def pull() -> None:
    """Pull the public images that the engine lacks."""
    for image in PUBLIC:
        if not succeeds("docker", "image", "inspect", image):
            run("docker", "pull", "--quiet", image, what=f"Pulling {image}")


def load_public() -> None:
    """Give the nodes for tools the public images that they lack; those that cannot be loaded are theirs to pull."""
    for node in [node for node, role in roles().items() if role == "tools"]:
        have = _on_node(node)
        lacking = [image for image in PUBLIC if full_name(image) not in have]
        if lacking:
            try:
                _load(lacking, [node])
            except WorldError as error:
                # Some engines cannot hand out one platform of an image that has several.
                say(f"They could not be loaded; the nodes have to pull them themselves: {error}")


def load(image: str, kinds: Sequence[str] = ROOMS) -> None:
    """Give an image to the nodes of these roles that lack it."""
    lacking = [
        node for node, role in roles().items() if role in kinds and full_name(image) not in _on_node(node)
    ]
    if lacking:
        _load([image], lacking)


def _load(wanted: Sequence[str], names: Sequence[str]) -> None:
    run(
        str(ensure("kind")), "load", "docker-image", *wanted, "--name", CLUSTER, "--nodes", ",".join(names),
        what=f"Loading {', '.join(wanted)} into {', '.join(names)}",
    )  # fmt: skip


def needed(own: str, role: str) -> Sequence[str]:
    """The images that pods on nodes of this role run; none on the control plane."""
    return ((own,) if role in ROOMS else ()) + (PUBLIC if role == "tools" else ())


def _on_node(node: str) -> Sequence[str]:
    return lines(run("docker", "exec", node, "ctr", "--namespace=k8s.io", "images", "ls", "--quiet"))


def full_name(image: str) -> str:
    """The image as containerd lists it: with its registry."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"
