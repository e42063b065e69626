# Reading a study writes nothing, and what is no study is refused as it is.

import shutil
import sqlite3

import numpy as np
import pytest

from optax_lab.studies import ledger

RUN = ledger.Record(
    *("k", "adam", "tune", 0, "constant", 0, {}, "ok", "", 1.0),
    {"a": 1.0},
    {"c": np.ones(2, np.float32)},
)


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.db"
    with ledger.opened(path, {"facts": {}}) as book:
        book.write([RUN])
    return path


def is_refused(path, told):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=told), ledger.reading(path):
        pass
    assert path.read_bytes() == before


def test_an_empty_file_is_refused_and_stays_empty(tmp_path):
    path = tmp_path / "study.db"
    path.touch()
    is_refused(path, "study.db: no study: it is empty")


def test_a_copy_of_a_running_study_without_its_wal_is_refused(tmp_path):
    copy = tmp_path / "copy.db"
    with ledger.opened(tmp_path / "study.db", {"facts": {}}) as book:
        book.write([RUN])
        shutil.copy(book.path, copy)
    is_refused(copy, "a copy of a running study needs its -wal file too")


def test_a_copy_with_its_wal_is_read_whole(tmp_path):
    with ledger.opened(tmp_path / "study.db", {"facts": {}}) as book:
        book.write([RUN])
        for end in ("", "-wal"):
            shutil.copy(f"{book.path}{end}", tmp_path / f"copy.db{end}")
    with ledger.reading(tmp_path / "copy.db") as book:
        assert [record.key for record in book.records()] == ["k"]


def test_another_programs_database_is_refused_by_its_tables(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE places (url TEXT)")
    connection.close()
    is_refused(path, "other.db: not a study's file, but a database of places")
    with (
        pytest.raises(ValueError, match="a database of places"),
        ledger.opened(path, {"facts": {}}),
    ):
        pass


def test_what_is_no_database_is_refused(tmp_path):
    path = tmp_path / "text.db"
    path.write_text("not a database, but a text that is long enough to be read as one")
    is_refused(path, "not a study's file")


def test_a_study_is_read_while_it_is_written_and_nothing_can_be_written(study):
    with ledger.opened(study, {"facts": {}}) as book, ledger.reading(study) as reader:
        book.write([RUN._replace(key="l")])
        assert reader.keys() == {"k", "l"}
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.write([RUN._replace(key="m")])


def test_reading_leaves_nothing_beside_a_study(study):
    before = sorted(study.parent.iterdir())
    with ledger.reading(study) as book:
        assert book.keys() == {"k"}
    assert sorted(study.parent.iterdir()) == before


def test_a_study_is_read_through_a_link_while_it_is_written(study, tmp_path):
    (tmp_path / "link.db").symlink_to(study)
    with ledger.opened(study, {"facts": {}}) as book:
        book.write([RUN._replace(key="l")])
        with ledger.reading(tmp_path / "link.db") as reader:
            assert reader.keys() == {"k", "l"}


def test_a_name_with_marks_of_an_address_is_read(study, tmp_path):
    odd = tmp_path / "a?b#c%20.db"
    shutil.copy(study, odd)
    with ledger.reading(odd) as book:
        assert book.keys() == {"k"}
