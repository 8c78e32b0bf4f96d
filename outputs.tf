output "s3_bucket_name" {
  description = "Bucket with pending/, posted/, documents/ and config/."
  value       = aws_s3_bucket.documents.id
}

output "dynamodb_table_name" {
  description = "Tracking table: one entry per document, with its status."
  value       = aws_dynamodb_table.tracking.name
}

output "sale_orders_table_name" {
  description = "Table with the newest sale orders, for other applications."
  value       = aws_dynamodb_table.sale_orders.name
}

output "extractor_function_name" {
  description = "Function that reads Odoo."
  value       = aws_lambda_function.this["odoo-extractor"].function_name
}

output "poster_function_name" {
  description = "Function that posts to QuickBooks."
  value       = aws_lambda_function.this["qb-poster"].function_name
}

output "order_sync_function_name" {
  description = "Function that copies the newest sale orders."
  value       = aws_lambda_function.this["odoo-order-sync"].function_name
}

output "odoo_secret_arn" {
  description = "Secret to put the Odoo credentials into."
  value       = aws_secretsmanager_secret.odoo.arn
}

output "qb_secret_arn" {
  description = "Secret to put the QuickBooks credentials into."
  value       = aws_secretsmanager_secret.quickbooks.arn
}

output "sns_topic_arn" {
  description = "Topic of all alerts and alarms."
  value       = aws_sns_topic.alerts.arn
}

output "tie_out_function_name" {
  description = "Invoke it to compare a month in Odoo with QuickBooks"
  value       = aws_lambda_function.this["odoo-qb-tie-out"].function_name
}

# A check block would be a warning of Terraform's own, but needs 1.5; 1.0 must do.
output "warnings" {
  description = "What is allowed and probably not meant, in sentences; empty: nothing."
  value = concat(
    var.odoo_api_url == "https://scalemedia.odoo.com" ? ["odoo_api_url is the default, https://scalemedia.odoo.com, which is somebody's server: set your own."] : [],
    nonsensitive(var.slack_webhook_url != "") ? ["slack_webhook_url is deprecated, because Terraform keeps it in its state: run `./oqb connect --slack`, then remove it."] : [],
    nonsensitive(var.odoo_api_key != "") ? ["odoo_api_key is deprecated, because Terraform keeps it in its state: run `./oqb connect --order-sync-key`, then remove it."] : [],
  )
}
