from __future__ import annotations

import hashlib
import http.server
import io
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.clients import tool_fetch, tools
from chaos.clients.tool_pins import HELM, KIND, PROMETHEUS, TOXIPROXY, Kit, Tool
from chaos.errors import ToolError
from tests.waiting import wait_until

PROMETHEUS_TOOL, PROMTOOL = PROMETHEUS.tools
(TOXIPROXY_SERVER,) = TOXIPROXY.tools
(KIND_TOOL,) = KIND.tools
(HELM_TOOL,) = HELM.tools

EMPTY_VERSION = """\
prometheus, version  (branch: , revision: unknown)
  go version:       go1.24.0
"""


def program(folder: Path, name: str, script: str) -> Path:
    """An executable shell script called `name` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def prints(text: str) -> str:
    """A shell script that prints `text` whatever it is asked."""
    return f"cat <<'END'\n{text}\nEND"


def building(process: subprocess.Popen[bytes], child: Path) -> bool:
    """Whether the build has told its child's number; fails when the command ended before that."""
    assert process.poll() is None, "it ended before the build began"
    return child.exists() and child.read_text().strip() != ""


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def archive(files: dict[str, str]) -> bytes:
    """A gzipped tar of `files`, by path."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


RELEASE = archive(
    {
        "release/LICENSE": "words",
        "release/toxiproxy-server": "#!/bin/sh\necho toxiproxy-server version 2.12.0\n",
        "release/../../escaped": "#!/bin/sh\n",
    }
)


class Releases:
    """A server of release archives on this machine: it answers every request with `content` and `status`."""

    def __init__(self) -> None:
        self.content = RELEASE
        self.status = 200
        self.cut_off = 0
        self.requests = 0
        releases = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                releases.requests += 1
                self.send_response(releases.status)
                self.send_header("Content-Length", str(len(releases.content)))
                self.end_headers()
                cut = len(releases.content) // 2 if releases.requests <= releases.cut_off else None
                self.wfile.write(releases.content[:cut])

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.kit = self.pinned(RELEASE)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def pinned(self, content: bytes) -> Kit:
        """Toxiproxy's kit, to be had here, with the checksum of `content`."""
        return replace(
            TOXIPROXY,
            archive=f"http://127.0.0.1:{self._server.server_port}/{{platform}}.tar.gz",
            platforms={tool_fetch.this_platform(): "here"},
            sha256={tool_fetch.this_platform(): hashlib.sha256(content).hexdigest()},
        )

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def releases() -> Iterator[Releases]:
    """A release server on this machine that serves what its kit pins."""
    server = Releases()
    yield server
    server.close()


@pytest.fixture
def said() -> list[str]:
    """The lines of progress."""
    return []


def ensure(kit: Kit, folder: Path, said: list[str], path: str = "") -> Path:
    """Have toxiproxy-server of `kit`, with nothing on the PATH but `path`."""
    return tools.ensure("toxiproxy-server", folder=folder, path=path, kits=[kit], say=said.append)


def test_an_old_prometheus_on_the_path_is_passed_over(tmp_path: Path) -> None:
    """A 2.x on the PATH is not picked up, even before a 3.x further back; the first that fits is."""
    program(tmp_path / "old", "prometheus", prints("prometheus, version 2.53.1 (branch: HEAD)"))
    fitting = program(tmp_path / "new", "prometheus", prints("prometheus, version 3.1.0 (branch: HEAD)"))
    path = f"{tmp_path / 'old'}:{tmp_path / 'new'}"
    assert tools.find("prometheus", folder=tmp_path / "tools", path=path) == fitting


def test_the_refusal_names_every_candidate_and_the_remedy(tmp_path: Path) -> None:
    """Where nothing fits, the error says which programs were seen, why each was refused, and what to do."""
    old = program(tmp_path / "bin", "prometheus", prints("prometheus, version 2.53.1 (branch: HEAD)"))
    mine = program(tmp_path / "tools", "prometheus", "exit 1")
    with pytest.raises(ToolError) as refusal:
        tools.find("prometheus", folder=tmp_path / "tools", path=str(tmp_path / "bin"))
    text = str(refusal.value)
    assert f"{old}: its version is 2.53.1, wanted is >= 3.0, < 4.0" in text
    assert str(mine) in text
    assert "make setup" in text


