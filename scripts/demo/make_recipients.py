"""Writes recipients.csv beside this file: 1,000 people who do not exist, the same ones at every run."""

import csv
import random
import re
import unicodedata
from pathlib import Path

COUNT = 1_000
DOMAINS = ["example.com", "example.org", "example.net"]
PLANS = ["Free", "Team", "Business", "R&D"]
COMMENTS = [
    "",
    "",
    "",
    "met at the fair",
    "prefers short mails",
    "asked for a demo",
    "Kim & Ali's friend",
    "⭐ since 2019",
]

# Each part of the world: given names, family names, cities.
WORLD = [
    (
        ["Aoife", "Ciarán", "Siobhán", "Owen", "Niamh", "Patrick", "Charlotte", "George"],
        ["O'Brien", "O'Connor", "D'Arcy", "Byrne", "Smith", "Walsh", "Taylor", "McCarthy"],
        ["Dublin", "Cork", "Bristol", "St Andrews"],
    ),
    (
        ["Zoë", "François", "Chloé", "José", "María", "Íñigo", "Noël", "João"],
        ["García", "Müller", "Lefèvre", "Núñez", "D'Angelo", "Gonçalves", "Muñoz", "Béranger"],
        ["Paris", "Málaga", "São Paulo", "Zürich"],
    ),
    (
        ["Jürgen", "Søren", "Åsa", "Björn", "Łukasz", "Tomáš", "Zuzana", "Jiří"],
        ["Ødegård", "Kowalczyk", "Janů", "Groß", "Lindström", "Kovács", "Sæther", "Nowak"],
        ["Kraków", "Malmö", "Plzeň", "Győr"],
    ),
    (
        ["Анна", "Дмитрий", "Екатерина", "Игорь", "Ольга", "Сергей", "Юлия", "Фёдор"],
        ["Коваленко", "Шевчук", "Левченко", "Бондаренко", "Мельник", "Ткаченко", "Савченко", "Щербак"],
        ["Москва", "Казань", "Київ", "Алматы"],
    ),
    (
        ["Ελένη", "Γιώργος", "Δημήτρης", "Κατερίνα", "Νίκος", "Σοφία", "Άγγελος", "Ιωάννα"],
        ["Παπαγεωργίου", "Ιωάννου", "Νικολάου", "Γεωργίου", "Αλεξίου", "Βασιλείου", "Οικονόμου", "Δημητρίου"],
        ["Αθήνα", "Θεσσαλονίκη", "Πάτρα", "Χανιά"],
    ),
]
ALPHABETS = str.maketrans(
    "абвгдезийклмнопрстуфыэαβγδεζηικλμνξοπρσςτυφωøł",
    "abvgdeziiklmnoprstufyeavgdeziiklmnxoprsstyfool",
)
SPELLED = {
    "ж": "zh",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "sch",
    "ю": "yu",
    "я": "ya",
    "θ": "th",
    "χ": "ch",
    "ψ": "ps",
    "ß": "ss",
    "æ": "ae",
}


def recipients():
    chance = random.Random(2026)  # noqa: S311 - the same people again are the point
    for number in range(1, COUNT + 1):
        given, family, cities = chance.choice(WORLD)
        name = f"{chance.choice(given)} {chance.choice(family)}"
        name += " & Co" if number % 97 == 0 else ""
        email = f"{in_ascii(name)}.{number}@{chance.choice(DOMAINS)}"
        yield email, name, chance.choice(COMMENTS), chance.choice(cities), chance.choice(PLANS)


def in_ascii(name: str) -> str:
    letters = unicodedata.normalize("NFD", name.lower()).translate(ALPHABETS)
    spelled = "".join(SPELLED.get(letter, letter) for letter in letters)
    return ".".join(re.sub("[^a-z ]", "", spelled).split())


if __name__ == "__main__":
    with Path(__file__).with_name("recipients.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["email", "full_name", "comment", "city", "plan"])
        rows.writerows(recipients())
