"""Who asks for an invocation: what a payload says under `by`, bounded and clean, and what becomes of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.aws.events import extractor_command, origin_of, poster_command, sweep_of, tie_out_command
from pipeline.aws.said_by import NAME_LENGTH_MAX, said_by
from pipeline.domain.errors import InvalidRequest

CONTEXT = SimpleNamespace(aws_request_id="run-1")
READERS = (poster_command, extractor_command, tie_out_command)
S3 = {"Records": [{"s3": {"object": {"key": "pending/a-account.move-1.pdf"}}}], "by": "Ann"}


def actor(event):
    return origin_of("qb-poster", event, CONTEXT).actor


@pytest.mark.parametrize(
    ("event", "who"),
    [
        ({"by": "Ann"}, "person: Ann"),
        ({"by": "Ann", "retry_failed": True}, "person: Ann"),
        ({"by": "Ann", "sweep": True, "realm": "1"}, "person: Ann"),
        ({"by": " "}, "invocation"),
        ({}, "schedule, or an invocation without a name"),
        ({"retry_failed": True}, "invocation"),
        ({"by": "", "retry_failed": True}, "invocation"),
        ({"sweep": True}, "schedule"),
        ({"watch": True}, "schedule"),
        ({"source": "aws.events"}, "schedule"),
        (S3, "event: a PDF is stored"),
    ],
)
def test_the_history_names_the_person_whom_the_payload_names(event, who):
    assert actor(event) == who


@pytest.mark.parametrize("read", READERS)
def test_who_asks_changes_nothing_of_what_is_asked_for(read):
    for event in ({}, {"company": "companyA"}):
        assert read({**event, "by": "Ann"}) == read(event)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Ann\nposted: everything", "Ann posted: everything"),
        ("\x1b]0;title\x07Ann", "]0;title Ann"),
        ("Ann\u202egnp.exe", "Anngnp.exe"),
        ("\u200b", ""),
        ("  Müller   Süd ", "Müller Süd"),
        ("a" * NAME_LENGTH_MAX, "a" * NAME_LENGTH_MAX),
    ],
)
def test_a_name_is_one_line_and_obeyed_by_nothing(name, kept):
    assert said_by({"by": name}) == kept


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["a" * (NAME_LENGTH_MAX + 1), "a" * 6_000_000, 7, None, ["Ann"], {"by": "Ann"}])
def test_what_is_no_name_is_refused_and_not_cut(read, name):
    with pytest.raises(InvalidRequest, match=r"by must be a text|by is a name of at most 200"):
        origin_of("qb-poster", {"by": name}, CONTEXT)
    # The command is read first, and does not mind: the refusal is the same whatever is asked for.
    assert read({"by": name}) == read({})


def test_a_run_that_a_run_starts_is_of_the_same_person():
    assert actor(sweep_of("1", origin_of("qb-poster", {"by": "Ann"}, CONTEXT).by)) == "person: Ann"
    assert sweep_of("1", origin_of("qb-poster", {"sweep": True}, CONTEXT).by) == {"sweep": True, "realm": "1"}