@pytest.mark.parametrize(
    ("tool", "answer", "fits"),
    [
        (TOXIPROXY_SERVER, "toxiproxy-server version 2.12.0", True),
        (TOXIPROXY_SERVER, "toxiproxy-server version 2.12.7", True),
        (TOXIPROXY_SERVER, "toxiproxy-server version 2.11.0", False),
        (TOXIPROXY_SERVER, "toxiproxy-server version 2.1.4", False),
        (TOXIPROXY_SERVER, "toxiproxy-server version 3.12.0", False),
        (TOXIPROXY_SERVER, "toxiproxy-server version git", False),
        (PROMETHEUS_TOOL, "prometheus, version 3.0.0 (branch: HEAD)", True),
        (PROMETHEUS_TOOL, "prometheus, version 2.55.1 (branch: HEAD)", False),
        (PROMETHEUS_TOOL, "prometheus, version 4.0.0 (branch: HEAD)", False),
        (PROMTOOL, "promtool, version 3.5.0 (branch: )", True),
        (PROMTOOL, "promtool, version 2.45.0 (branch: )", False),
        (KIND_TOOL, "kind v0.30.0 go1.24.6 linux/amd64", True),
        (KIND_TOOL, "kind v0.20.0 go1.20.4 linux/amd64", False),
        (HELM_TOOL, 'version.BuildInfo{Version:"v3.18.6", GitCommit:"", GoVersion:"go1.24.6"}', True),
        (HELM_TOOL, 'version.BuildInfo{Version:"v3.18", GitCommit:"", GoVersion:"go1.26.8"}', True),
        (HELM_TOOL, 'version.BuildInfo{Version:"v2.17.0", GoVersion:"go1.13.10"}', False),
        (HELM_TOOL, 'version.BuildInfo{Version:"v4.0.1", GoVersion:"go1.25.1"}', False),
    ],
)
def test_the_version_decides_where_it_is_told(tmp_path: Path, tool: Tool, answer: str, fits: bool) -> None:
    """Toxiproxy must be 2.12, Prometheus, promtool and Helm 3.x, kind not too old."""
    assert tools.judge(tool, program(tmp_path, tool.name, prints(answer))).fits is fits


@given(major=st.integers(0, 9), minor=st.integers(0, 99), patch=st.integers(0, 99))
def test_exactly_the_versions_in_the_range_fit(major: int, minor: int, patch: int) -> None:
    """Over all versions: Toxiproxy fits at 2.12 and no other, Prometheus and promtool at 3.x and no other."""
    expected = {
        "toxiproxy-server": (major, minor) == (2, 12),
        "prometheus": major == 3,
        "promtool": major == 3,
    }
    for tool in (TOXIPROXY_SERVER, PROMETHEUS_TOOL, PROMTOOL):
        told = f"{tool.name}, version {major}.{minor}.{patch} (branch: HEAD)"
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(tools, "_ask", lambda *_, told=told: subprocess.CompletedProcess([], 0, told))
            judgement = tools.judge(tool, Path(tool.name))
        assert judgement.fits is expected[tool.name]
        assert judgement.version == f"{major}.{minor}.{patch}"


def test_a_prometheus_without_a_version_is_judged_by_a_flag(tmp_path: Path) -> None:
    """A build that does not know its version fits if it has a flag that only 3.x has."""
    script = f"""case "$1" in
--version) {prints(EMPTY_VERSION)}
;;
--help) echo "      --[no-]web.enable-otlp-receiver" ;;
esac"""
    new = tools.judge(PROMETHEUS_TOOL, program(tmp_path / "new", "prometheus", script))
    old = tools.judge(
        PROMETHEUS_TOOL,
        program(tmp_path / "old", "prometheus", script.replace("web.enable-otlp", "web.enable-old")),
    )
    assert new.fits
    assert new.version == ""
    assert not old.fits
    assert "web.enable-otlp-receiver" in old.because


def test_a_promtool_without_a_version_is_judged_by_a_rule(tmp_path: Path) -> None:
    """A build that does not know its version fits if it accepts a rule that 2.x refuses."""
    told = prints(EMPTY_VERSION.replace("prometheus", "promtool"))
    new = program(
        tmp_path / "new",
        "promtool",
        f'if [ "$1" = --version ]; then {told}\nelse grep -q "record: with.dot" && echo SUCCESS; fi',
    )
    old = program(tmp_path / "old", "promtool", f'if [ "$1" = --version ]; then {told}\nelse exit 1; fi')
    assert tools.judge(PROMTOOL, new).fits
    assert not tools.judge(PROMTOOL, old).fits


