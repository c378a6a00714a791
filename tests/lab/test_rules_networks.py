"""LD402 and LD404 on real engines: a source on other networks, a target with none."""

from __future__ import annotations

import pytest

from linkdoctor.model.report import Safety

from .examining import advised, apply, codes, diagnose, only_fault, words
from .situations import Lab, refusal

SLEEP = ["sleep", "100000"]


@pytest.fixture
def back(lab: Lab) -> Lab:
    """Two networks: back, where the target is, and front."""
    lab.network("back")
    lab.network("front")
    return lab


def assert_fixed(lab: Lab, page: str = "app\n") -> None:
    """Nothing is wrong any more, and the target reaches its source."""
    report = diagnose(lab)
    assert (codes(report), report.skipped) == ([], ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, page)


# LD402


def test_a_source_that_left_the_bridge_is_found_and_brought_back(back: Lab) -> None:
    back.run("app", listen=5000)
    back.run("web", link="app:helloapp")
    back.connect("front", "app")
    back.disconnect("bridge", "app")
    assert "default" in refusal(lambda: back.exec("web", "true"))  # exec is refused as a start is
    found = only_fault(diagnose(back))
    assert (found.code, found.target, found.alias) == ("LD402", "web", "helloapp")
    assert words(advised(found, Safety.SAFE)) == [["docker", "network", "connect", "bridge", "app"]]
    apply(back, advised(found, Safety.SAFE))
    assert_fixed(back)


def test_a_source_that_comes_back_elsewhere_is_the_next_fault(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.disconnect("bridge", "app")
    lab.run("squatter")
    found = only_fault(diagnose(lab))
    assert (found.code, found.evidence[0].observed) == ("LD402", "none")
    apply(lab, advised(found, Safety.SAFE))
    found = only_fault(diagnose(lab))
    assert found.code in ("LD302", "LD201")  # engines before 28 leave the hosts line too
    apply(lab, advised(found, Safety.RESTART))
    assert_fixed(lab)


def test_a_further_network_of_both_does_not_help_the_alias(back: Lab) -> None:
    back.run("app", network="front", listen=5000)
    back.run("web", network="back", link="app:helloapp")
    back.connect("front", "web")
    assert codes(diagnose(back)) == ["LD402 web/helloapp"]
    assert back.fetch("web", "http://app:5000/") == (0, "app\n")
    assert back.fetch("web", "http://helloapp:5000/")[0] != 0


def test_a_source_in_the_network_of_a_container_elsewhere_is_brought_with_its_name(
    back: Lab,
) -> None:
    back.run("app", network="front", listen=5000)
    back.run("inner", network_mode="container:app")
    back.run("web", network="back", link="inner:helloapp")
    found = only_fault(diagnose(back))
    assert (found.code, found.source) == ("LD402", "inner")
    apply(back, advised(found, Safety.SAFE))
    assert_fixed(back)


def test_a_source_in_the_network_of_a_container_there_has_no_name_of_its_own(back: Lab) -> None:
    back.run("app", network="back", listen=5000)
    back.run("inner", network_mode="container:app")
    image = back.image("lab:sleep", command=SLEEP)
    back.run("web", image=image, command=[], network="back", link="inner:helloapp")
    found = only_fault(diagnose(back))
    assert (found.code, found.source) == ("LD306", "inner")
    apply(back, advised(found, Safety.RECREATE))
    assert_fixed(back)


def test_a_source_without_network_is_given_one(back: Lab) -> None:
    back.run("app", network_mode="none", listen=5000)
    back.run("web", network="back", link="app:helloapp")
    found = only_fault(diagnose(back))
    assert (found.code, found.evidence[0].observed) == ("LD402", "none")
    assert not any("network connect" in each for fix in found.fixes for each in fix.commands)
    apply(back, advised(found, Safety.RECREATE))
    assert_fixed(back)


def test_a_source_with_the_hosts_network_cannot_be_connected(back: Lab) -> None:
    back.run("app", network_mode="host", listen=5000)
    back.run("web", network="back", link="app:helloapp")
    found = only_fault(diagnose(back))
    assert (found.code, found.evidence[0].observed) == ("LD402", "host")
    # Until 0.1 there was advice only; the host's address, which is the way out, is a recreation.
    # By linkdoctor, by hand, or off the host's network.
    safeties = [fix.safety for fix in found.fixes]
    assert safeties == [Safety.RECREATE, Safety.RECREATE, Safety.MANUAL]
    assert not any("network connect" in each for fix in found.fixes for each in fix.commands)
    assert refusal(lambda: back.connect("back", "app"))


def test_a_start_that_is_refused_for_the_network_is_one_fault(back: Lab) -> None:
    back.run("app", network="front", listen=5000)
    back.run("web", link="app:helloapp", refused=True)
    assert codes(diagnose(back)) == ["LD104 web/helloapp"]


def test_a_source_that_something_else_leads_to_is_quiet(back: Lab) -> None:
    back.run("app", network="front", listen=5000)
    back.run("app-2", network="back", aliases=["app"], listen=5000)
    back.run("other", listen=5000, publish={5000: 15000})
    extra = ["helloapp:10.0.0.5"]  # an address of the host, say
    back.run("web", network="back", link="app:helloapp")
    back.run("web2", network="back", link="other:helloapp", extra_hosts=extra)
    report = diagnose(back)
    assert (codes(report), report.skipped) == ([], ())
    assert back.fetch("web", "http://helloapp:5000/") == (0, "app-2\n")


# LD404


def test_a_target_without_network_is_recreated_with_one(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", network_mode="none")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD404", "web", "helloapp")
    # What is in this mode is never connected to a network as it is.
    assert not any("network connect" in each for fix in found.fixes for each in fix.commands)
    apply(lab, advised(found, Safety.RECREATE))
    assert_fixed(lab)


def test_a_target_that_joined_the_bridge_needs_its_next_start(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", network_mode="none")
    lab.disconnect("none", "web")
    lab.connect("bridge", "web")
    # Since 28 the engine writes the hosts line at once.
    assert set(codes(diagnose(lab))) <= {"LD303 web/helloapp"}
    lab.restart("web")
    assert_fixed(lab)


def test_a_container_without_network_and_links_is_quiet(lab: Lab) -> None:
    lab.run("web", network_mode="none")
    assert diagnose(lab).findings == ()
