from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path

import pytest

from pipeline.domain.errors import Misconfigured
from pipeline.domain.mapping import ClosedPeriod, Items, JournalRule, Parties, ReplacedPdf, Rules, Target, TypedByHand
from pipeline.domain.mapping_file import ERRORS_SHOWN_MAX, MappingFile, broken
from pipeline.domain.mapping_keys import unknown_keys

ROOT = Path(__file__).parents[3]


def errors_of(text):
    with pytest.raises(Misconfigured) as raised:
        MappingFile.parse(text)
    assert raised.value.code == "mapping"
    head, *errors = str(raised.value).split("\n")
    assert "config/mapping.toml" in head
    assert "nothing is posted with it" in head
    return errors


# -- what it says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "[companyA]\n"])
def test_an_empty_mapping_leaves_everything_to_the_conventions(text):
    rules = MappingFile.parse(text).rules("companyA")

    assert (rules.parties, rules.closed_period, rules.items) == (Parties.CREATE, ClosedPeriod.HOLD, Items.ACCOUNT)
    assert (rules.typed_by_hand, rules.replaced_pdf) == (TypedByHand.REPORT, ReplacedPdf.REMOVE)
    assert rules.go_live is None
    assert rules.account("400000", "Sales") is None
    assert rules.journal("Customer Invoices") == JournalRule()
    assert rules == Rules()


def test_a_company_that_is_not_in_it_works_by_the_conventions():
    assert MappingFile.parse('[companyA]\nparties = "fail"').rules("companyB") == Rules()


def test_the_example_is_valid_and_uses_every_key():
    text = (ROOT / "mapping.toml.example").read_text()
    mapping = MappingFile.parse(text)

    first, second = mapping.rules("companyA"), mapping.rules("Company B, Ltd.")

    assert first.go_live == date(2026, 1, 1)
    assert first.account("400000", "whatever") == Target(
        "400000", "4000", text.splitlines().index('"400000" = "4000"') + 1
    )
    assert first.account("", "Product Sales Export").name == "Sales:Export"
    assert first.term("30 Days").name == "Net 30"
    assert first.journal("Customer Invoices").book_class.name == "Trade"
    assert first.journal("Vendor Bills").department.name == "Head office"
    assert first.analytics["Research & Development"].name == "R&D"
    assert first.product("DESK-01", "Desk").name == "Desks"
    assert second.tax(["9.975% QST", "5% GST"]).name == "GST/QST QC - 9.975"
    assert second.tax(["21% EU"]).name == "21.0% EC Goods"
    known = set(Rules.__dataclass_fields__)
    assert [name for name in known if f"{name} " not in text and f".{name}]" not in text] == []


def test_a_code_wins_over_a_name():
    rules = MappingFile.parse('[A.accounts]\n"Sales" = "1"\n400 = "2"').rules("A")

    assert rules.account("400", "Sales").name == "2"
    assert rules.account("401", "Sales").name == "1"
    assert rules.account("401", "sales") is None


def test_taxes_of_a_line_are_found_in_any_order_but_only_all_of_them():
    rules = MappingFile.parse('[A.taxes]\n"GST + QST" = "both"\n"GST" = "one"').rules("A")

    assert rules.tax(["QST", "GST"]).name == "both"
    assert rules.tax(["GST"]).name == "one"
    assert rules.tax(["QST"]) is None


def test_a_line_without_tax_is_mapped_for_one_side_or_for_both():
    rules = MappingFile.parse('[A.taxes]\n"(no tax)" = "both"\n"(no tax) on sales" = "sold"').rules("A")

    assert [rules.no_tax(is_sale=is_sale).name for is_sale in (True, False)] == ["sold", "both"]
    assert MappingFile.parse('[A.taxes]\n"(No tax)" = "x"').rules("A").no_tax(is_sale=True) is None


def test_what_stands_for_no_tax_is_not_looked_for_in_odoo_but_what_resembles_it_is():
    text = '[A.taxes]\n"(no tax)" = "x"\n"(no tax) on sales" = "x"\n"(no tax) on sale" = "x"'
    rules = MappingFile.parse(text).rules("A")

    assert unknown_keys(rules, {"taxes": frozenset({"21%"})}) == [
        "line 4: tax '(no tax) on sale' matches nothing in Odoo; nearest: '(no tax) on sales'"
    ]