def test_a_program_that_says_nothing_of_itself_never_fits(tmp_path: Path) -> None:
    """Another program of the same name is refused, even if it succeeds at everything."""
    for tool in (TOXIPROXY_SERVER, PROMETHEUS_TOOL, PROMTOOL):
        assert not tools.judge(tool, program(tmp_path, tool.name, "echo SUCCESS")).fits


def test_a_program_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question for the version has a time limit."""
    monkeypatch.setattr(tools, "PROBE_TIMEOUT", 0.2)
    begun = time.monotonic()
    judgement = tools.judge(TOXIPROXY_SERVER, program(tmp_path, "toxiproxy-server", "exec sleep 600"))
    assert not judgement.fits
    assert "0.2 s" in judgement.because
    assert time.monotonic() - begun < 50


def test_a_program_of_another_architecture_is_refused_not_a_crash(tmp_path: Path) -> None:
    """A file that the kernel cannot run is a reason in words."""
    broken = tmp_path / "toxiproxy-server"
    broken.write_bytes(b"\x7fELF\x00nonsense")
    broken.chmod(0o755)
    judgement = tools.judge(TOXIPROXY_SERVER, broken)
    assert not judgement.fits
    assert "cannot be run" in judgement.because


def test_what_is_on_the_path_is_not_fetched(tmp_path: Path, releases: Releases, said: list[str]) -> None:
    """Nothing is downloaded, and nothing written, where a program fits already."""
    here = program(tmp_path / "bin", "toxiproxy-server", prints("toxiproxy-server version 2.12.0"))
    assert ensure(releases.kit, tmp_path / "tools", said, str(tmp_path / "bin")) == here
    assert releases.requests == 0
    assert not (tmp_path / "tools").exists()


def test_a_release_is_downloaded_once(tmp_path: Path, releases: Releases, said: list[str]) -> None:
    """What is missing comes from the release; the next time it is there, and nothing else was written."""
    folder = tmp_path / "tools"
    first = ensure(releases.kit, folder, said)
    assert first == folder / "toxiproxy-server"
    assert first.stat().st_mode & stat.S_IXUSR
    assert ensure(releases.kit, folder, said) == first
    assert tools.find("toxiproxy-server", folder=folder, path="", kits=[releases.kit]) == first
    assert releases.requests == 1
    assert {file.name for file in folder.iterdir()} == {".lock", "toxiproxy-server"}
    assert not list(tmp_path.glob("**/escaped"))


def test_a_corrupted_download_is_refused(tmp_path: Path, releases: Releases, said: list[str]) -> None:
    """An archive with another checksum is not unpacked, whatever is in it."""
    releases.content = RELEASE + b"\0"
    with pytest.raises(ToolError, match="corrupted or exchanged") as refusal:
        ensure(releases.kit, tmp_path / "tools", said)
    assert hashlib.sha256(releases.content).hexdigest() in str(refusal.value)
    assert {file.name for file in (tmp_path / "tools").iterdir()} == {".lock"}


def test_a_release_that_is_not_what_it_claims_is_refused(
    tmp_path: Path, releases: Releases, said: list[str]
) -> None:
    """A program whose version does not fit is not installed, even with the right checksum."""
    releases.content = archive({"toxiproxy-server": "#!/bin/sh\necho toxiproxy-server version 2.1.4\n"})
    with pytest.raises(ToolError, match=r"its version is 2\.1\.4"):
        ensure(releases.pinned(releases.content), tmp_path / "tools", said)
    assert not (tmp_path / "tools" / "toxiproxy-server").exists()


@pytest.mark.parametrize(
    "content",
    [b"no archive", archive({"something-else": ""}), RELEASE[:100]],
    ids=["no archive", "without the program", "cut off"],
)
def test_an_archive_without_the_program_is_refused(
    tmp_path: Path, releases: Releases, said: list[str], content: bytes
) -> None:
    """An archive that cannot be read, or lacks the program, is a reason in words."""
    releases.content = content
    with pytest.raises(ToolError, match="the archive"):
        ensure(releases.pinned(content), tmp_path / "tools", said)


def test_a_broken_connection_gets_another_try(tmp_path: Path, releases: Releases, said: list[str]) -> None:
    """A download that is cut off twice succeeds at the third time."""
    releases.cut_off = 2
    assert ensure(releases.kit, tmp_path / "tools", said).exists()
    assert releases.requests == 3


def test_a_missing_release_is_not_asked_for_again(
    tmp_path: Path, releases: Releases, said: list[str]
) -> None:
    """A 404 stays a 404: one request, and the reason tells it."""
    releases.status = 404
    with pytest.raises(ToolError, match="answered 404"):
        ensure(releases.kit, tmp_path / "tools", said)
    assert releases.requests == 1


def test_without_network_and_go_the_error_tells_every_way(tmp_path: Path, said: list[str]) -> None:
    """The error says what was tried on each way, why it failed, and what to do; it does not take long."""
    nowhere = replace(
        TOXIPROXY,
        archive="http://127.0.0.1:9/{platform}.tar.gz",
        platforms={tool_fetch.this_platform(): "here"},
        sha256={tool_fetch.this_platform(): "0" * 64},
    )
    begun = time.monotonic()
    with pytest.raises(ToolError) as refusal:
        ensure(nowhere, tmp_path / "tools", said)
    text = str(refusal.value)
    assert time.monotonic() - begun < 60
    for part in ("on the PATH", "tools folder", "download", "refused", "build with Go", "no `go`", "Either"):
        assert part in text


def test_a_platform_without_a_pinned_release_is_built_with_go(
    tmp_path: Path, releases: Releases, said: list[str]
) -> None:
    """Where no release is pinned, Go builds the program, in a throw-away module, with its version set."""
    go = program(
        tmp_path / "bin",
        "go",
        f"""echo "$PWD|$CGO_ENABLED|$*" >> {tmp_path}/log
