"""What the record says about each fault: what was planned, what took place, and how both are proven."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.record import Event
from chaos.report import fields as f
from chaos.report.model import Fault, Proof
from chaos.report.trail import Trail, moment


def faults_of(trail: Trail) -> tuple[Fault, ...]:
    """Every fault that was scheduled or applied, in the order of the record."""
    kinds = ("scheduled", "applied", "path", "observed", "failed", "undone", "gone")
    known = dict.fromkeys(f.text(event, "id") for kind in kinds for event in trail.of(f"fault_{kind}"))
    return tuple(_fault(identity, trail) for identity in known if identity)


def combined(observations: Sequence[bool | None]) -> bool | None:
    """False when anything was seen to be false, True when all was seen to be true, else None (not shown)."""
    if any(holds is False for holds in observations):
        return False
    return True if observations and all(observations) else None


def _fault(identity: str, trail: Trail) -> Fault:
    def last(name: str) -> Event | None:
        return next((event for event in reversed(trail.of(name)) if f.text(event, "id") == identity), None)

    planned = last("fault_scheduled") or Event("fault_scheduled", 0.0, 0.0, "")
    applied, undone = last("fault_applied"), last("fault_undone")
    proofs = _proofs(identity, trail)
    targets = f.texts(applied, "targets") if applied else ()
    act = _act(applied) if applied else None
    name = f.text(planned, "name") or (f.text(applied, "name") if applied else "") or identity
    scheduled, end = _schedule(planned, trail)
    return Fault(
        id=identity,
        name=name,
        fault=f.text(planned, "fault") or name,
        on=f.text(planned, "on"),
        target=", ".join(targets) or f.text(planned, "on"),
        targets=targets,
        parameters=f.labels(planned, "parameters"),
        scheduled_s=scheduled,
        scheduled_end_s=end,
        until_repaired=f.flag(planned, "until_repaired") is True,
        applied_at=moment(applied.unix - applied.t + act) if applied and act is not None else None,
        applied_s=trail.story(act) if act is not None else None,
        lateness_real_s=f.number(applied, "lateness_s") if applied else None,
        undone_at=moment(undone.unix) if undone else None,
        undone_s=trail.story(undone.t) if undone else None,
        undone_by=f.text(undone, "by") or None if undone else None,
        path_proof=combined([proof.holds for proof in proofs if proof.claim == "path"]),
        in_force=combined([proof.holds for proof in proofs if proof.claim == "in force"]),
        gone=combined([proof.holds for proof in proofs if proof.claim == "gone"][-1:]),
        evidence=" ".join(_sentence(proof.evidence) for proof in proofs if proof.evidence),
        proofs=tuple(proofs),
    )


def _act(applied: Event) -> float:
    moment_of_act = f.number(applied, "applied")
    return applied.t if moment_of_act is None else moment_of_act


def _schedule(planned: Event, trail: Trail) -> tuple[float | None, float | None]:
    at = f.number(planned, "at")
    if at is None:
        return None, None
    begin = trail.faults_begin() + at
    lasts = f.number(planned, "lasts")
    return begin, begin + lasts if lasts is not None else max(begin, trail.faults_end())


def _proofs(identity: str, trail: Trail) -> list[Proof]:
    found: list[Proof] = []
    for event in trail.of("fault_path"):
        if f.text(event, "id") == identity:
            found.append(
                Proof(claim="path", holds=f.flag(event, "proven"), evidence=f.text(event, "evidence"))
            )
    for event in trail.of("fault_observed"):
        if f.text(event, "id") == identity:
            found.append(
                Proof(
                    claim="in force",
                    when=f.text(event, "when"),
                    holds=f.flag(event, "in_force"),
                    evidence=f.text(event, "evidence"),
                )
            )
    for event in trail.of("fault_failed"):
        if f.text(event, "id") == identity:
            found.append(
                Proof(claim="in force", when="the act failed", holds=False, evidence=f.text(event, "why"))
            )
    for event in trail.of("fault_gone"):
        if f.text(event, "id") == identity:
            found.append(Proof(claim="gone", holds=f.flag(event, "gone"), evidence=f.text(event, "evidence")))
    return found


def _sentence(evidence: str) -> str:
    evidence = f.one_line(evidence)
    return evidence if evidence.endswith((".", "!", "?")) else evidence + "."
