"""The Odoo edge: its wire, and the translation of its rows into documents and orders."""
