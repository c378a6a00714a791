"""Snapshots under pseudonyms: the findings stay, the names go."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkdoctor.api import TOOL, demo_snapshots, known_images, redact_names
from linkdoctor.diagnosis import diagnose
from linkdoctor.model.knowledge import ImageExpectation, Knowledge, Reading, image_name
from linkdoctor.model.links import environment_prefix
from linkdoctor.model.report import Finding, Report
from linkdoctor.model.snapshot import Label, Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.privacy.fields import Kind, leaves, with_texts
from linkdoctor.privacy.known_words import WORDS
from linkdoctor.privacy.pseudonym_addresses import Addresses
from linkdoctor.privacy.pseudonyms import GRAMMAR, Pseudonyms
from linkdoctor.privacy.redaction import KEPT, Redaction, redacted, without_setups
from linkdoctor.registry import load_rules
from linkdoctor.rulekit import Case
from linkdoctor.rulekit.world import World
from tests.fuzz.effort import MORE, tries

RULES = [loaded.rule for loaded in load_rules()]
CASES = [(rule.code, case) for rule in RULES for case in rule.cases]
KEY = b"a key of the tests"
IMAGES = known_images()
_WORD = re.compile(r"[^\s,()]+")
_ID = re.compile(r"\b[0-9a-f]{12,64}\b")
_WHOLE = re.compile(r"(?<![a-z0-9])[a-z]{3,}(?![a-z0-9])")
_LETTERS = re.compile(r"[a-z]{3,}")
_SECRET_KINDS = frozenset(Kind) - {
    *(Kind.WORD, Kind.TIME, Kind.VERSION, Kind.LABEL, Kind.PORT, Kind.NUMBER, Kind.PLACE),
    *(Kind.REASON, Kind.MESSAGE, Kind.ENDPOINT),
}


def report(snapshots: Sequence[Snapshot], knowledge: Knowledge) -> Report:
    return diagnose(Topology(snapshots, knowledge), RULES, tool=TOOL, taken_at="")


def known_to(case: Case | None) -> Knowledge:
    if case is None:
        return Knowledge(images=IMAGES)
    return msgspec.structs.replace(case.knowledge, images=(*case.knowledge.images, *IMAGES))


@functools.cache
def replaced(snapshot: Snapshot, knowledge: Knowledge, key: bytes = KEY) -> Snapshot:
    """A snapshot under pseudonyms; several tests look at the same ones."""
    return redacted(snapshot, key, knowledge)


def renamed(knowledge: Knowledge, redaction: Redaction) -> Knowledge:
    """What the configuration would have to say of the pseudonyms."""
    declarations = tuple(
        msgspec.structs.replace(
            each,
            container=redaction.name(each.container),
            expects=tuple(map(redaction.name, each.expects)),
        )
        for each in knowledge.declarations
    )
    return msgspec.structs.replace(knowledge, declarations=declarations)


def shape(finding: Finding, redaction: Redaction | None = None) -> tuple[object, ...]:
    """What must stay of a finding; under pseudonyms if a redaction is given."""

    def name(text: str) -> str:
        return redaction.name(text) if redaction is not None else text

    return (
        finding.code,
        finding.severity,
        name(finding.host),
        name(finding.target),
        name(finding.source),
        name(finding.alias),
        finding.consequences,
        tuple(sorted(fix.safety for fix in finding.fixes)),
        tuple(len(fix.commands) for fix in finding.fixes),
        tuple(bool(fix.actions) for fix in finding.fixes),
        len(finding.evidence),
    )


def assert_same_findings(
    snapshots: Sequence[Snapshot], knowledge: Knowledge, key: bytes = KEY
) -> None:
    # How a container was made is left out, and with it the commands by which it is made again.
    snapshots = [without_setups(each) for each in snapshots]
    redaction = Redaction(snapshots[0], key, knowledge.images)
    before = report(snapshots, knowledge)
    after = report(
        [replaced(each, knowledge, key) for each in snapshots], renamed(knowledge, redaction)
    )
    assert Counter(shape(each, redaction) for each in before.findings) == Counter(
        shape(each) for each in after.findings
    )
    assert Counter(
        (skip.code, redaction.name(skip.host), redaction.name(skip.subject))
        for skip in before.skipped
    ) == Counter((skip.code, skip.host, skip.subject) for skip in after.skipped)
    assert before.summary == after.summary
    said = {shape(each): each for each in after.findings}
    for each in before.findings:
        there = said[shape(each, redaction)]
        assert_same_words(each.message, there.message, redaction)


def assert_same_words(before: str, after: str, redaction: Redaction) -> None:
    """Hold that each word stayed or became its pseudonym; lists may stand in another order."""
    left = Counter(_words(after))
    for word in _words(before):
        allowed = (
            word,
            redaction.name(word),
            *(redaction.text(kind, word) for kind in (Kind.MESSAGE, Kind.IMAGE, Kind.CONTAINER)),
        )
        became = next((each for each in allowed if left[each] > 0), None)
        assert became is not None, (word, before, after)
        left[became] -= 1
    assert not +left


def _words(text: str) -> list[str]:
    return [word.strip(":;.'\"") for word in _WORD.findall(text)]


def test_every_rule_finds_in_every_case_what_it_found_before() -> None:
    wrong: list[str] = []
    for code, case in CASES:
        try:
            assert_same_findings(case.given(), known_to(case))
        except AssertionError as error:
            wrong.append(f"{code} {case.title}: {error}")
    assert not wrong, "\n".join(wrong)


def test_the_recorded_hosts_have_the_findings_that_they_had() -> None:
    assert_same_findings(demo_snapshots(), known_to(None))
    for each in demo_snapshots():
        assert_same_findings([each], known_to(None))


def test_any_key_will_do_and_each_gives_pseudonyms_of_its_own() -> None:
    (alpha, _) = demo_snapshots()
    others = [redacted(alpha, key, known_to(None)) for key in (b"1" * 32, b"2" * 32, KEY)]
    assert len({each.host for each in others}) == len(others)
    codes = [
        Counter(each.code for each in report([one], known_to(None)).findings) for one in others
    ]
    assert codes[0] == codes[1] == codes[2]


def test_the_circle_that_is_reported_does_not_depend_on_names() -> None:
    world = World()
    for name in ("a", "b", "x"):
        world.run(name)
    world.retype("x", "a:a").retype("a", "b:b").retype("b", "a:a", "x:x")
    for number in range(6):
        key = f"key {number} of the tests".encode()
        assert_same_findings([world.snapshot()], Knowledge(), key)


def test_what_is_redacted_twice_keeps_its_findings() -> None:
    (alpha, _) = demo_snapshots()
    once = redacted(alpha, KEY, known_to(None))
    assert_same_findings([once], known_to(None))


@functools.cache
def kept_words(knowledge: Knowledge) -> set[str]:
    """The words that docs/decisions/0013 says are kept."""
    texts = [text for row in knowledge.images for text in (*row.names, *row.settings, *row.images)]
    texts += [text for kept in KEPT.values() for text in kept]
    return {*GRAMMAR, *WORDS, *(word for text in texts for word in _LETTERS.findall(text.lower()))}


def assert_no_name_is_left(snapshot: Snapshot, knowledge: Knowledge) -> None:
    there = {str(each.value).lower() for each in leaves(replaced(snapshot, knowledge))}
    words = {word for text in there for word in _WHOLE.findall(text)}
    ids = {each for text in there for each in _ID.findall(text)}
    words -= kept_words(knowledge)
    for kind, text in {(each.kind, str(each.value).lower()) for each in leaves(snapshot)}:
        if kind in (Kind.ADDRESS, Kind.SUBNET):
            kept = text.startswith(("0.", "127.", "::", "fe00::", "ff0")) or not text
            assert kept or text not in there
        elif kind in _SECRET_KINDS:
            assert ids.isdisjoint(_ID.findall(text))
            assert words.isdisjoint(_WHOLE.findall(_ID.sub("", text)))


def test_no_name_and_no_address_is_left() -> None:
    for each in demo_snapshots():
        assert_no_name_is_left(each, known_to(None))
    for _, case in CASES[::3]:
        for each in case.given():
            assert_no_name_is_left(each, known_to(case))


def test_every_place_that_can_hold_a_name_is_redacted() -> None:
    snapshot = everywhere(World().run("app", link=[]).run("web", link="app:helloapp").snapshot())
    content = msgspec.json.encode(redacted(snapshot, KEY)).decode().lower()
    assert "acme" not in content
    assert "10.9.8" not in content


def everywhere(snapshot: Snapshot) -> Snapshot:
    """Write a name and an address wherever a text may stand."""
    return with_texts(
        snapshot, lambda kind, text, owner: f"acme-{text or 'x'} at 10.9.8.7 acme.example:10.9.8.6"
    )


@settings(deadline=None, max_examples=tries(30))
@given(st.text(max_size=40), st.text(max_size=40))
def test_two_names_never_share_a_pseudonym(one: str, other: str) -> None:
    pseudonyms = Pseudonyms(KEY)
    ascii_only = one.isascii() and other.isascii()
    assert (pseudonyms.name(one) == pseudonyms.name(other)) == (one == other) or not ascii_only
    assert len(pseudonyms.name(one)) == len(one)


@settings(deadline=None, max_examples=tries(30))
@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,30}", fullmatch=True))
def test_what_is_made_from_a_name_is_made_from_its_pseudonym_too(alias: str) -> None:
    pseudonyms = Pseudonyms(KEY)
    prefix = environment_prefix(alias)
    variable = pseudonyms.name(f"{prefix}_PORT_5432_TCP_ADDR")
    assert variable == f"{environment_prefix(pseudonyms.name(alias))}_PORT_5432_TCP_ADDR"
    assert pseudonyms.name(f"/web/{alias}") == f"/{pseudonyms.name('web')}/{pseudonyms.name(alias)}"


@settings(deadline=None, max_examples=tries(30))
@given(st.from_regex(r"[0-9a-f]{64}", fullmatch=True), st.integers(1, 64))
def test_the_beginning_of_an_id_begins_its_pseudonym(container: str, length: int) -> None:
    pseudonyms = Pseudonyms(KEY)
    assert pseudonyms.id(container).startswith(pseudonyms.id(container[:length]))
    assert pseudonyms.name(container[:12]) == pseudonyms.id(container)[:12]
    assert pseudonyms.id(container) != container


_SUBNETS = ("172.17.0.0/16", "10.0.0.0/8", "10.77.3.16/28", "192.168.16.0/20", "2001:db8:5::/64")


@settings(deadline=None, max_examples=tries(30))
@given(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.sampled_from(_SUBNETS),
    st.integers(0, 15),
)
def test_addresses_stay_in_their_subnets(
    one: IPv4Address | IPv6Address,
    other: IPv4Address | IPv6Address,
    subnet: str,
    place: int,
) -> None:
    addresses = Addresses(Pseudonyms(KEY), _SUBNETS)

    def mapped(address: object) -> str:
        found = addresses.address(str(address))
        assert found is not None
        return found

    network = ip_network(subnet)
    there = ip_network(mapped(network))
    inside = network[place]
    assert (ip_address(mapped(one)) in there) == (one in network)
    assert ip_address(mapped(inside)) in there
    assert (mapped(one) == mapped(other)) == (one == other)
    assert mapped(network[1]) == str(there[1])
    assert mapped(network[-1]) == str(there[-1])
    assert mapped(inside) != str(inside)
    assert ip_address(mapped(one)).is_loopback == one.is_loopback


def test_what_is_no_address_has_no_pseudonym_as_one() -> None:
    addresses = Addresses(Pseudonyms(KEY))
    assert [addresses.address(each) for each in ("web", "", "10.0.0.1/99", "1.2.3")] == [None] * 4


def test_an_address_keeps_its_form() -> None:
    addresses = Addresses(Pseudonyms(KEY))
    assert addresses.address("127.0.0.11") == "127.0.0.11"
    assert addresses.address("0.0.0.0/0") == "0.0.0.0/0"
    assert addresses.address("::1") == "::1"
    assert str(addresses.address("fe80::42:acff:fe11:2%eth0")).startswith("fe80::")
    assert "172.17" not in str(addresses.address("::ffff:172.17.0.2"))


@pytest.mark.parametrize("letter", ["x", "7", "a", "é", "::", "1.", "-", "a:"])
def test_names_without_end_take_no_time_without_end(letter: str) -> None:
    name = letter * (20_000 if MORE > 1 else 5_000)
    redaction = Redaction(World().snapshot(), KEY)
    for kind in (Kind.CONTAINER, Kind.ID, Kind.MESSAGE, Kind.VERSION, Kind.VALUE, Kind.IMAGE):
        redaction.text(kind, name)
    assert len(redaction.text(Kind.ALIAS, name)) == len(name)


@pytest.mark.parametrize(
    ("image", "known"),
    [
        ("redis:7-alpine", "redis"),
        ("docker.io/library/redis", "redis"),
        ("registry.acme.example:5000/library/redis@sha256:" + "a1" * 32, "redis"),
        ("carinamarina/hello-world-web", "carinamarina/hello-world-web"),
    ],
)
def test_an_image_that_the_table_knows_stays_known(image: str, known: str) -> None:
    images = (*IMAGES, ImageExpectation(images=("redis",), reads=Reading.NAME, names=("x",)))
    redaction = Redaction(World().snapshot(), KEY, images)
    became = redaction.text(Kind.IMAGE, image)
    assert image_name(became) == known
    assert "acme" not in became


def test_what_only_looks_like_an_address_is_a_name() -> None:
    redaction = Redaction(World().snapshot(), KEY)
    for text in ("cafe:babe:", "10.9.8.777", "at fade:beef:deaf"):
        assert redaction.text(Kind.REASON, text) != text


def test_patterns_of_interfaces_stay_patterns() -> None:
    redaction = Redaction(World().snapshot(), KEY)

    def became(text: str) -> str:
        return redaction.text(Kind.INTERFACE, text)

    assert [became(each) for each in ("", "docker0", "!docker0")] == ["", "docker0", "!docker0"]
    assert became("!wan0") == f"!{became('wan0')}"
    assert became("wan0").startswith(became("wan+").removesuffix("+"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("linkdoctor.publish", "80, 443/tcp"),
        ("com.docker.compose.oneoff", "True"),
        ("com.docker.compose.container-number", "12"),
        ("com.docker.compose.depends_on", "db:service_healthy:true"),
    ],
)
def test_labels_keep_what_is_no_name(name: str, value: str) -> None:
    redaction = Redaction(World().snapshot(), KEY, IMAGES)
    assert redaction.text(Kind.LABEL_VALUE, value, Label(name=name, value=value)) == value
    other = Label(name="org.acme.owner", value=value)
    assert "acme" not in redaction.text(Kind.LABEL, other.name, other)


def test_other_images_do_not_become_known() -> None:
    redaction = Redaction(World().snapshot(), KEY, IMAGES)
    for image in ("acme/shop:1.2", "shop", ":odd", "", "sha256:" + "0" * 64):
        assert redaction.text(Kind.IMAGE, image) != image or not image


def test_a_link_typed_by_the_beginning_of_an_id_still_leads_to_its_container() -> None:
    snapshot = World().run("app", expose=[5000]).run("web", link="c0ffe:helloapp").snapshot()
    app, web = snapshot.containers
    app = msgspec.structs.replace(app, id="c0ffee" + app.id[6:])
    became = redacted(msgspec.structs.replace(snapshot, containers=(app, web)), KEY)
    topology = Topology([became])
    new_app, new_web = became.containers
    (link,) = topology.stored_links(new_web)
    assert link.source != "c0ffe"
    assert topology.resolve_reference(became.host, link.source) is new_app


def test_what_a_label_asks_to_ignore_is_kept_and_nothing_else_in_it() -> None:
    labels = {"linkdoctor.ignore": "LD201, stale-env billing"}
    world = World().run("app", expose=[5000], listen=[5000])
    world.run("web", link="app:helloapp", labels=labels)
    became = redact_names(world.move("app").snapshot(), KEY)
    (label,) = next(each.labels for each in became.containers if each.labels)
    assert re.match(r"LD201, stale-env \S+$", label.value)
    assert "billing" not in label.value
    summary = report((became,), Knowledge()).summary
    assert (summary.error, summary.suppressed) == (0, 1)
