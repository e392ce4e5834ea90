import pytest

from campaigns.domains import ascii_form, domain_of


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("ann@example.com", "example.com"),
        ("Ann@EXAMPLE.com", "example.com"),
        ('"a@b"@example.com', "example.com"),
        ("ann@bücher.example", "xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("энн@пример.рф", "xn--e1afmkfd.xn--p1ai"),
    ],
)
def test_a_domain_is_written_one_way(address: str, domain: str) -> None:
    assert domain_of(address) == domain


def test_a_name_that_is_none_stays_as_it_is() -> None:
    assert ascii_form("Bü_cher..example") == "bü_cher..example"


def test_spaces_and_the_dot_of_the_root_do_not_count() -> None:
    assert ascii_form(" Example.com. ") == "example.com"
