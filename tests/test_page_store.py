"""What people change on the page: kept beside the verdicts, with entries in a chain that shows tampering."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.accounts import Account, accounts, change_account, remove_account
from edge.corrections import LONGEST_NOTE, Judgement, PartName, all_corrections, correct, corrections_of, last_words
from edge.errors import RecordError
from edge.page_store import FILE_NAME, PageStore

NOW_NS = 1_800_000_000 * 10**9
PART = PartName(sequence=7, triggered_ns=5, boot_id="b", model_sha256="ab" * 32, outcome="NG")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PageStore]:
    with PageStore(tmp_path) as found:
        yield found


def test_last_word_on_a_part_counts_and_what_was_said_before_stays(store: PageStore) -> None:
    correct(store, PART, Judgement.BAD, who="sato", wall_ns=NOW_NS)
    correct(store, PART, Judgement.GOOD, who="mori", wall_ns=NOW_NS + 1, note="光の反射 <b>only</b>")
    assert [(found.what, found.who) for found in corrections_of(store, PART)] == [("good", "mori"), ("bad", "sato")]
    last = last_words(store, [6, 7, 8])
    assert (last[7].what, last[7].part, last[7].note) == (Judgement.GOOD, PART, "光の反射 <b>only</b>")
    correct(store, PART, Judgement.WITHDRAWN, who="mori", wall_ns=NOW_NS + 2)
    assert last_words(store, [7]) == {}
    assert len(all_corrections(store)) == 3


def test_part_of_another_data_folder_with_the_same_number_is_another_part(store: PageStore) -> None:
    correct(store, PART, Judgement.GOOD, who="sato", wall_ns=NOW_NS)
    assert corrections_of(store, replace(PART, triggered_ns=6)) == []


def test_note_that_is_too_long_is_refused_and_nothing_is_kept(store: PageStore) -> None:
    with pytest.raises(RecordError, match="1001 characters"):
        correct(store, PART, Judgement.GOOD, who="sato", wall_ns=NOW_NS, note="x" * (LONGEST_NOTE + 1))
    assert all_corrections(store) == []
    assert store.audit_log() == []


def test_every_change_leaves_its_entry(store: PageStore) -> None:
    correct(store, PART, Judgement.GOOD, who="sato", wall_ns=NOW_NS)
    store.change_setting("shift_starts", "06:00 14:00 22:00", who="mori", wall_ns=NOW_NS)
    store.change_setting("shift_starts", "07:00", who="mori", wall_ns=NOW_NS)
    account = Account(name="kato", role="operator", secret="scrypt$1", changed_ns=NOW_NS)
    change_account(store, account, who="mori")
    change_account(store, replace(account, role="engineer", secret="scrypt$2"), who="mori")
    assert accounts(store) == {"kato": replace(account, role="engineer", secret="scrypt$2")}
    remove_account(store, "kato", who="mori", wall_ns=NOW_NS)
    remove_account(store, "nobody", who="mori", wall_ns=NOW_NS)
    store.log(wall_ns=NOW_NS, who="mori", what="limit", old="13.1", new="14")
    assert [(entry.what, entry.old, entry.new) for entry in reversed(store.audit_log())] == [
        ("correction of part 7 (NG)", "", "good"),
        ("setting shift_starts", "", "06:00 14:00 22:00"),
        ("setting shift_starts", "06:00 14:00 22:00", "07:00"),
        ("account kato", "", "operator"),
        ("account kato", "operator", "engineer, with a new password"),
        ("account kato", "engineer", ""),
        ("limit", "13.1", "14"),
    ]
    assert store.setting("shift_starts") == "07:00"
    assert "scrypt" not in str(store.audit_log())
    newest = store.check_audit()
    assert newest is not None
    assert newest.number == 7


def test_everything_is_there_after_the_page_was_restarted(tmp_path: Path) -> None:
    for number in range(3):
        with PageStore(tmp_path) as store:
            correct(store, PART, Judgement.GOOD, who="sato", wall_ns=NOW_NS + number)
    with PageStore(tmp_path) as store:
        assert len(all_corrections(store)) == 3
        assert store.check_audit() is not None


TAMPERED: dict[str, tuple[str, str]] = {
    "changed": ("UPDATE audit SET who = 'nobody' WHERE number = 2", "entry 2 or the one before"),
    "rewritten": ("UPDATE audit SET digest = 'x' WHERE number = 2", "entry 2 or"),
    "left out": ("DELETE FROM audit WHERE number = 2", "entry 2 is missing"),
    "renumbered": ("UPDATE audit SET number = 9 WHERE number = 3", "entry 3 is missing"),
    "cut off": ("DELETE FROM audit WHERE number = 3", "entries after 2 were cut off"),
    "emptied": ("DELETE FROM audit", "entries after 0 were cut off"),
    "swapped": ("UPDATE audit SET what = CASE number WHEN 1 THEN 'b' ELSE 'a' END", "entry 1 or"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_tampering_with_the_audit_log_shows(store: PageStore, tmp_path: Path, how: str) -> None:
    for what in "abc":
        store.log(wall_ns=NOW_NS, who="sato", what=what)
    assert store.check_audit() is not None
    script, words = TAMPERED[how]
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute(script)
    other.commit()
    other.close()
    with pytest.raises(RecordError, match=words):
        store.check_audit()


def test_change_that_fails_leaves_neither_itself_nor_an_entry(store: PageStore) -> None:
    def fails(database: sqlite3.Connection) -> None:
        database.execute("INSERT INTO settings VALUES ('a', 'b')")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(RecordError, match="the change cannot be kept: database or disk is full"):
        store.write(fails)
    assert store.setting("a", "nothing") == "nothing"


def test_many_threads_leave_one_whole_chain(store: PageStore) -> None:
    def work(who: str) -> Callable[[], None]:
        return lambda: [store.log(wall_ns=NOW_NS, who=who, what="x") for _ in range(20)] and None

    threads = [threading.Thread(target=work(str(number))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = store.check_audit()
    assert newest is not None
    assert newest.number == 80


def test_store_of_a_newer_version_and_one_that_is_damaged_are_refused(tmp_path: Path) -> None:
    with PageStore(tmp_path) as store:
        store.write(lambda database: database.execute("PRAGMA user_version = 9"))
    with pytest.raises(RecordError, match="newer version"):
        PageStore(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    with pytest.raises(RecordError, match="the page cannot keep anything here"):
        PageStore(tmp_path)
