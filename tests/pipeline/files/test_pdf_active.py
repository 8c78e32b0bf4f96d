"""Active content of a PDF is named, and none of it gets into a merged file. Links and e-invoices stay."""

import io
import zlib

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from local.demo.small_files import pdf_page
from pipeline.files import pdf as pages
from pipeline.files.pdf_active import PROGRAMS_SHOWN_MAX, ActiveContent, active_content

ONE, TWO = pdf_page(["first"]), pdf_page(["second"])
XML = b"<?xml version='1.0'?><rsm:CrossIndustryInvoice/>"
WINDOWS = b"MZ\x90\x00" + bytes(60)
RECT = ArrayObject([NumberObject(0)] * 4)


def entries(**named):
    return DictionaryObject({NameObject(f"/{key}"): value for key, value in named.items()})


def action(kind, **more):
    return entries(S=NameObject(f"/{kind}"), **more)


def script():
    return action("JavaScript", JS=TextStringObject("app.alert('x');"))


def made(change, base=ONE):
    """Return a PDF after `change` was given its writer and the writer's first page."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(base)))
    change(writer, writer.pages[0])
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def set_on(holder, key, value):
    holder[NameObject(f"/{key}")] = value


def annotated(writer, page, annotation):
    set_on(page, "Annots", ArrayObject([writer._add_object(annotation)]))


def acts(writer, page, act):
    annotated(writer, page, entries(Subtype=NameObject("/Link"), Rect=RECT, A=writer._add_object(act)))


def attached(*files):
    def change(writer, _page):
        for name, content in files:
            writer.add_attachment(name, content)

    return made(change)


PACKED = {"/FlateDecode": zlib.compress, "/ASCIIHexDecode": lambda content: content.hex().encode() + b">"}


def hung_on_the_page(name, content, packing=""):
    """Return a PDF with a file on its page, as no list of embedded files names it."""

    def change(writer, page):
        stream = DecodedStreamObject()
        stream.set_data(PACKED[packing](content) if packing else content)
        if packing:
            set_on(stream, "Filter", NameObject(packing))
        embedded = entries(F=TextStringObject(name), EF=entries(F=writer._add_object(stream)))
        annotated(writer, page, entries(Subtype=NameObject("/FileAttachment"), Rect=RECT, FS=embedded))

    return made(change)


def script_in_a_stream(writer, page):
    stream = DecodedStreamObject()
    stream.set_data(b"app.alert('x');")
    acts(writer, page, action("JavaScript", JS=writer._add_object(stream)))


def names_of_scripts(writer, _page):
    names = ArrayObject([TextStringObject("one"), writer._add_object(script())])
    set_on(writer.root_object, "Names", entries(JavaScript=entries(Names=names)))


def form_field_that_acts(writer, _page):
    field = entries(T=TextStringObject("total"), AA=entries(C=script()))
    set_on(writer.root_object, "AcroForm", entries(Fields=ArrayObject([writer._add_object(field)])))


ACTIVE = {
    "an action on opening": (
        lambda writer, _: set_on(writer.root_object, "OpenAction", action("Named", N=NameObject("/Print"))),
        ["an action on opening"],
    ),
    "JavaScript on opening": (
        lambda writer, _: set_on(writer.root_object, "OpenAction", script()),
        ["JavaScript", "an action on opening"],
    ),
    "a page that acts when it is shown": (
        lambda _, page: set_on(page, "AA", entries(O=script())),
        ["JavaScript", "actions that start by themselves"],
    ),
    "a field that acts when it is filled": (
        form_field_that_acts, ["JavaScript", "actions that start by themselves"],
    ),
    "a list of scripts": (names_of_scripts, ["JavaScript"]),
    "a script in a stream": (script_in_a_stream, ["JavaScript"]),
    "a launch": (
        lambda writer, page: acts(writer, page, action("Launch", F=TextStringObject("cmd.exe"))),
        ["a launch of a program"],
    ),
    "a form that is sent": (
        lambda writer, page: acts(writer, page, action("SubmitForm", F=TextStringObject("https://v.example"))),
        ["a form that sends data"],
    ),
    "data that is imported": (lambda writer, page: acts(writer, page, action("ImportData")), ["an import of data"]),
    "another file that is opened": (
        lambda writer, page: acts(writer, page, action("GoToR", F=TextStringObject("other.pdf"))),
        ["an opening of another file"],
    ),
    "rich media": (
        lambda writer, page: annotated(writer, page, entries(Subtype=NameObject("/RichMedia"), Rect=RECT)), ["media"],
    ),
    "a film": (lambda writer, page: acts(writer, page, action("Rendition")), ["media"]),
    # Of all actions only this one may have a script under another kind (ISO 32000-2, 12.6.4.14).
    "a film with a script": (
        lambda writer, page: acts(writer, page, action("Rendition", JS=TextStringObject("app.alert('x');"))),
        ["JavaScript", "media"],
    ),
    "an XFA form": (
        lambda writer, _: set_on(writer.root_object, "AcroForm", entries(XFA=TextStringObject("<xdp/>"))),
        ["an XFA form"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVE)
def test_active_content_is_named_wherever_a_pdf_can_have_it(name):
    change, kinds = ACTIVE[name]

    assert pages.acting(made(change)) == ActiveContent(tuple(kinds))


@pytest.mark.parametrize("name", ACTIVE)
def test_active_content_is_not_in_a_merged_file(name):
    change, _ = ACTIVE[name]

    merged = pages.merged([made(change), TWO])

    assert pages.acting(merged) == ActiveContent()
    assert b"alert" not in merged
    assert len(PdfReader(io.BytesIO(merged)).pages) == 2


HARMLESS = {
    "nothing": lambda _writer, _page: None,
    "a page to begin with": lambda writer, page: set_on(
        writer.root_object, "OpenAction", ArrayObject([page.indirect_reference, NameObject("/Fit")])
    ),
    "a place to begin with": lambda writer, _: set_on(
        writer.root_object, "OpenAction", action("GoTo", D=TextStringObject("top"))
    ),
    "a link": lambda writer, page: acts(writer, page, action("URI", URI=TextStringObject("https://v.example"))),
    "the structure of a text about sound": lambda writer, _: set_on(
        writer.root_object, "StructTreeRoot", entries(K=entries(S=NameObject("/Sound")))
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_most_files_have_is_no_active_content(name):
    assert pages.acting(made(HARMLESS[name])) == ActiveContent()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (attached(("setup.exe", b"x")), "'setup[.]exe'"),
        (attached(("Bill.PDF.js ", b"x")), "'Bill[.]PDF[.]js'"),
        (attached(("picture.png", WINDOWS)), "'picture.png'"),
        (attached(("readme.txt", b"#!/bin/sh\nrm -r /")), "'readme[.]txt'"),
        (hung_on_the_page("setup.exe", b"x"), "'setup[.]exe'"),
        (hung_on_the_page("picture.png", WINDOWS), "'picture.png'"),
        (hung_on_the_page("picture.png", WINDOWS * 99, "/FlateDecode"), "'picture.png'"),
        (hung_on_the_page("picture.png", WINDOWS * 99, "/ASCIIHexDecode"), "'picture.png'"),
    ],
    ids=["exe", "script", "exe by its bytes", "shell script", "on a page", "on a page by its bytes", "packed", "rare"],
)
def test_an_embedded_program_is_named_and_is_not_in_a_merged_file(content, named):
    merged = pages.merged([content, TWO])

    assert pages.acting(content).programs == (named,)
    assert pages.acting(merged) == ActiveContent()
    assert dict(PdfReader(io.BytesIO(merged)).attachments) == {}
    assert all(word not in merged for word in (WINDOWS, b"#!/bin/sh"))


def test_the_e_invoice_beside_a_program_is_kept():
    merged = pages.merged([attached(("factur-x.xml", XML), ("setup.exe", WINDOWS)), TWO])

    assert dict(PdfReader(io.BytesIO(merged)).attachments) == {"factur-x.xml": [XML]}


def test_a_single_pdf_keeps_its_active_content_byte_for_byte():
    content = made(ACTIVE["a launch"][0])

    assert pages.merged([content]) == content


def test_the_name_of_a_program_is_one_line_without_a_link_and_only_some_are_named():
    files = [(f"{number:02}\nsetup.exe", b"x") for number in range(PROGRAMS_SHOWN_MAX + 3)]

    programs = pages.acting(attached(*files)).programs

    assert programs == (*(f"'{number:02} setup[.]exe'" for number in range(PROGRAMS_SHOWN_MAX)), "3 more")


def opened(change):
    return PdfReader(io.BytesIO(made(change)))


def long_list(writer, page):
    set_on(page, "Annots", ArrayObject([entries(Subtype=NameObject("/Text"), Rect=RECT) for _ in range(500)]))


def long_chain(writer, page):
    last = entries()
    for _ in range(500):
        last = writer._add_object(entries(Next=last))
    set_on(page, "A", last)


@pytest.mark.parametrize("change", [long_list, long_chain])
def test_the_search_ends_at_its_limit_and_says_so(change):
    found = active_content(opened(change), objects_max=100)
    in_full = active_content(opened(change), objects_max=5_000)

    assert (found.is_complete, in_full.is_complete) == (False, True)


def test_objects_that_refer_to_each_other_are_looked_at_once():
    def change(writer, page):
        first, second = entries(), entries()
        set_on(first, "Next", writer._add_object(second))
        set_on(second, "Next", writer._add_object(first))
        set_on(page, "A", first.indirect_reference)

    assert active_content(opened(change), objects_max=200).is_complete


def test_a_damaged_object_does_not_end_the_search():
    content = made(lambda writer, page: acts(writer, page, action("Launch", F=TextStringObject("cmd"))))
    broken = content.replace(b"/Type /Font", b"/Type <<<((", 1)

    assert pages.acting(broken).kinds == ("a launch of a program",)
