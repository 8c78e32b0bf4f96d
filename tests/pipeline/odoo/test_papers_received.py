"""What Odoo sends as the bytes of a file."""

from __future__ import annotations

import pytest

from pipeline.domain.errors import Unavailable
from pipeline.odoo.papers import received


@pytest.mark.parametrize("sent", ["JVBER", "ÄÖÜß"], ids=["cut off", "letters that base64 does not have"])
def test_what_is_no_base64_is_asked_for_again(sent):
    with pytest.raises(Unavailable):
        received(sent, None)