[ "$1" = build ] || exit 0
version=$(expr "$*" : '.*v2.Version=\\([0-9.]*\\)')
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho toxiproxy-server version %s\\n' "$version" > "$2"
""",
    )
    unpinned = replace(releases.kit, platforms={}, sha256={})
    built = ensure(unpinned, tmp_path / "tools", said, f"{go.parent}:/usr/bin:/bin")
    assert tools.judge(TOXIPROXY_SERVER, built).version == "2.12.0"
    assert releases.requests == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split("|")[2].split()[0] for line in lines] == ["mod", "get", "build"]
    assert all(line.split("|")[1] == "0" for line in lines)
    assert not Path(lines[0].split("|")[0]).exists()


def test_a_failed_build_tells_the_end_of_its_output(
    tmp_path: Path, releases: Releases, said: list[str]
) -> None:
    """The error of Go is in the error."""
    go = program(tmp_path / "bin", "go", "echo no route to the module proxy >&2; exit 3")
    with pytest.raises(ToolError, match=r"ended with 3: no route to the module proxy"):
        ensure(replace(releases.kit, sha256={}), tmp_path / "tools", said, str(go.parent))


def test_a_stale_program_in_the_tools_folder_is_replaced(
    tmp_path: Path, releases: Releases, said: list[str]
) -> None:
    """A program of an earlier pin in the tools folder gives way to the one that is wanted now."""
    program(tmp_path / "tools", "toxiproxy-server", prints("toxiproxy-server version 2.9.0"))
    fetched = ensure(releases.kit, tmp_path / "tools", said)
    assert tools.judge(TOXIPROXY_SERVER, fetched).version == "2.12.0"


def test_what_a_killed_fetch_left_behind_is_swept(
    tmp_path: Path, releases: Releases, said: list[str]
) -> None:
    """The unfinished files of a process that was killed go with the next fetch."""
    program(tmp_path / "tools" / ".fetch-unfinished" / "0", "toxiproxy-server", "")
    ensure(releases.kit, tmp_path / "tools", said)
    assert {file.name for file in (tmp_path / "tools").iterdir()} == {".lock", "toxiproxy-server"}


def _hear_interrupts() -> None:
    """Whatever started the tests in the background has had SIGINT ignored, which children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, None)])
