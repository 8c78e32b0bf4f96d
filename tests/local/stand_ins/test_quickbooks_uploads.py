"""Attachments: multipart uploads, their links, and what makes a PDF unreadable."""

import base64
import json

import pytest
import requests

from local.stand_ins.quickbooks.uploads import parts
from tests.local.stand_ins.quickbooks_company import fault, opened

PDF = b"%PDF-1.4\nhello\r\n--with a dash\n%%EOF\n"


@pytest.fixture
def company():
    with opened() as company:
        yield company


def metadata(entity="Invoice", row_id="1", file_name="a.pdf", **properties):
    reference = {"EntityRef": {"type": entity, "value": row_id}, "IncludeOnSend": False}
    return {"AttachableRef": [reference], "FileName": file_name, "ContentType": "application/pdf", **properties}


def upload(company, files, **parameters):
    headers = {key: value for key, value in company.headers.items() if key != "Content-Type"}
    return requests.post(f"{company.base}/upload", files=files, headers=headers, params=parameters, timeout=10)


def files_of(described, content=PDF, number="01", name="a.pdf", kind="application/json"):
    return [
        (f"file_metadata_{number}", ("attachment.json", json.dumps(described), kind)),
        (f"file_content_{number}", (name, content, "application/pdf")),
    ]


def test_a_file_is_stored_byte_for_byte_and_linked(company):
    row = company.create("Invoice", company.invoice())

    answer = upload(company, files_of(metadata(row_id=row["Id"]))).json()

    attachable = answer["AttachableResponse"][0]["Attachable"]
    assert (attachable["FileName"], attachable["Size"]) == ("a.pdf", len(PDF))
    assert requests.get(attachable["TempDownloadUri"], timeout=10).content == PDF
    stored = company.books.attachables("Invoice", row["Id"])[0]
    assert (stored.content, stored.readable_pdf, stored.linked_to) == (PDF, True, [("Invoice", row["Id"])])
    assert company.stand_in.calls["upload"] == company.books.creates["Attachable"] == 1


def test_an_attachable_is_found_by_what_it_hangs_on(company):
    for _ in range(2):
        company.create("Invoice", company.invoice())
    upload(company, files_of(metadata(row_id="1")))

    text = "select * from Attachable where AttachableRef.EntityRef.Type = '{}' and AttachableRef.EntityRef.value = '{}'"

    assert [row["FileName"] for row in company.found(text.format("invoice", "1"))] == ["a.pdf"]
    assert company.found(text.format("Invoice", "2")) == company.found(text.format("Bill", "1")) == []


def test_a_base64_part_is_stored_as_it_came_and_is_unreadable(company):
    company.create("Invoice", company.invoice())

    upload(company, files_of(metadata(), base64.b64encode(PDF)))

    stored = company.books.attachables()[0]
    assert stored.content == base64.b64encode(PDF)
    assert not stored.readable_pdf


def test_a_file_without_metadata_hangs_on_nothing(company):
    upload(company, [("file_content_0", ("a.pdf", PDF, "application/pdf"))])
    upload(company, [("AttachableRef", (None, "{}")), ("file_content_0", ("b.pdf", PDF, "application/pdf"))])

    assert [stored.linked_to for stored in company.books.attachables()] == [[], []]


def test_each_file_of_a_request_is_refused_alone_under_http_200(company):
    company.create("Invoice", company.invoice())
    files = files_of(metadata()) + files_of(metadata(file_name="b.exe"), number="02")

    answer = upload(company, files)

    assert answer.status_code == 200
    good, bad = answer.json()["AttachableResponse"]
    assert good["Attachable"]["Id"]
    assert bad["Fault"]["Error"][0]["code"] == "6041"
    assert bad["Fault"]["type"] == "ValidationFault"


