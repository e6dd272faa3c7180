"""What a page says about its own evidence: the audit, the accepted risks, what programs were shown, the fingerprints."""

from __future__ import annotations

from collections.abc import Mapping

from assay.audit.certificate import Certificate
from assay.core.types import Json
from assay.report.gather import RunData
from assay.report.parts import badge, code, facts, nothing
from assay.report.programs import unsafe_risk
from assay.report.text import compact, join, percent, safe


def audit(run: RunData) -> str:
    """The certificate: what was attacked, what was paid, and what was accepted."""
    certificate = run.certificate
    if certificate is None:
        return nothing(run.certificate_note) + _memorised(run) + _accepted({}, _configured(run))
    figures = certificate.figures
    # of what was tried: the bound is about this battery, and says nothing about what a policy will think of
    said = (
        f'<p class="sentence">{state(run)} {int(figures["attacks_paid"])} of {int(figures["attacks_tried"])} attacks were paid '
        f"(95 % bound: under {percent(float(figures['false_accept_bound']), 2)} of attacks like these); "
        f"{int(figures['equivalents_paid'])} of {int(figures['equivalents_tried'])} right answers in other clothes were paid "
        f"(recall over {percent(float(figures['recall_bound']))}). {safe(certificate.level.capitalize())} battery on "
        f"{int(figures['tasks'])} tasks. The bounds speak of these attacks, not of what a policy will think of.</p>"
        + _memorised(run)
        + _accepted(_holes_by_name(certificate), dict(certificate.accepted) | _configured(run))
        + _holes(certificate)
    )
    return f'<div class="trust"><div>{said}</div>{_families(figures)}</div>'


def state(run: RunData) -> str:
    """The audit in a word or two."""
    holes = len(run.certificate.holes) if run.certificate else 0
    if run.certificate is None:
        return badge("not audited", "quiet")
    return badge(f"{holes} hole{'s' * (holes > 1)}", "fail") if holes else badge("no hole found", "pass")


def risks(run: RunData) -> str:
    """How many holes this run was trained with all the same."""
    count = len(_configured(run))
    return badge(f"{count} accepted risk{'s' * (count > 1)}", "fail") if count else ""


def fingerprints(run: RunData) -> str:
    certificate = run.certificate
    verifiers = run.verifiers
    pairs = [
        ("configuration sha256", code(run.config_sha256)),
        ("verifiers", join(code(each) for each in verifiers) if verifiers else "none has judged yet"),
    ]
    if certificate is not None:
        subject = certificate.subject
        pairs += [
            ("certificate", code(certificate.sha256)),
            ("audited tasks", code(subject.tasks)),
            ("reward rule", code(f"{subject.rule}#{subject.rule_fingerprint}")),
            ("battery", code(subject.battery)),
        ]
    kept = ", ".join(f"{each}{' (best)' if each == run.best else ''}" for each in run.checkpoints)
    pairs += [("checkpoints", safe(kept) if kept else "none yet"), ("run folder", code(run.path))]
    return facts(pairs)


def _accepted(holes: Mapping[str, str], accepted: Mapping[str, str]) -> str:
    """The risks that the configuration accepts; they stand out on purpose."""
    if not accepted:
        return ""
    items = join(
        f"<li><b>{safe(name)}</b>: {safe(reason)}{f'<span>{safe(holes[name])}</span>' if name in holes else ''}</li>"
        for name, reason in accepted.items()
    )
    risks = "risk was accepted" if len(accepted) == 1 else "risks were accepted"
    return f'<div class="risks" role="note"><h3>{len(accepted)} known {risks} for this run</h3><ul>{items}</ul></div>'


def _holes(certificate: Certificate) -> str:
    if certificate.is_clean:
        return ""
    items = join(
        f"<details><summary>{safe(hole.get('sentence', hole.get('name')))}</summary>"
        f"<p>truth {code(compact(hole.get('truth')))}, verifier {code(hole.get('verifier'))}</p>"
        f"<pre>{safe(str(hole.get('response', ''))[:2000]) or 'no text: the rule itself pays it'}</pre></details>"
        for hole in certificate.holes
    )
    return f'<div class="holes"><h3>Holes</h3>{items}</div>'


def _families(figures: Mapping[str, Json]) -> str:
    rows = join(_family(each) for each in figures.get("families", ()))
    return (
        '<div class="wide"><table class="plain">'
        '<thead><tr><th scope="col">Family of attacks</th><th scope="col">Must be</th><th scope="col" class="n">Tried</th>'
        '<th scope="col" class="n">Paid</th><th scope="col" class="n">95 % bound</th><th scope="col" class="n">VOID</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _family(family: Mapping[str, Json]) -> str:
    is_attack = family["expect"] == "unpaid"
    is_bad = family["paid"] > 0 if is_attack else family["paid"] < family["tried"]
    look = ("fail" if is_attack else "partly") if is_bad else "quiet"
    bound = f"under {percent(family['bound'], 2)}" if is_attack else f"recall over {percent(family['bound'])}"
    return (
        f'<tr><th scope="row">{safe(family["family"])}</th><td>{"refused" if is_attack else "paid"}</td><td class="n">{family["tried"]}</td>'
        f'<td class="n {look}">{family["paid"]}</td><td class="n">{bound}</td><td class="n">{family["voids"]}</td></tr>'
    )


def _holes_by_name(certificate: Certificate) -> dict[str, str]:
    return {
        str(hole.get("name")): str(hole.get("sentence", "")).removeprefix(f"{hole.get('name')}: ")
        for hole in certificate.holes
    }


def _memorised(run: RunData) -> str:
    said = run.programs.sentence()
    return f'<p class="sentence">{safe(said)}</p>' if said else ""


def _configured(run: RunData) -> dict[str, str]:
    """What the configuration accepts: holes by name, and programs without isolation (which a variable may ask for too)."""
    risks = run.section("audit").get("accepted_risks")
    accepted = {str(name): str(reason) for name, reason in risks.items()} if isinstance(risks, Mapping) else {}
    unsafe = unsafe_risk(run.programs, bool(run.section("sandbox").get("unsafe")))
    return accepted | ({"sandbox.unsafe": unsafe} if unsafe else {})
