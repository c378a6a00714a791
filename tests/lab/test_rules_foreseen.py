"""LD105 to LD111 on a real engine: sources that do not answer, and faults that can be foreseen."""

from __future__ import annotations

import pytest

from linkdoctor.model.report import Safety

from .examining import advised, apply, codes, diagnose, only_fault
from .situations import Lab, refusal


@pytest.fixture
def linked(lab: Lab) -> Lab:
    """`web`, linked to `app` as `helloapp`."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    return lab


def test_a_paused_source_is_found_and_unpaused(linked: Lab) -> None:
    linked.pause("app")
    assert linked.fetch("web", "http://helloapp:5000/", timeout=1)[0] == 143
    finding = only_fault(diagnose(linked))
    assert (finding.code, finding.target, finding.alias) == ("LD105", "web", "helloapp")
    apply(linked, advised(finding, Safety.SAFE))
    assert diagnose(linked).findings == ()
    assert linked.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_paused_target_is_no_fault(linked: Lab) -> None:
    linked.pause("web")
    assert codes(diagnose(linked)) == []


def test_a_source_whose_health_check_fails_is_found(lab: Lab) -> None:
    lab.run("app", listen=5000, health="exit 1")
    lab.run("web", link="app:helloapp")
    lab.wait_for(lambda: lab.inspect("app")["State"]["Health"]["Status"] == "unhealthy")
    assert codes(diagnose(lab)) == ["LD106 web/helloapp"]


def test_a_source_whose_health_check_passes_is_quiet(lab: Lab) -> None:
    lab.run("app", listen=5000, health="true")
    lab.run("web", link="app:helloapp")
    lab.wait_for(lambda: lab.inspect("app")["State"]["Health"]["Status"] == "healthy")
    assert codes(diagnose(lab)) == []


def test_a_source_in_a_restart_loop_is_found(linked: Lab) -> None:
    linked.run("crash", command=["sh", "-c", "sleep 1; exit 3"], restart="always")
    linked.run("shop", link="crash:backend")
    # It comes up for a moment now and then: look until it is seen between two restarts.
    linked.wait_for(lambda: "LD106 shop/backend" in codes(diagnose(linked)), 30)


def test_the_boot_is_foreseen_and_made_safe(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", restart="always")
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.target) == ("LD107", "web")
    apply(lab, advised(finding, Safety.SAFE))
    assert diagnose(lab).findings == ()


def test_what_is_foreseen_comes_true_at_the_next_boot(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", restart="always")
    lab.restart_engine()
    lab.wait_for(lambda: "non running container" in lab.error("web"))
    assert codes(diagnose(lab)) == ["LD104 web/helloapp"]


def test_policies_that_agree_are_quiet(lab: Lab) -> None:
    lab.run("app", listen=5000, restart="unless-stopped")
    lab.run("web", link="app:helloapp", restart="always")
    assert diagnose(lab).findings == ()


def test_a_renamed_target_is_found_before_it_goes_astray(linked: Lab) -> None:
    linked.rename("web", "shop")
    finding = only_fault(diagnose(linked))
    assert (finding.code, finding.target, finding.alias) == ("LD111", "shop", "helloapp")
    linked.move("app")
    assert "LD302 shop/helloapp" in codes(diagnose(linked))


def test_a_renamed_source_is_followed_until_the_engine_restarts(linked: Lab) -> None:
    linked.rename("app", "backend")
    assert codes(diagnose(linked)) == ["LD110 web/helloapp"]


def test_a_paused_source_does_not_keep_its_target_from_restarting(linked: Lab) -> None:
    linked.pause("app")
    linked.restart("web")
    linked.unpause("app")
    linked.stop("app")
    assert "non running container" in refusal(lambda: linked.restart("web"))