def test_no_tax_cannot_be_joined_with_a_tax():
    found = MappingFile.of_object(b'[A.taxes]\n"21% + (no tax)" = "x"', "")

    assert found.errors == ("line 2: '21% + (no tax)' joins taxes with '(no tax)', which stands alone",)


def test_it_lists_every_class_and_department_it_points_to():
    text = '[A.journals]\n"J" = { class = "C", department = "D" }\n"K" = { class = "E" }\n[A.analytics]\n"X" = "F"'
    rules = MappingFile.parse(text).rules("A")

    assert [(target.source, target.name, target.line) for target in rules.classes] == [
        ("J", "C", 2), ("K", "E", 3), ("X", "F", 5)]  # fmt: skip
    assert [target.name for target in rules.departments] == ["D"]


# -- what is wrong with it, with its line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[A]\nx = = 1",
         "line 2: it is not TOML: Invalid value (at line 2, column 5); errors after line 2 are not known yet"),
        ("[A]\nx = [1", "it is not TOML: Unclosed array (at end of document); what else is wrong is not known yet"),
        ("x = 1", "line 1: 'x' is outside of a company: put it under [\"name of the company\"]"),
        ("[A]\ngo_liv = 2026-01-01", "line 2: 'go_liv' is not known; did you mean 'go_live'?"),
        ("[A]\n\nxyz = 1", "line 3: 'xyz' is not known"),
        ("[A.acounts]\n1 = '2'", "line 1: 'acounts' is not known; did you mean 'accounts'?"),
        ("[A]\nrealm = 913", "line 2: 'realm' must be a text in quotes: write realm = \"913\""),
        ('[A]\nrealm = " "', "line 2: 'realm' must be a text in quotes"),
        ('[A]\ngo_live = "2026-01-01"',
         "line 2: 'go_live' must be a date without quotes, like go_live = 2026-01-01"),
        ("[A]\ngo_live = 2026-01-01T00:00:00Z",
         "line 2: 'go_live' must be a date without quotes, like go_live = 2026-01-01"),
        ('[A]\nparties = "creat"', "line 2: 'parties' must be \"create\" or \"fail\"; did you mean 'create'?"),
        ('[A]\nclosed_period = "open"', 'line 2: \'closed_period\' must be "hold" or "first_open_day"'),
        ("[A]\ntyped_by_hand = true", 'line 2: \'typed_by_hand\' must be "report" or "adopt"'),
        ('[A]\nreplaced_pdf = ""', 'line 2: \'replaced_pdf\' must be "remove" or "keep"'),
        ('[A]\nitems = ["account"]', 'line 2: \'items\' must be "account" or "product"; did you mean \'account\'?'),
        ("[A]\naccounts = 3", "line 2: 'accounts' must be a table: [A.accounts]"),
        ("[A.accounts]\n400000 = 4000", "line 2: '400000' must be a text in quotes: write 400000 = \"4000\""),
        ('[A.accounts]\n4.5 = "x"', "line 2: '4' must be a text in quotes: a name with a dot in it needs quotes"),
        ('["A"."journals"]\n"J" = "C"', "line 2: 'J' must be a table: { class = \"…\" }"),
        ('[A.journals]\nJ = { clas = "C" }', "line 2: 'clas' is not known; did you mean 'class'?"),
        ("[A.journals]\nJ = { class = 5 }", "line 2: 'class' must be a text in quotes: write class = \"5\""),
        ('[A.taxes]\n"a + b" = "1"\n"b + a" = "2"', "line 3: 'b + a' names the same taxes as 'a + b'"),
    ],
)  # fmt: skip
def test_every_error_is_reported_with_its_line(text, expected):
    assert errors_of(text) == [expected]


def test_all_errors_are_reported_at_once():
    assert errors_of('[A]\nparties = 1\ngo_live = 2\n["B"]\nnothing = 3') == [
        'line 2: \'parties\' must be "create" or "fail"',
        "line 3: 'go_live' must be a date without quotes, like go_live = 2026-01-01",
        "line 5: 'nothing' is not known",
    ]


