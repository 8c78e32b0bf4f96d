"""From Odoo documents to QuickBooks: the domain, the use cases, and the edges to Odoo, QuickBooks and AWS."""
