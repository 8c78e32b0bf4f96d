"""Running the whole pipeline on one machine: embedded AWS, stand-ins for Odoo and QuickBooks, a report."""
