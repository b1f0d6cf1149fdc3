"""What is secret stays so, and what a run leaves is its user's alone, on a run that a guarded Prometheus judges."""

from __future__ import annotations

import base64
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.clients.tools import find
from chaos.testing.services import free_port, two_services
from tests.local.standby import Standby
from tests.waiting import wait_until

pytestmark = [pytest.mark.local, pytest.mark.full, pytest.mark.timeout(120)]

PASSWORD = "a-secret-of-the-test"
HASHED = "$2b$04$qeAL/fHJFIbx7IGMla.pfO43qR0WKa.exHkFUyoSNxldRDA802E/W"
"""The same, as bcrypt has it."""
LOGIN = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()
CERTIFICATE = (
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
)  # fmt: skip


@contextmanager
def guarded_prometheus(folder: Path) -> Iterator[str]:
    """A real Prometheus that speaks TLS with a certificate of its own (`ca.pem`), to `reader` alone; its URL."""
    folder.mkdir()
    ca, key = folder / "ca.pem", folder / "key.pem"
    subprocess.run([*CERTIFICATE, "-out", str(ca), "-keyout", str(key)], check=True, capture_output=True)
    address = f"127.0.0.1:{free_port()}"
    (folder / "web.yml").write_text(
        f"tls_server_config: {{cert_file: ca.pem, key_file: key.pem}}\nbasic_auth_users: {{reader: '{HASHED}'}}\n"
    )
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n"
        f"  - {{job_name: itself, scheme: https, tls_config: {{ca_file: {ca}}}, "
        f"basic_auth: {{username: reader, password: {PASSWORD}}}, static_configs: [{{targets: ['{address}']}}]}}\n"
    )
    server = subprocess.Popen(
        [
            str(find("prometheus")), f"--config.file={folder / 'prometheus.yml'}", "--log.level=error",
            f"--web.config.file={folder / 'web.yml'}", f"--web.listen-address={address}",
            f"--storage.tsdb.path={folder / 'data'}",
        ]
    )  # fmt: skip
    trust = ssl.create_default_context(cafile=str(ca))

    def scraped() -> bool:
        asked = urllib.request.Request(
            f"https://{address}/api/v1/query?query=up", headers={"Authorization": f"Basic {LOGIN}"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=5, context=trust) as answer:  # noqa: S310
                return b'"1"' in answer.read()
        except OSError:
            return False

    try:
        wait_until(scraped, 60, "Prometheus to scrape itself")
        yield f"https://{address}"
    finally:
        server.terminate()
        server.wait(60)


def test_a_secret_stays_out_of_all_files_and_command_lines_and_the_files_are_the_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged over TLS by a Prometheus that asks for a password, the run passes; neither the password nor what carries
    it stands in any file that the run leaves, in what it says, or in a command line while it goes; and neither file nor
    folder can be read by anybody else.
    """
    standby = Standby(tmp_path)
    monkeypatch.setenv("PROM_LOGIN", LOGIN)
    out = standby.folder / "out"
    with guarded_prometheus(tmp_path / "prometheus") as url:
        text = two_services(
            standby.folder,
            timeline="{baseline: 3s, faults: 4s, after: 3s}",
            objective="{name: it is up, query: 'up{job=\"itself\"}', expect: '== 1'}",
        ).replace(
            "prometheus: {url: none}",
            f"prometheus: {{url: '{url}', ca_file: prometheus/ca.pem, headers: {{Authorization: Basic $PROM_LOGIN}}}}",
        )
        text += "faults: [{fault: latency, link: caller-to-echo, delay: 50ms, at: 500ms, lasts: 2s}]\n"
        process = standby.start("run", standby.document(text), "--out", out)
        standby.wait_for(out, "fault_applied")
        lines = [" ".join(one.cmdline()) for one in standby.processes()]
        output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, output
    left = [path for folder in (out, standby.state) for path in (folder, *folder.rglob("*"))]
    assert {path.name for path in left} >= {"run.json", "report.html", "events.jsonl", "world.json", "token"}
    told = [*lines, output, *(path.read_text(errors="replace") for path in left if path.is_file())]
    assert len(lines) >= 4
    assert not [one for one in told if LOGIN in one or PASSWORD in one]
    assert not [str(path) for path in left if path.stat().st_mode & 0o077]
    assert standby.left() == []


def test_a_prometheus_that_is_not_trusted_judges_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its certificate authority its answers are worth nothing: inconclusive, and nothing is injected."""
    standby = Standby(tmp_path)
    monkeypatch.setenv("PROM_LOGIN", LOGIN)
    out = standby.folder / "out"
    with guarded_prometheus(tmp_path / "prometheus") as url:
        text = two_services(standby.folder, objective="{name: it is up, query: up, expect: '== 1'}").replace(
            "url: none", f"url: '{url}', headers: {{Authorization: Basic $PROM_LOGIN}}"
        )
        text += "faults: [{fault: latency, link: caller-to-echo, delay: 50ms, at: 500ms, lasts: 2s}]\n"
        done = standby.run("run", standby.document(text), "--out", out)
    assert done.returncode == 3, done.stdout + done.stderr
    events = standby.events(out)
    assert "certificate" in str(next(event["why"] for event in events if event["event"] == "verdict"))
    assert "fault_applied" not in {event["event"] for event in events}
