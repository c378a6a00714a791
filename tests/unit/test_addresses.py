"""Subnets as engines, their plugins and files may give them."""

from __future__ import annotations

from linkdoctor.rulekit.reach import is_inside, subnets_in


def test_what_is_no_subnet_is_left_out() -> None:
    texts = ("10.0.0.1/8", "", "x", "10.0.0.0/33", "fd00::/8", "300.0.0.0/8")
    assert [str(each) for each in subnets_in(texts)] == ["10.0.0.0/8", "fd00::/8"]


def test_it_hides_no_subnet_behind_it() -> None:
    assert is_inside("10.1.2.3", ["nonsense", "10.0.0.0/8"])
    assert not is_inside("nonsense", ["10.0.0.0/8"])
