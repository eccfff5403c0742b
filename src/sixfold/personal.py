"""Personal data in texts: found by form, checksum and context, and replaced by what kind of thing stood there.

Used where rows are collected and, by the same code, where a service is asked; so it needs nothing but Python. Numbers
are held against their checksums: Chinese identity numbers by ISO 7064 MOD 11-2 (GB 11643-1999), bank cards by Luhn's
(ISO/IEC 7812-1), IBANs by MOD 97-10 (ISO 13616). Names are found by what stands around them (a title, "my name is",
姓名, a common given name before another capitalised word), so a name without any such sign is not found: no promise of
completeness is made, and none could be.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sixfold.language import Text

__all__ = ["KINDS", "Personal", "PersonalKind", "is_redacted_column", "personal_data", "redacted"]

PersonalKind: TypeAlias = Literal["e-mail", "identity number", "bank card", "telephone", "address", "name"]

KINDS: dict[PersonalKind, tuple[str, Text]] = {
    "e-mail": ("[EMAIL]", Text("e-mail addresses", "电子邮箱")),
    "identity number": ("[ID]", Text("identity numbers", "身份证件号")),
    "bank card": ("[CARD]", Text("bank cards and accounts", "银行卡号和账号")),
    "telephone": ("[PHONE]", Text("telephone numbers", "电话号码")),
    "address": ("[ADDRESS]", Text("addresses", "住址")),
    "name": ("[NAME]", Text("names", "姓名")),
}
"""Every kind: the mark that takes its place, and what people call it. An earlier kind wins where two overlap."""


@dataclass(frozen=True, slots=True)
class Personal:
    """Where in a text (from ``start`` up to ``end``, in characters) which kind of personal data stands."""

    kind: PersonalKind
    start: int
    end: int


def personal_data(text: str, column: str = "") -> list[Personal]:
    """What personal data a text holds, in its order, without overlap.

    Args:
        text: Any text; full-width letters and digits are read as their usual forms.
        column: The name of the column that it stands in. In one called name, 姓名 … a value that looks like a name
            is one.
    """
    plain = text if text.isascii() else text.translate(_NARROW)
    has_digits = _DIGIT.search(plain) is not None
    taken: list[Personal] = []
    for kind, find in _FINDERS.items():
        if not has_digits and kind in _OF_DIGITS:
            continue
        for start, end in find(plain):
            if start < end and all(end <= other.start or start >= other.end for other in taken):
                taken.append(Personal(kind, start, end))
    if _NAME_COLUMN.search(column) and _WHOLE_NAME.fullmatch(plain.strip()):
        return [Personal("name", 0, len(text))]
    return sorted(taken, key=lambda one: one.start)


def redacted(text: str, column: str = "") -> str:
    """A text with every piece of personal data replaced by its mark; redacting it again changes nothing."""
    while found := personal_data(text, column):
        pieces, end = [], 0
        for one in found:
            pieces += [text[end : one.start], KINDS[one.kind][0]]
            end = one.end
        text = "".join([*pieces, text[end:]])
    return text


def is_redacted_column(kind: str) -> bool:
    """Whether values of a kind of column are words of people, in which personal data is looked for and replaced."""
    return kind in ("text", "category")


_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x00A0: 0x20}
"""Full-width forms to their usual ones; one character for one, so that places stay."""

_DIGIT = re.compile(r"\d")
_OF_DIGITS = ("identity number", "bank card", "telephone", "address")

_HAN = "\u4e00-\u9fff"

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
_CHINESE_ID = re.compile(
    r"(?<![0-9A-Za-z])[1-9]\d{5}[ -]?(?:18|19|20)\d{2}[ -]?(?:0[1-9]|1[0-2])[ -]?(?:0[1-9]|[12]\d|3[01])"
    r"[ -]?\d{3}[0-9Xx]"
    r"(?![0-9A-Za-z])"
)
_SOCIAL_SECURITY = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![0-9A-Za-z])")
_CARD = re.compile(r"(?<![0-9A-Za-z.])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z])")
_ISSUER = re.compile(r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[0-9]|6[0-9]|9")
"""First digits that issuers of cards have: Visa, Mastercard, American Express, Diners, JCB, UnionPay, Maestro."""

_PHONES = (
    re.compile(r"(?<![0-9A-Za-z.])(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![0-9A-Za-z])"),
    re.compile(r"(?<![0-9.])(?:\(0\d{2,3}\) ?|0\d{2,3}[ -])\d{7,8}(?:(?:转|[ -]?ext\.? ?|-)\d{1,5})?(?![\d-])"),
    re.compile(r"(?<![0-9A-Za-z])(?:\+|00)[1-9]\d{0,2}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?![0-9A-Za-z])"),
    re.compile(r"(?<![\d.-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?![\d-])"),
    re.compile(r"(?<![\d.,/-])0[1-9](?:[ -]?\d){8,9}(?![\d,/-])"),
)
_FEWEST_DIGITS, _MOST_DIGITS = 8, 15
"""Of a telephone number with its country (E.164)."""

_STREET = re.compile(
    r"(?<![\w-])\d{1,5}[A-Za-z]?,? (?:[NSEW]\.? )?(?:[A-Z][A-Za-z'’-]{1,20}\.? ){1,3}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Square|Terrace|Parkway|Highway|Way)\b\.?"
    r"(?:,? (?:Apt|Apartment|Suite|Unit|Flat|No)\.? ?#?\w{1,6}\b)?"
    r"(?:, ?[A-Z][A-Za-z]{2,20}(?: [A-Z][A-Za-z]{2,20})?)?(?:,? [A-Z]{2} \d{5}(?:-\d{4})?\b)?"
)
_STRASSE = re.compile(r"(?<!\w)[A-ZÄÖÜ][a-zäöüß]{1,30}(?:straße|strasse|str\.|weg|platz|allee|gasse) \d{1,4}[a-z]?\b")
_POST_BOX = re.compile(r"\bP\.? ?O\.? ?Box \d{1,7}\b")
_CHINESE_STREET = re.compile(
    rf"(?<![条这那马的])(?:路|街|大道|巷|弄|胡同|村|小区|花园|公寓|新村|家园)(?:[东西南北中]段?)?\d{{1,5}}(?:号|弄|栋|幢|座)(?:院|楼)?"
    rf"(?:[0-9A-Za-z]{{1,5}}(?:号楼|单元|栋|幢|座|楼|层|室|号)){{0,4}}"
    rf"(?:[0-9]{{3,4}}(?![0-9{_HAN}]))?"
)
_BEFORE_STREET = re.compile(rf"[{_HAN}0-9]{{1,24}}$")
_BEFORE_ADDRESS = "住在于到是址往从离寄送"
"""Characters after which an address begins."""

_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|Prof|Mister|Professor)\b\.? ?"
    r"([A-Z][a-z][A-Za-z'’-]*(?: (?:[A-Z]\.? )?[A-Z][a-z][A-Za-z'’-]*){0,2})"
)
_CALLED = re.compile(
    r"(?i:\b(?:my|his|her|their|full|first|last|customer|patient|contact)(?: full| first| last)? name(?:'s| is|:|=)|"
    r"\bname ?[:=]|\bi(?:'m| am) called|\bthis is|\bsigned(?: by)?[:,]|\bcontact(?: person)?:|\bregards,)\s{1,3}"
    r"([A-Z][a-z][A-Za-z'’-]*(?: (?:[A-Z]\.? )?[A-Z][a-z][A-Za-z'’-]*){1,2})"
)
_FULL_NAME = re.compile(r"\b([A-Z][a-z]{1,15}) (?:[A-Z]\. )?[A-Z][a-z'’-]{1,20}[A-Za-z]*\b")
_GIVEN_NAMES = frozenset(
    [
        "James",
        "Mary",
        "Robert",
        "Patricia",
        "John",
        "Jennifer",
        "Michael",
        "Linda",
        "David",
        "Elizabeth",
        "William",
        "Barbara",
        "Richard",
        "Susan",
        "Joseph",
        "Jessica",
        "Thomas",
        "Sarah",
        "Charles",
        "Karen",
        "Christopher",
        "Lisa",
        "Daniel",
        "Nancy",
        "Matthew",
        "Betty",
        "Anthony",
        "Margaret",
        "Mark",
        "Sandra",
        "Donald",
        "Ashley",
        "Steven",
        "Kimberly",
        "Paul",
        "Emily",
        "Andrew",
        "Donna",
        "Joshua",
        "Michelle",
        "Kenneth",
        "Carol",
        "Kevin",
        "Amanda",
        "Brian",
        "Dorothy",
        "George",
        "Melissa",
        "Edward",
        "Deborah",
        "Ronald",
        "Stephanie",
        "Timothy",
        "Rebecca",
        "Jason",
        "Sharon",
        "Jeffrey",
        "Laura",
        "Ryan",
        "Cynthia",
        "Jacob",
        "Kathleen",
        "Gary",
        "Amy",
        "Nicholas",
        "Angela",
        "Eric",
        "Shirley",
        "Jonathan",
        "Anna",
        "Stephen",
        "Brenda",
        "Larry",
        "Pamela",
        "Justin",
        "Emma",
        "Scott",
        "Nicole",
        "Brandon",
        "Helen",
        "Benjamin",
        "Samantha",
        "Samuel",
        "Katherine",
        "Gregory",
        "Christine",
        "Frank",
        "Debra",
        "Alexander",
        "Rachel",
        "Raymond",
        "Carolyn",
        "Patrick",
        "Janet",
        "Jack",
        "Catherine",
        "Dennis",
        "Maria",
        "Jerry",
        "Heather",
        "Tyler",
        "Diane",
        "Aaron",
        "Ruth",
        "Jose",
        "Julie",
        "Adam",
        "Olivia",
        "Nathan",
        "Joyce",
        "Henry",
        "Virginia",
        "Peter",
        "Kelly",
        "Kyle",
        "Christina",
        "Zachary",
        "Joan",
        "Walter",
        "Evelyn",
        "Harold",
        "Judith",
        "Jeremy",
        "Lauren",
        "Ethan",
        "Megan",
        "Carl",
        "Hannah",
        "Keith",
        "Oliver",
        "Sophie",
        "Lucas",
        "Lena",
        "Hans",
        "Klaus",
        "Wolfgang",
        "Pierre",
        "Jean",
        "Marie",
        "Luis",
        "Carlos",
        "Juan",
        "Ana",
        "Sofia",
        "Mohammed",
        "Ahmed",
        "Fatima",
        "Wei",
        "Yuki",
        "Hiroshi",
        "Priya",
        "Rahul",
        "Ivan",
        "Olga",
        "Dmitri",
    ]
)
_NOT_A_SURNAME = frozenset(
    [
        "The",
        "And",
        "Street",
        "University",
        "County",
        "College",
        "River",
        "Lake",
        "City",
        "Island",
        "Bay",
        "Award",
        "Hotel",
    ]
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔"
    "钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_COMPOUND = "欧阳|上官|司马|诸葛|司徒|东方|独孤|南宫|夏侯|皇甫|尉迟|慕容|令狐|公孙"
_CHINESE_NAME = rf"(?:{_COMPOUND}|[{_SURNAMES}])[{_HAN}]{{1,2}}"
_CHINESE_TITLED = re.compile(
    rf"((?:{_COMPOUND}|[{_SURNAMES}])(?![前大这那一的])[{_HAN}]{{0,2}}?)(?<!的)(?:先生|女士|小姐|大夫|警官)"
)
_CHINESE_CALLED = re.compile(
    rf"(?:姓名|联系人|收件人|收货人|寄件人|户名|持卡人|患者|客户|署名|我叫|名叫|名字是|名字叫|本人)"
    rf"[ :：是为叫]{{0,3}}({_CHINESE_NAME})"
)
_NAME_COLUMN = re.compile(
    r"(?i)(?:^|[_ .-])(?:full|first|last|given|family|sur|user|customer|patient|contact|person)?[_ -]?names?$|姓名|"
    r"联系人|收件人|收货人|持卡人|户名|患者名"
)
_WHOLE_NAME = re.compile(
    rf"[A-Z][A-Za-z'’-]+(?:,? (?:[A-Z]\.?|[A-Z][A-Za-z'’-]+\.?)){{0,4}}|{_CHINESE_NAME}|[{_HAN}]{{2,4}}·[{_HAN}]{{2,6}}"
)


def _emails(text: str) -> Iterator[tuple[int, int]]:
    if "@" in text:
        yield from (match.span() for match in _EMAIL.finditer(text))


def _identity_numbers(text: str) -> Iterator[tuple[int, int]]:
    for match in _CHINESE_ID.finditer(text):
        if _is_chinese_identity(re.sub(r"[ -]", "", match[0])):
            yield match.span()
    yield from (match.span() for match in _SOCIAL_SECURITY.finditer(text))


def _is_chinese_identity(number: str) -> bool:
    """Whether 18 characters are an identity number by date and checksum (GB 11643-1999, ISO 7064 MOD 11-2)."""
    try:
        dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * (1 << (17 - place)) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def _bank_cards(text: str) -> Iterator[tuple[int, int]]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"[ -]", "", match[0])
        if _ISSUER.match(digits) and len(set(digits)) > 1 and _passes_luhn(digits):
            yield match.span()
    for match in _IBAN.finditer(text):
        number = match[0].replace(" ", "")
        if int("".join(str(int(letter, 36)) for letter in number[4:] + number[:4])) % 97 == 1:
            yield match.span()


def _passes_luhn(digits: str) -> bool:
    """Luhn's checksum (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0  # noqa: PLR2004 — its digits' sum


