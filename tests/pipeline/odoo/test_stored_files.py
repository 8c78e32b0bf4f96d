"""Small files are read several to a call, and a file that breaks a call breaks it for its own document alone."""

from dataclasses import replace

import pytest

from pipeline.domain.document import Attachment, DocumentType
from pipeline.domain.errors import Unavailable
from pipeline.odoo.stored_files import AHEAD_BYTES_MAX, AHEAD_FILES_MAX, SMALL_BYTES_MAX, StoredFiles
from tests.builders import a_document


class FilesOfOdoo:
    """Gives each file its id as content, unless it is gone, or one of those asked for breaks the call."""

    def __init__(self, *, gone=(), breaks=()):
        self.calls = []
        self.gone, self.breaks = gone, breaks

    def read(self, model, ids, fields, *, companies):
        assert (model, fields, companies) == ("ir.attachment", ["id", "datas"], [1])
        self.calls.append(ids)
        if set(ids) & set(self.breaks):
            raise Unavailable("Odoo answered 502")
        return [{"id": file_id, "datas": f"content of {file_id}"} for file_id in ids if file_id not in self.gone]


def paper(file_id, size_bytes=1000, **changes):
    return replace(Attachment(file_id, f"{file_id}.pdf", "application/pdf", size_bytes, ""), **changes)


def bill(odoo_id, *files):
    return a_document(odoo_id, document_type=DocumentType.BILL, attachments=files or (paper(100 + odoo_id),))


def read_all(odoo, *documents):
    """Read the files of documents one after another, and return what was read of each."""
    files = StoredFiles(odoo)
    files.will_read(documents)
    return [files.read(document, document.attachments) for document in documents]


def test_the_files_of_the_documents_that_come_next_are_read_in_the_same_call():
    odoo = FilesOfOdoo()

    read = read_all(odoo, bill(1), bill(2), bill(3))

    assert read == [{101: "content of 101"}, {102: "content of 102"}, {103: "content of 103"}]
    assert odoo.calls == [[101, 102, 103]]


def test_of_an_invoice_only_the_legal_pdf_is_read_ahead():
    legal = paper(7, is_legal=True)
    invoice = a_document(2, attachments=(paper(6), legal))
    odoo = FilesOfOdoo()

    read_all(odoo, bill(1), replace(invoice, attachments=(paper(6), legal)))

    assert odoo.calls[0] == [101, 7]


@pytest.mark.parametrize(
    ("sizes", "together"),
    [
        ([1000, SMALL_BYTES_MAX, 1000], 3),
        ([1000, SMALL_BYTES_MAX + 1, 1000], 2),  # the large one is left to its own turn
        ([SMALL_BYTES_MAX] * (AHEAD_BYTES_MAX // SMALL_BYTES_MAX + 1), AHEAD_BYTES_MAX // SMALL_BYTES_MAX),
        ([1000] * (AHEAD_FILES_MAX + 3), AHEAD_FILES_MAX + 1),
        ([AHEAD_BYTES_MAX, 1000], 1),
    ],
)
def test_what_is_read_ahead_is_bounded(sizes, together):
    odoo = FilesOfOdoo()

    read_all(odoo, *(bill(number, paper(100 + number, size)) for number, size in enumerate(sizes)))

    assert len(odoo.calls[0]) == together
    assert sorted(file_id for call in odoo.calls for file_id in call) == [100 + number for number in range(len(sizes))]


def test_a_file_that_breaks_the_call_breaks_it_for_its_own_document_alone():
    odoo = FilesOfOdoo(breaks=[102])
    files = StoredFiles(odoo)
    documents = [bill(1), bill(2), bill(3)]
    files.will_read(documents)

    assert files.read(documents[0], documents[0].attachments) == {101: "content of 101"}
    with pytest.raises(Unavailable):
        files.read(documents[1], documents[1].attachments)
    assert files.read(documents[2], documents[2].attachments) == {103: "content of 103"}
    assert odoo.calls == [[101, 102, 103], [101], [102], [103]]


def test_a_file_that_is_gone_is_absent_and_asked_for_again_when_its_turn_comes():
    odoo = FilesOfOdoo(gone=[102])

    assert read_all(odoo, bill(1), bill(2), bill(3))[1] == {}
    assert odoo.calls == [[101, 102, 103], [102]]


def test_of_a_document_nobody_announced_only_its_own_files_are_read():
    odoo = FilesOfOdoo()
    files = StoredFiles(odoo)
    files.will_read([bill(1)])

    assert files.read(bill(9), bill(9).attachments) == {109: "content of 109"}
    assert odoo.calls == [[109]]
