"""A run over several companies: each is pulled, whatever becomes of the others."""

import pytest

from pipeline.domain.errors import InvalidRequest, Unauthorized, Unavailable
from pipeline.use_cases.extract.run import chosen, run
from tests.builders import COMPANY, a_document
from tests.odoo_world import OTHER, Aws, FakeOdoo, extraction_of, pull


@pytest.fixture
def aws():
    return Aws()


@pytest.mark.parametrize("error", [Unavailable("down"), Unauthorized("no right", code="access_error")])
def test_one_company_that_fails_does_not_keep_the_others(aws, error):
    odoo = FakeOdoo(a_document(1), a_document(2, company=OTHER))

    def fails(company):
        if company == COMPANY:
            raise error

    odoo.before_page = fails
    with pytest.raises(type(error)) as raised:
        pull(odoo, aws, companies=(COMPANY, OTHER))

    assert raised.value is error
    assert list(aws.stored) == ["odoo_demo-account.move-2"]


def test_only_what_a_person_must_fix_is_reported_to_a_person(aws):
    odoo = FakeOdoo()
    failures = []
    for error in (Unavailable("down"), Unauthorized("no right", code="access_error")):
        extraction = extraction_of(odoo, aws)
        odoo.before_page = lambda _company, error=error: (_ for _ in ()).throw(error)
        with pytest.raises(type(error)):
            run(extraction, [COMPANY], None)
        failures.append([(failure.company, failure.code, failure.message) for failure in extraction.failures])

    assert failures == [[], [("companyA", "access_error", "no right")]]


def test_a_company_is_chosen_by_its_name():
    assert chosen([COMPANY, OTHER], "companyB") == [OTHER]
    assert chosen([COMPANY, OTHER], "") == [COMPANY, OTHER]


def test_an_unknown_company_is_refused_with_the_names_there_are():
    with pytest.raises(InvalidRequest, match="no company 'companyC'; it shows 'companyA', 'companyB'"):
        chosen([COMPANY, OTHER], "companyC")