def test_an_interrupted_build_leaves_nothing(
    tmp_path: Path, number: signal.Signals, code: int | None
) -> None:
    """A signal in the middle of a build ends the command, the build with all its processes, and its files."""
    program(tmp_path / "bin", "go", f"sleep 600 & echo $! > {tmp_path}/child; wait")
    environment = {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "STANDBY_TOOLS": str(tmp_path / "tools"),
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "chaos.clients.tools", "prometheus"]
    process = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.DEVNULL,
        preexec_fn=_hear_interrupts,  # noqa: PLW1509 - it only sets a handler
    )
    try:
        wait_until(lambda: building(process, tmp_path / "child"), 60, "the build to begin")
        process.send_signal(number)
        status = process.wait(timeout=60)
    finally:
        process.kill()
    assert status == code if code else status != 0
    assert {file.name for file in (tmp_path / "tools").iterdir()} == {".lock"}
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not runs(child), 60, f"process {child} to be gone")


def test_two_at_once_download_once(tmp_path: Path, releases: Releases) -> None:
    """The second of two processes waits for the first, and takes what that one fetched."""
    said: list[str] = []
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(ensure(releases.kit, tmp_path / "tools", said)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [tmp_path / "tools" / "toxiproxy-server"] * 4
    assert releases.requests == 1


def test_an_unknown_program_is_named_with_the_known_ones(tmp_path: Path) -> None:
    """A wrong name is an error that lists the right ones."""
    with pytest.raises(ToolError, match=r"toxiproxy-server, prometheus, promtool"):
        tools.find("toxiproxy", folder=tmp_path)


def test_a_tools_folder_that_cannot_be_made_is_a_tool_error(
    tmp_path: Path, releases: Releases, said: list[str]
) -> None:
    """No traceback of the file system, but which folder and why."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="tools folder"):
        ensure(releases.kit, tmp_path / "file" / "tools", said)


def test_the_tools_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$STANDBY_TOOLS wins; without it the folder is inside the checkout, wherever the command runs."""
    monkeypatch.setenv("STANDBY_TOOLS", str(tmp_path))
    assert tools.tools_folder() == tmp_path
    monkeypatch.delenv("STANDBY_TOOLS")
    monkeypatch.chdir(tmp_path)
    assert tools.tools_folder() == Path(tools.__file__).parents[2] / ".standby" / "tools"


def test_every_pin_is_complete() -> None:
    """Each platform of each kit has an address and a whole SHA-256, and no two are the same."""
    sums = [checksum for kit in tools.ALL_KITS for checksum in kit.sha256.values()]
    assert len(set(sums)) == len(sums) == 16
    for kit in tools.ALL_KITS:
        assert kit.platforms.keys() == kit.sha256.keys()
        assert kit.version in kit.archive
        for checksum in kit.sha256.values():
            assert len(bytes.fromhex(checksum)) == 32


def test_a_release_that_is_the_program_itself_is_no_archive(
    tmp_path: Path, releases: Releases, said: list[str]
) -> None:
    """Kind's releases are bare programs: checked by the same checksum, and runnable afterwards."""
    releases.content = b"#!/bin/sh\necho toxiproxy-server version 2.12.0\n"
    pinned = releases.pinned(releases.content)
    kit = replace(pinned, archive=pinned.archive.removesuffix(".tar.gz"))
    fetched = ensure(kit, tmp_path / "tools", said)
    assert fetched.read_bytes() == releases.content
    assert tools.judge(TOXIPROXY_SERVER, fetched).fits


def test_programs_for_a_cluster_are_fetched_only_when_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make setup` and `make demo` need neither kind nor Helm."""
    asked: list[str] = []

    def ensure(name: str) -> Path:
        asked.append(name)
        return tmp_path

    monkeypatch.setattr(tools, "ensure", ensure)
    assert tools.main(["--quiet"]) == 0
    assert asked == ["toxiproxy-server", "prometheus", "promtool"]
    assert tools.main(["--quiet", "helm", "kind"]) == 0
    assert asked[3:] == ["helm", "kind"]


def test_the_command_tells_where_each_program_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m chaos.clients.tools` prints a line for each program, and with --quiet none."""
    for tool in (TOXIPROXY_SERVER, PROMETHEUS_TOOL, PROMTOOL):
        version = ".".join(str(part) for part in tool.at_least)
        program(tmp_path, tool.name, prints(f"{tool.name}, version {version}.0"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert tools.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tool.name}: {tmp_path / tool.name}" for tool in (TOXIPROXY_SERVER, PROMETHEUS_TOOL, PROMTOOL)
    ]
    assert tools.main(["--quiet"]) == 0
    assert tools.main(["--quiet", "nothing-like-it"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nothing-like-it" in captured.err
