"""A folder of files as people have them: each is understood, or refused with a sentence that names the line."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from campaigns.imports.errors import ImportRefused
from campaigns.models import ImportJob
from campaigns.tests import factories
from campaigns.tests.importing import FILES, imported, stored

pytestmark = pytest.mark.django_db

ANNA, BOB = (
    ("anna@example.com", "Anna Łoś", "", {"city": "Łódź"}),
    ("bob@example.com", "Bob Müller", "", {"city": "Köln"}),
)
ZOE = ("zoe@example.com", "Zoë Bjørk", "", {"city": "Malmö"})
FRANCOIS = ("francois@example.com", "François Lefèvre", "", {"city": "Besançon"})
RUSSIANS = [
    ("anna@example.com", "Анна Петрова", "", {"город": "Москва"}),
    ("boris@example.com", "Борис Иванов", "", {"город": "Тверь"}),
]

UNDERSTOOD: dict[str, list[tuple[Any, ...]]] = {
    "utf-8.csv": [ANNA, BOB],
    "utf-8-bom.csv": [ANNA, BOB],
    "utf-16.csv": [ANNA, BOB],
    "utf-16-le-no-mark.csv": [ANNA, BOB],
    "utf-16-be-no-mark.csv": [ANNA, BOB],
    "semicolons.csv": [ANNA, BOB],
    "tabs.tsv": [ANNA, BOB],
    "excel-sep-line.csv": [ANNA, BOB],
    "russian-utf-8.csv": RUSSIANS,
    "russian-cp1251.csv": RUSSIANS,
    "russian-koi8-r.csv": RUSSIANS,
    "russian-cp866.csv": RUSSIANS,
    "latin-1.csv": [FRANCOIS, ZOE],
    "quoted.csv": [
        ("anna@example.com", "Berg, Anna", 'says "hello"\nand leaves', {}),
        ("bob@example.com", "Bob", "", {}),
    ],
    "mixed-newlines.csv": [(f"{name.lower()}@example.com", name, "", {}) for name in ("Anna", "Bob", "Cleo")],
    "listmonk.csv": [
        ("anna@example.com", "Anna Berg", "", {"city": "Rome", "tags": [1, 2]}),
        ("bob@example.com", "Bob", "", {}),
    ],
    "mailchimp.csv": [
        ("anna@example.com", "Anna Berg", "", {"member_rating": "2", "leid": "1001"}),
        ("bob@example.com", "Bob", "", {"member_rating": "3", "leid": "1002"}),
    ],
    "google-contacts.csv": [
        (
            "anna@example.com",
            "Anna Berg",
            "a friend",
            {"labels": "* myContacts", "e-mail_1_-_label": "Home", "phone_1_-_value": "+49 30 1234567"},
        ),
        ("bob@example.com", "Bob Stone", "", {"labels": "* myContacts"}),
    ],
    "outlook.csv": [
        ("anna@example.com", "Anna Berg", "", {"company": "ACME", "e-mail_type": "SMTP"}),
        ("bob@example.com", "Bob Stone", "Line one\nLine two", {"e-mail_type": "SMTP"}),
    ],
    "bare-addresses.txt": [("anna@example.com", "", "", {}), ("bob@example.com", "", "", {})],
    "display-names.csv": [
        ("anna@example.com", "Anna Berg", "", {}),
        ("bob@example.com", "Stone, Bob", "", {}),
        ("cleo@example.com", "", "", {}),
        ("dora@example.com", "", "", {}),
    ],
    "repeated.csv": [("ANNA@example.com", "Last", "", {}), ("bob@example.com", "Bob", "", {})],
    "formulas.csv": [
        ("anna@example.com", "=cmd|' /C calc'!A0", "@SUM(A1)", {}),
        ("bob@example.com", "=1+1", "+49 30 1234", {}),
    ],
    "blank-rows.csv": [("anna@example.com", "Anna", "", {})],
    "two-address-columns.csv": [("anna@example.com", "", "", {"e-mail": "home@example.com"})],
    "sheet-named.csv": [("anna@example.com", "", "", {})],
    "text-named.xlsx": [("anna@example.com", "", "", {})],
}
# The addresses that are stored, and what is said of the other rows.
IN_PART = {
    "addresses.csv": (
        {"spaces@example.com", "UPPER@EXAMPLE.COM", "plus+tag@example.com", "idn@bücher.example"},
        [
            "Line 5: “о@почта.example” is not a valid e-mail address.",
            "Line 7: “quoted name@example.com” is not a valid e-mail address.",
            "Line 8: “a@example.com b@example.com” is not a valid e-mail address.",
            "Line 9: “no at sign” is not a valid e-mail address.",
            "Line 10: “two@@example.com” is not a valid e-mail address.",
            "Line 11: “dot.@example.com” is not a valid e-mail address.",
        ],
    ),
    "too-many-cells.csv": (
        {"bob@example.com", "cleo@example.com"},
        ["Line 2: the row has 4 cells, but the first line names 2 columns."],
    ),
    "nul.csv": ({"bob@example.com"}, ["Line 2: the row has NUL characters in it."]),
    "long-name.csv": ({"bob@example.com"}, ["Line 2: the full name is longer than 200 characters."]),
    "bad-json.csv": (
        {"fred@example.com"},
        [
            "Line 2: the attributes are no JSON.",
            'Line 3: the attributes are no JSON object, such as {"city": "Berlin"}.',
            "Line 4: the attributes are no JSON.",
            "Line 5: the row has NUL characters in it.",
            "Line 6: the attributes are no JSON.",
        ],
    ),
    "sheet.xlsx": (
        {"anna@example.com", "bob@example.com"},
        ["Line 4: “no address” is not a valid e-mail address."],
    ),
}
REFUSED = {
    "unterminated-quote.csv": "Line 3: the quotation mark that opens here is never closed.",
    "stray-quote.csv": "Line 2: a quotation mark stands in the middle of a cell: write it twice.",
    "huge-cell.csv": "Line 2: a cell has more than 131,072 characters, or its quotation mark is never closed.",
    "no-addresses.csv": "No column holds the e-mail addresses: choose which one does.",
    "empty.csv": "The file is empty.",
    "blank-lines.csv": "The file is empty.",
    "empty.xlsx": "The file is empty.",
    "header-only.csv": "The file has no rows below the line that names the columns.",
    "header-only.xlsx": "The file has no rows below the line that names the columns.",
    "one-byte.csv": "The file has no rows below the line that names the columns.",
    "binary.csv": "This is not a text: choose a CSV or XLSX file.",
    "text.pdf": "This is a file of the kind PDF: save it as CSV or XLSX, and upload that.",
    "old.xls": "This is a file of the kind XLS: save it as CSV or XLSX, and upload that.",
    "not-a-sheet.xlsx": "This is no XLSX file, or it is damaged: save it again as XLSX or CSV.",
    "damaged.xlsx": "The file is damaged: save it again as XLSX, or as CSV.",
}


@pytest.fixture
def owner() -> User:
    return factories.user("operator")


def test_every_file_of_the_folder_has_its_line() -> None:
    assert {path.name for path in FILES.iterdir()} == {*UNDERSTOOD, *IN_PART, *REFUSED}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_file_is_understood(name: str, owner: User) -> None:
    job = imported(owner, (FILES / name).read_bytes())
    assert (job.state, job.refused) == (ImportJob.State.DONE, 0)
    assert stored(owner) == sorted(UNDERSTOOD[name], key=lambda row: str(row[0]).lower())


@pytest.mark.parametrize("name", IN_PART)
def test_good_rows_are_imported_and_bad_ones_named_with_their_lines(name: str, owner: User) -> None:
    job = imported(owner, (FILES / name).read_bytes())
    addresses, sentences = IN_PART[name]
    assert (set(owner.recipients.values_list("email", flat=True)), job.problems) == (addresses, sentences)


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_can_not_be_used_is_refused_with_a_sentence(name: str, owner: User) -> None:
    assert refusal(owner, FILES / name) == REFUSED[name]
    assert not owner.recipients.exists()


def refusal(owner: User, path: Path) -> str:
    try:
        return imported(owner, path.read_bytes()).reason
    except ImportRefused as error:
        return str(error)
