"""The Odoo stand-in: answers as the recordings of real servers do, and refuses what they refuse."""