def test_very_many_errors_are_cut():
    errors = errors_of("[A]\n" + "\n".join(f"key{number}x = 1" for number in range(200)))

    assert len(errors) == 31
    assert errors[-1] == "... and 170 more"


def test_comments_and_texts_over_several_lines_do_not_move_the_lines():
    text = '# realm = "x"\n[A]\nrealm = """\n[B]\nparties = 7\n"""\n\n# parties\nparties = 7 # here\n'

    assert errors_of(text) == ['line 9: \'parties\' must be "create" or "fail"']


def test_keys_in_braces_stand_on_the_line_of_the_braces():
    text = '[A]\n\njournals."Customer \\"Invoices\\"" = { department = "D" }'

    assert MappingFile.parse(text).rules("A").journal('Customer "Invoices"').department == Target(
        'Customer "Invoices"', "D", 3
    )


# -- companies -------------------------------------------------------------------------------------------------------


def test_a_company_nobody_knows_is_reported_with_its_line():
    mapping = MappingFile.parse('[companyA]\n\n["compnayB"]\n')

    assert mapping.unknown_companies(["companyA", "companyB"], "in Odoo") == [
        "line 3: there is no company 'compnayB' in Odoo; did you mean 'companyB'?"
    ]


def test_companies_that_are_known_pass():
    assert MappingFile.parse("[companyA]").unknown_companies(["companyA", "companyB"], "in Odoo") == []


# -- a file with errors ----------------------------------------------------------------------------------------------


def test_a_file_with_errors_is_read_as_far_as_it_can_be_and_never_posted_with():
    mapping = MappingFile.read('[A]\nparties = 7\n[A.accounts]\n"1" = "2"\n"3" = 4\n[B]\n')

    assert [error.partition(":")[0] for error in mapping.errors] == ["line 2", "line 5"]
    assert mapping.readable("A").accounts == {"1": Target("1", "2", 4)}
    assert mapping.unknown_companies(["A"], "in Odoo") == ["line 6: there is no company 'B' in Odoo"]
    for company in "ABC":
        with pytest.raises(Misconfigured, match="line 2: 'parties'"):
            mapping.rules(company)


def test_what_comes_before_an_error_of_syntax_is_read_and_what_comes_after_is_said_not_to_be_known():
    mapping = MappingFile.read('[A]\nparties = 7\n[A.accounts]\n"1" = "2"\n"3" = = "4"\n[C]\nparties = 8\n')

    assert mapping.errors[0].startswith("line 2: 'parties'")
    assert mapping.errors[1].startswith("line 5: it is not TOML")
    assert mapping.errors[1].endswith("errors after line 5 are not known yet")
    assert mapping.readable("A").accounts == {"1": Target("1", "2", 4)}


def test_what_comes_before_a_byte_that_is_no_utf_8_is_read():
    content = b'\xef\xbb\xbf[A]\nparties = 7\nrealm = "\xc4"\nitems = 5\n'

    mapping = MappingFile.of_object(content, "v1")

    assert [error.partition(":")[0] for error in mapping.errors] == ["line 2", "line 3"]
    assert "it is not UTF-8: save it as UTF-8; errors after line 3 are not known yet" in mapping.errors[1]
    assert (mapping.object_version, len(mapping.sha256)) == ("v1", 64)


def test_errors_of_all_kinds_are_listed_by_line_and_each_once():
    error = broken(["line 12: b", "line 3: a", "it is nested", "line 12: b", "line 12: c\nc"])

    assert str(error).split("\n")[1:] == ["it is nested", "line 3: a", "line 12: b", "line 12: c c"]


def test_lists_that_differ_only_in_what_is_not_shown_are_two():
    many = [f"line {number}: x" for number in range(1, ERRORS_SHOWN_MAX + 10)]
    changed = [*many[:-1], f"line {len(many)}: y"]

    assert str(broken(many)) == str(broken(changed))
    assert broken(many).identity != broken(changed).identity
    assert broken(many).identity == broken(reversed(many)).identity


@pytest.mark.parametrize(("value", "in_lines"), [('"override"', False), ('"line"', True)])
def test_sales_tax_goes_as_the_documents_or_as_lines(value, in_lines):
    assert MappingFile.parse(f"[A]\nsales_tax = {value}").rules("A").has_tax_in_lines is in_lines
    assert MappingFile.parse("").rules("A").has_tax_in_lines is False


