# Two companies of one Odoo with books of their own: one installation carries both, and the mapping has a table for each.
# Build the zips first (./build.sh at the top). The provider is the root's own, by aws_region.

variable "alert_email" {
  description = "Who gets an e-mail when something needs a person."
  type        = string
}

module "odoo_quickbooks" {
  source = "../.."

  alert_email  = var.alert_email
  aws_region   = "eu-central-1"
  environment  = "prod"
  odoo_api_url = "https://your-company.odoo.com"
  mapping_file = "${path.module}/mapping.toml"
}

output "warnings" {
  description = "What is allowed and probably not meant."
  value       = module.odoo_quickbooks.warnings
}

output "odoo_secret_arn" {
  description = "Secret that `./oqb connect --odoo` fills."
  value       = module.odoo_quickbooks.odoo_secret_arn
}

output "qb_secret_arn" {
  description = "Secret that `./oqb connect COMPANY` fills."
  value       = module.odoo_quickbooks.qb_secret_arn
}
