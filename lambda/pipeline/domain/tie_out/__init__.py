"""The tie-out: Odoo's journal items of a month compared with QuickBooks' transactions as they are."""
