"""Personal data in texts: what is found, what is let be, and what is left of it."""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixfold.personal import KINDS, personal_data, redacted


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to john.doe+a@mail.example.com please", "write to [EMAIL] please"),
        ("身份证11010519491231002X，谢谢", "身份证[ID]，谢谢"),
        ("身份证 110105 19491231 002X", "身份证 [ID]"),
        ("SSN 536-22-1234", "SSN [ID]"),
        ("卡号6222 0212 3456 7890 128", "卡号[CARD]"),
        ("card 4111-1111-1111-1111 ok", "card [CARD] ok"),
        ("GB82 WEST 1234 5698 7654 32", "[CARD]"),
        ("请打１３８００１３８０００", "请打[PHONE]"),
        ("电话：+86 138-0013-8000或010-62345678", "电话：[PHONE]或[PHONE]"),
        ("call (415) 555-2671 or +44 20 7946 0958", "call [PHONE] or [PHONE]"),
        ("I live at 221B Baker Street, London", "I live at [ADDRESS]"),
        ("我住在北京市朝阳区建国路88号院3号楼2单元501室，很好", "我住在[ADDRESS]，很好"),
        ("Musterstraße 12 in Bonn", "[ADDRESS] in Bonn"),
        ("Mr. John Smith met Mary Jones", "Mr. [NAME] met [NAME]"),
        ("my name is Alice Cooper", "my name is [NAME]"),
        ("收件人：张伟", "收件人：[NAME]"),
        ("欧阳女士很满意", "[NAME]女士很满意"),
    ],
)
def test_each_kind_is_replaced_by_what_it_was(text: str, left: str) -> None:
    assert redacted(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "订单号 110105194912310021",  # the checksum of no identity number
        "order 4111111111111112 of 2019-05-13 costs 1,200,300.50",
        "version 1.2.3.4567890123, build 20240113",
        "大堂经理很好，前台小姐也不错",
        "前面那条路3号楼",
        "The Street was empty at 10 on Monday 12 June 1999",
        "ISBN 978-3-16-148410-0x",
    ],
)
def test_what_only_looks_like_it_is_let_be(text: str) -> None:
    assert redacted(text) == text


def test_a_name_is_told_by_the_column_it_stands_in() -> None:
    assert redacted("Braund Owen", "Name") == redacted("李小龙", "姓名") == "[NAME]"
    assert redacted("Braund Owen", "city") == "Braund Owen"
    assert redacted("13 apples", "name") == "13 apples"


@given(st.text(max_size=200), st.sampled_from(["", "name"]))
def test_redacting_again_changes_nothing_and_nothing_is_left_to_find(text: str, column: str) -> None:
    once = redacted(text, column)
    assert redacted(once, column) == once
    assert personal_data(once, column) == []


PIECES = [
    "13800138000",
    "a@b.cn",
    "Mr. John Smith",
    "010-62345678",
    "11010519491231002X",
    " ",
    "，",
    "x",
    "7",
    "建国路8号",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_pieces_side_by_side_lie_within_the_text_and_do_not_overlap(text: str) -> None:
    pieces = personal_data(text)
    assert all(one.end <= two.start for one, two in pairwise(pieces))
    assert all(0 <= one.start < one.end <= len(text) and one.kind in KINDS for one in pieces)
    assert personal_data(redacted(text)) == []


@given(st.dates(dt.date(1800, 1, 1), dt.date(2099, 12, 31)), st.integers(0, 999))
def test_an_identity_number_is_found_with_the_right_check_character_alone(day: dt.date, order: int) -> None:
    body = f"110105{day:%Y%m%d}{order:03d}"
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
    right = "10X98765432"[total % 11]
    assert [one.kind for one in personal_data(f"id {body}{right}.")] == ["identity number"]
    wrong = random.Random(order).choice([sign for sign in "0123456789X" if sign != right])
    assert "identity number" not in [one.kind for one in personal_data(f"id {body}{wrong}.")]
