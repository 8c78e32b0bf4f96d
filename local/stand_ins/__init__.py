"""Odoo, QuickBooks and AWS as they answer, on one machine."""
