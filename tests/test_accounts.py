"""Accounts, sessions and passwords: who may sign in, for how long, and how often somebody may guess."""

import re
from pathlib import Path

import pytest
from starlette.requests import Request

from edge.web import sign_in
from edge.web.app import make_app
from edge.web.guard import IDLE_S, NOBODY, SESSION_S, Guard, Role, User
from edge.web.passwords import Attempts, hashed, is_right, of_nobody, random_password
from edge.web.people import STRANGER, AccountError, People
from edge.web.server import new_password, tell_first_password
from edge.web.site import Site
from tests.sites import ENGINEER, OPERATOR, Client, site_of, with_accounts

PAGE = {"accept": "text/html"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return with_accounts(site_of(tmp_path))


def accounts_of(site: Site) -> dict[str, str]:
    return {account.name: account.role.name for account in People(site.desk.store()).all()}


def log_of(site: Site) -> list[tuple[str, str, str, str]]:
    assert site.desk.store().check_audit()
    return [(entry.who, entry.what, entry.old, entry.new) for entry in reversed(site.desk.store().audit_log())]


def test_password_is_kept_as_a_salted_digest_only() -> None:
    kept, again = hashed("correct horse"), hashed("correct horse")
    assert kept != again
    assert "correct" not in kept
    assert is_right("correct horse", kept)
    assert not is_right("correct horsf", kept)


def test_nobodys_password_takes_as_long_to_compare_as_a_real_one() -> None:
    nobodys, real = of_nobody().split("$"), hashed("correct horse").split("$")
    assert nobodys[:4] == real[:4]
    assert [len(part) for part in nobodys] == [len(part) for part in real]
    assert of_nobody() != of_nobody()


@pytest.mark.parametrize(
    "damaged", ["", "scrypt$1$2", "plain$16384$8$1$00$00", "scrypt$3$8$1$00$00", "scrypt$x$8$1$00$zz"]
)
def test_damaged_digest_lets_nobody_in(damaged: str) -> None:
    assert not is_right("", damaged)


def test_random_passwords_differ_and_are_long_enough_for_an_engineer() -> None:
    found = {random_password() for _ in range(100)}
    assert len(found) == 100
    assert all(re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){2}", password) for password in found)


def test_guessing_gets_slower_and_slower_and_a_right_one_ends_that() -> None:
    now = [0.0]
    attempts = Attempts(free=2, longest_wait_s=10, now=lambda: now[0])
    waits = []
    for _ in range(8):
        waits.append(attempts.wait_s("x"))
        now[0] += attempts.wait_s("x")
        attempts.begin("x")
    assert waits == [0, 0, 1, 2, 4, 8, 10, 10]
    assert attempts.wait_s("another") == 0
    attempts.right("x")
    assert attempts.wait_s("x") == 0


def test_memory_of_guesses_is_bounded() -> None:
    attempts = Attempts(free=1, longest_wait_s=10)
    for number in range(3000):
        attempts.begin(str(number))
    assert len(attempts._tries) <= 1000


def test_first_start_tells_one_password_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = site_of(tmp_path)
    tell_first_password(site.desk)
    found = re.search(r"sign in as (\w+) with the password (\S+)", capsys.readouterr().err)
    assert found
    tell_first_password(site.desk)
    assert capsys.readouterr().err == ""
    client = Client(site)
    assert client.sign_in(found[1], found[2]).headers["location"] == "/password"
    assert client.get("/accounts", headers=PAGE).headers["location"] == "/password"
    assert client.post("/accounts", name="x", role="operator", password="135791").status_code == 403
    changed = client.post("/password", old=found[2], new="a better one", again="a better one")
    assert changed.headers["location"] == "/"
    assert client.get("/accounts", headers=PAGE).status_code == 200


def test_first_start_without_a_disk_says_why_nobody_can_sign_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    tell_first_password(site_of(tmp_path / "data").desk)
    assert "nobody can sign in" in capsys.readouterr().err


def test_forgotten_password_is_renewed_from_the_command_line(site: Site) -> None:
    password = new_password(site.desk, "eva")
    assert Client(site).sign_in(*ENGINEER).status_code == 401
    assert Client(site).sign_in("eva", password).headers["location"] == "/password"


def test_signing_in_and_out(site: Site) -> None:
    client = Client(site)
    assert client.get("/accounts", headers=PAGE).headers["location"] == "/sign-in?next=/accounts"
    assert (
        client.post("/sign-in", name="eva", password=ENGINEER[1], next="/accounts").headers["location"] == "/accounts"
    )
    assert client.get("/accounts").status_code == 200
    assert client.post("/sign-out").status_code == 303
    assert client.get("/accounts").status_code == 401
    assert [entry[:2] for entry in log_of(site)][4:] == [("eva", "signed in"), ("eva", "signed out")]


@pytest.mark.parametrize("name", ["eva", "nobody", "", "EVA", "eva\x00", "' OR 1=1 --"])
def test_wrong_password_or_name_gives_the_same_answer(site: Site, name: str) -> None:
    client = Client(site)
    answer = client.sign_in(name, "wrong password")
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text


def test_guessing_is_stopped_by_address_and_the_right_password_waits_too(site: Site) -> None:
    app = make_app(site)
    guesser, owner = Client(site, app=app), Client(site, app=app, address="10.0.0.2")
    answers = [guesser.sign_in("eva", f"guess {number}").status_code for number in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert guesser.sign_in(*ENGINEER).status_code == 429
    assert guesser.sign_in(*OPERATOR).status_code == 429
    assert owner.sign_in(*ENGINEER).status_code == 303


def test_guessing_from_many_addresses_is_stopped_by_name(site: Site) -> None:
    app = make_app(site)
    answers = [
        Client(site, app=app, address=f"10.0.1.{number}").sign_in("eva", "guess").status_code for number in range(22)
    ]
    assert answers == [401] * 20 + [429] * 2


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/history?page=2", "/history?page=2"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_nobody_is_sent_on_to_another_site(wanted: str, given: str) -> None:
    assert sign_in.local(wanted) == given


def asking(cookie: str, *, accept: str = "text/html") -> Request:
    headers = [(b"cookie", f"kensa={cookie}".encode()), (b"accept", accept.encode())]
    return Request({"type": "http", "method": "GET", "headers": headers})


def test_session_ends_after_a_shift_and_after_half_an_hour_of_silence() -> None:
    now = [0.0]
    guard = Guard(now=lambda: now[0])
    cookie = guard.sign_in(User(name="eva", role=Role.ENGINEER))
    for _ in range(int(SESSION_S / IDLE_S) + 1):
        assert guard.user(asking(cookie)).name == "eva"
        now[0] += IDLE_S - 1
    now[0] = SESSION_S + 1
    assert guard.user(asking(cookie)) is NOBODY
    now[0] = 0.0
    cookie = guard.sign_in(User(name="eva", role=Role.ENGINEER))
    now[0] = IDLE_S + 1
    assert guard.user(asking(cookie)) is NOBODY


def test_page_that_asks_by_itself_keeps_nobody_signed_in() -> None:
    now = [0.0]
    guard = Guard(now=lambda: now[0])
    cookie = guard.sign_in(User(name="eva", role=Role.ENGINEER))
    for _ in range(int(IDLE_S)):
        assert guard.user(asking(cookie, accept="application/json")).name == "eva"
        now[0] += 1
    now[0] += 1
    assert guard.user(asking(cookie, accept="application/json")) is NOBODY


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    client = Client(site)
    for answer in (client.get("/"), client.sign_in(*ENGINEER)):
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie


def test_session_of_a_planted_cookie_is_never_used(site: Site) -> None:
    client = Client(site)
    client.cookies.set("kensa", "planted", domain="station.local")
    assert client.sign_in(*ENGINEER).status_code == 303
    assert client.cookies["kensa"] != "planted"
    thief = Client(site)
    thief.cookies.set("kensa", "planted")
    assert thief.get("/accounts").status_code == 401


def test_cookie_is_worth_nothing_after_signing_out(site: Site) -> None:
    client, thief = Client(site), Client(site)
    client.sign_in(*ENGINEER)
    thief.cookies.set("kensa", client.cookies["kensa"])
    assert thief.get("/accounts").status_code == 200
    client.post("/sign-out")
    assert thief.get("/accounts").status_code == 401


def test_engineer_keeps_accounts_and_each_change_is_in_the_log(site: Site) -> None:
    client = Client(site)
    client.sign_in(*ENGINEER)
    assert client.post("/accounts", name=" 山田 ", role="operator", password="246802").status_code == 303
    assert client.post("/accounts/role", name="山田", role="engineer").status_code == 303
    assert client.post("/accounts/password", name="山田", password="another password").status_code == 303
    assert accounts_of(site) == {"eva": "ENGINEER", "otto": "OPERATOR", "山田": "ENGINEER"}
    assert client.post("/accounts/remove", name="山田").status_code == 303
    assert accounts_of(site) == {"eva": "ENGINEER", "otto": "OPERATOR"}
    assert log_of(site)[-4:] == [
        ("eva", "account 山田", "", "operator"),
        ("eva", "account 山田", "operator", "engineer"),
        ("eva", "account 山田", "engineer", "engineer, with a new password"),
        ("eva", "account 山田", "engineer", ""),
    ]


def test_whoever_loses_account_or_role_loses_the_session(site: Site) -> None:
    engineer, operator = Client(site), Client(site, address="10.0.0.2")
    engineer.sign_in(*ENGINEER)
    operator.sign_in(*OPERATOR)
    assert "otto" in operator.get("/").text
    engineer.post("/accounts/remove", name="otto")
    assert "otto" not in operator.get("/").text


@pytest.mark.parametrize(
    ("address", "fields", "words"),
    [
        ("/accounts", {"name": "eva", "role": "operator", "password": "135791"}, "already"),
        ("/accounts", {"name": "<b>", "role": "operator", "password": "135791"}, "A name has"),
        ("/accounts", {"name": "x" * 33, "role": "operator", "password": "135791"}, "A name has"),
        ("/accounts", {"name": "new", "role": "operator", "password": "12345"}, "6 to 128"),
        ("/accounts", {"name": "new", "role": "operator", "password": "111111"}, "6 to 128"),
        ("/accounts", {"name": "new", "role": "engineer", "password": "135791"}, "10 to 128"),
        ("/accounts", {"name": "new", "role": "operator", "password": "ab" * 100}, "6 to 128"),
        ("/accounts/remove", {"name": "eva"}, "last engineer"),
        ("/accounts/role", {"name": "eva", "role": "operator"}, "last engineer"),
        ("/accounts/role", {"name": "gone", "role": "operator"}, "no such account"),
        ("/accounts/password", {"name": "gone", "password": "135791"}, "no such account"),
    ],
)
def test_impossible_changes_are_said_and_change_nothing(
    site: Site, address: str, fields: dict[str, str], words: str
) -> None:
    client = Client(site)
    client.sign_in(*ENGINEER)
    before, log = accounts_of(site), log_of(site)
    answer = client.post(address, **fields)
    assert answer.status_code == 400
    assert words in answer.text
    assert accounts_of(site) == before
    assert log_of(site) == log


def test_own_password_needs_the_old_one_and_ends_other_sessions(site: Site) -> None:
    here, there = Client(site), Client(site, address="10.0.0.2")
    here.sign_in(*OPERATOR)
    there.sign_in(*OPERATOR)
    assert here.post("/password", old="wrong", new="246802", again="246802").status_code == 401
    assert here.post("/password", old=OPERATOR[1], new="246802", again="246803").status_code == 400
    assert here.post("/password", old=OPERATOR[1], new=OPERATOR[1], again=OPERATOR[1]).status_code == 400
    assert here.post("/password", old=OPERATOR[1], new="246802", again="246802").status_code == 303
    assert "otto" in here.get("/").text
    assert "otto" not in there.get("/").text


def test_operator_made_engineer_must_choose_a_longer_password(site: Site) -> None:
    engineer, operator = Client(site), Client(site, address="10.0.0.2")
    engineer.sign_in(*ENGINEER)
    engineer.post("/accounts/role", name="otto", role="engineer")
    assert operator.sign_in(*OPERATOR).headers["location"] == "/password"
    assert operator.post("/password", old=OPERATOR[1], new="246802", again="246802").status_code == 400


def test_stranger_matches_no_password() -> None:
    assert STRANGER.matches("") is None


def test_accounts_are_limited(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.people.MOST_ACCOUNTS", 2)
    with pytest.raises(AccountError):
        People(site.desk.store()).add("new", role=Role.OPERATOR, password="135791")