def test_another_word_for_sales_tax_is_reported():
    with pytest.raises(
        Misconfigured, match="line 2: 'sales_tax' must be \"override\" or \"line\"; did you mean 'line'"
    ):
        MappingFile.parse('[A]\nsales_tax = "lines"')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[A]\nx = " + "[" * 50_000 + "]" * 50_000, "nested too deeply"),
        ("[A]\nx = " + "{a = " * 50_000 + "1" + "}" * 50_000, "nested too deeply"),
        ("[A]\ngo_live = " + "9" * 100_000, "a number that is none"),
        ("x" * 2**21, "characters"),
    ],
    ids=["lists", "tables", "digits", "length"],
)
def test_a_file_that_is_made_to_break_the_parser_is_refused_with_a_sentence(text, reason):
    with pytest.raises(Misconfigured, match=reason):
        MappingFile.parse(text)


def test_a_table_name_of_ten_thousand_parts_is_refused_with_a_sentence():
    with pytest.raises(Misconfigured):
        MappingFile.parse("[" + ".".join(["a"] * 10_000) + "]\nx = 1")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('["a"]\n[a.accounts]\n"1" = "2"\n"1" = "3"\n', 'line 4: "1" is there already, further up'),
        ('["a"]\n[a.accounts]\n"x=y" = "2"\n"x=y" = "3"\n', 'line 4: "x=y" is there already, further up'),
        ('["a"]\n\n["a"]\n', 'line 3: ["a"] is there already, further up'),
    ],
)
def test_a_key_or_table_that_is_there_twice_is_named_with_its_line(text, says):
    with pytest.raises(Misconfigured) as refused:
        MappingFile.parse(text)

    assert says in str(refused.value)


@pytest.mark.parametrize("name", ["VAT 21%", " VAT  21% ", "VAT\u00a021%"])
def test_spaces_that_nobody_sees_make_no_other_name(name):
    rules = MappingFile.parse(
        '[a.taxes]\n"  VAT 21%" = "21 G"\n[a.terms]\n"VAT 21%  " = "Net"\n[a.journals]\n"VAT  21%" = { class = "C" }\n'
    ).rules("a")

    assert rules.tax([name]).name == "21 G"
    assert rules.term(name).name == "Net"
    assert rules.journal(name).book_class.name == "C"


def test_letters_with_accents_are_the_same_however_they_are_composed():
    rules = MappingFile.parse('[a.terms]\n"30 jours fin de mois échu" = "Net 30"\n').rules("a")

    assert rules.term(unicodedata.normalize("NFD", "30 jours fin de mois échu")).name == "Net 30"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[a.accounts]\n"600000" = "X"\n"600000 " = "Y"',
            "line 3: '600000 ' is there twice, with other spaces or accents",
        ),
        (
            '[a.journals]\n"A  B" = { class = "X" }\n"A B" = { class = "Y" }',
            "line 3: 'A B' is there twice, with other spaces or accents",
        ),
        ('[a.terms]\n"  " = "X"', "line 2: a name of Odoo is missing before the ="),
    ],
)
def test_two_names_that_look_the_same_are_an_error(text, expected):
    assert expected in "\n".join(errors_of(text))


def test_upper_and_lower_case_stay_different():
    rules = MappingFile.parse('[a.taxes]\n"VAT" = "V"\n"vat" = "W"\n').rules("a")

    assert [rules.tax([name]).name for name in ("VAT", "vat")] == ["V", "W"]
    assert rules.tax(["Vat"]) is None


@pytest.mark.parametrize(
    ("key", "unknown"),
    [
        ("21% + 5.2% RE", []),
        ("21% + 5.2% RE + Eco", []),
        ("Eco + 21% + 5.2% RE", []),
        ("Eco + 21% + 5.2% XX", ["21%", "5.2% XX"]),
        ("Eco  +  Eco", []),
    ],
)
def test_a_tax_may_have_a_plus_in_its_own_name(key, unknown):
    rules = MappingFile.parse(f'[a.taxes]\n"{key}" = "X"\n').rules("a")

    found = unknown_keys(rules, {"taxes": frozenset({"21% + 5.2% RE ", "Eco"})})

    assert [line.split("'")[1] for line in found] == unknown