@pytest.mark.parametrize(
    ("described", "code"),
    [
        (metadata(entity="Nothing"), "6050"),
        (metadata(row_id="99"), "610"),
        (metadata(Nonsense=1), "2010"),
        (metadata(Note="x" * 2001), "2050"),
        (metadata(file_name="x" * 1000 + ".pdf"), "2050"),
    ],
)
def test_metadata_that_is_wrong_is_refused(company, described, code):
    company.create("Invoice", company.invoice())

    answer = upload(company, files_of(described)).json()

    assert answer["AttachableResponse"][0]["Fault"]["Error"][0]["code"] == code
    assert company.books.attachables() == []


def test_metadata_is_json(company):
    answer = upload(company, files_of({}, kind="text/plain")).json()

    assert answer["AttachableResponse"][0]["Fault"]["Error"][0]["code"] == "6040"


def test_an_upload_without_a_file_or_without_parts_is_refused(company):
    assert fault(upload(company, files_of(metadata())[:1]))[0] == "2020"
    assert fault(company.post("upload", {}))[0] == "1050"


def test_a_part_has_every_byte_between_its_head_and_the_next_delimiter():
    head = b'Content-Disposition: form-data; name="a"; filename="b.pdf"\r\n\r\n'
    body = b"a preamble\r\n--B\r\n" + head + b"\r\n\r\n--b\r\n--B\r\n" + head + b"\r\n--B--\r\nan epilogue"

    for sent in (body, body.removeprefix(b"a preamble"), body.removeprefix(b"a preamble\r\n")):
        found = parts(sent, "multipart/form-data; boundary=B")
        assert [(part.name, part.file_name, part.content) for part in found] == [
            ("a", "b.pdf", b"\r\n\r\n--b"), ("a", "b.pdf", b""),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "does not end"),
        (b"--B--", "does not end"),
        (b"--B\r\nA: b\r\n\r\nc\r\n--B", "does not end"),
        (b"--B\r\nA: b\r\n--B--\r\n\r\n", "no header"),
    ],
)
def test_a_body_that_breaks_off_or_has_a_part_without_a_head_is_refused(body, problem):
    with pytest.raises(ValueError, match=problem):
        parts(body, "multipart/form-data; boundary=B")


def test_a_request_of_more_than_a_hundred_megabytes_is_refused(company, monkeypatch):
    monkeypatch.setattr("local.stand_ins.quickbooks.uploads.UPLOAD_BYTES_MAX", 100)

    assert fault(upload(company, files_of(metadata())))[0] == "6030"


@pytest.mark.parametrize(("honoured", "stored"), [(False, 2), (True, 1)])
def test_whether_an_upload_honours_its_request_id_can_be_switched(company, honoured, stored):
    company.stand_in.upload_honours_request_id = honoured
    company.create("Invoice", company.invoice())
    files = files_of(metadata())
    body = requests.Request("POST", company.base, files=files).prepare()
    headers = {**company.headers, "Content-Type": body.headers["Content-Type"]}
    for _ in range(2):
        requests.post(f"{company.base}/upload?requestid=r", data=body.body, headers=headers, timeout=10)

    assert len(company.books.attachables()) == stored


def test_metadata_alone_stores_no_file(company):
    company.create("Invoice", company.invoice())

    row = company.create("Attachable", metadata())

    assert company.books.attachables()[0].content == b""
    assert requests.get(f"{company.stand_in.url}/download/1/{row['Id']}", timeout=10).status_code == 404


def test_an_attachable_can_be_deleted(company):
    company.create("Invoice", company.invoice())
    upload(company, files_of(metadata()))

    company.create("Attachable", {"Id": "1", "SyncToken": "0"}, operation="delete")

    assert company.books.attachables() == []


def test_deleting_a_document_unlinks_its_files(company):
    company.create("Invoice", company.invoice())
    upload(company, files_of(metadata()))

    company.create("Invoice", {"Id": "1", "SyncToken": "0"}, operation="delete")

    assert [stored.linked_to for stored in company.books.attachables()] == [[]]