def _telephones(text: str) -> Iterator[tuple[int, int]]:
    for pattern in _PHONES:
        for match in pattern.finditer(text):
            digits = sum(character.isdigit() for character in match[0])
            if _FEWEST_DIGITS <= digits <= _MOST_DIGITS:
                yield match.span()


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_STREET, _STRASSE, _POST_BOX):
        yield from (match.span() for match in pattern.finditer(text))
    for match in _CHINESE_STREET.finditer(text):
        before = _BEFORE_STREET.search(text, max(0, match.start() - 24), match.start())
        if before is None:  # a street without a name is none
            continue
        start = max(
            before.start(), 1 + max(text.rfind(sign, before.start(), match.start()) for sign in _BEFORE_ADDRESS)
        )
        if start < match.start():
            yield start, match.end()


def _names(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_TITLED, _CALLED, _CHINESE_CALLED, _CHINESE_TITLED):
        yield from (match.span(1) for match in pattern.finditer(text))
    for match in _FULL_NAME.finditer(text):
        if match[1] in _GIVEN_NAMES and match[0].rsplit(" ", 1)[1] not in _NOT_A_SURNAME:
            yield match.span()


_FINDERS: dict[PersonalKind, Callable[[str], Iterator[tuple[int, int]]]] = {
    "e-mail": _emails,
    "identity number": _identity_numbers,
    "bank card": _bank_cards,
    "telephone": _telephones,
    "address": _addresses,
    "name": _names,
}
