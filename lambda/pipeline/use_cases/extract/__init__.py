"""Out of Odoo into the tracking table."""
