"""A mapping whose content has changed is reported once, with what it was and what it is."""

from __future__ import annotations

from datetime import timedelta

from local.stand_ins.memory import MemoryKeyValues
from pipeline.domain.mapping_file import MappingFile
from pipeline.use_cases.extract.mapping_change import REPORTED_FOR, check_mapping_change
from tests.odoo_world import NOW

FIRST = MappingFile(sha256="aa" * 32, object_version="v1")
SECOND = MappingFile(sha256="bb" * 32, object_version="v2")


def test_the_first_mapping_and_one_that_stays_are_no_change():
    kept = MemoryKeyValues()

    assert check_mapping_change(FIRST, kept, NOW) == []
    assert check_mapping_change(FIRST, kept, NOW + timedelta(days=1)) == []


def test_a_change_names_both_hashes_and_versions_and_stops_nothing():
    kept = MemoryKeyValues()
    check_mapping_change(FIRST, kept, NOW)

    (failure,) = check_mapping_change(SECOND, kept, NOW)

    assert not failure.stops
    for part in ("aa" * 32, "v1", "bb" * 32, "v2", "terraform apply"):
        assert part in failure.message


def test_a_change_is_told_by_a_later_run_if_the_first_was_killed_and_no_longer_after_its_time():
    kept = MemoryKeyValues()
    check_mapping_change(FIRST, kept, NOW)
    check_mapping_change(SECOND, kept, NOW)

    assert check_mapping_change(SECOND, kept, NOW + REPORTED_FOR / 2)
    assert check_mapping_change(SECOND, kept, NOW + REPORTED_FOR) == []


def test_a_file_that_was_not_there_or_is_gone_is_a_change_too():
    kept = MemoryKeyValues()
    check_mapping_change(MappingFile(), kept, NOW)

    (added,) = check_mapping_change(FIRST, kept, NOW)
    (removed,) = check_mapping_change(MappingFile(), kept, NOW)

    assert "Before: no file. Now: SHA-256 aa" in added.message
    assert "S3 version v1. Now: no file." in removed.message


def test_a_mapping_with_the_same_content_in_a_new_object_is_no_change():
    kept = MemoryKeyValues()
    check_mapping_change(FIRST, kept, NOW)

    assert check_mapping_change(MappingFile(sha256="aa" * 32, object_version="v9"), kept, NOW) == []
