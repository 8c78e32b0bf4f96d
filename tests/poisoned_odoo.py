"""An Odoo whose server fails on one document."""

from __future__ import annotations


class Poison:
    """Makes the server fail whenever the lines of one document are read, in the given way."""

    def __init__(self, stand_in, monkeypatch, odoo_id, what):
        self.id, self.what = odoo_id, what
        execute = stand_in._execute
        monkeypatch.setattr(stand_in, "_execute", lambda *call: self.execute(execute, *call))

    def execute(self, execute, user, model, method, arguments, keywords):
        domain = arguments[0] if arguments else keywords.get("domain", [])
        if model == "account.move.line" and any(self.id in term[2] for term in domain if term[0] == "move_id"):
            raise self.what
        return execute(user, model, method, arguments, keywords)
