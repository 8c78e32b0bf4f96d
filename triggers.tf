# What wakes the functions: the schedules of their rows in main.tf, and a PDF that is stored.

# ---------------------------------------------------------------------------------------------------------------------
# Schedules
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_event_rule" "schedule" {
  for_each = local.schedules

  name                = "${each.key}-${var.environment}"
  description         = each.value.description
  schedule_expression = each.value.expression
  state               = each.value.enabled ? "ENABLED" : "DISABLED"
}

resource "aws_cloudwatch_event_target" "schedule" {
  for_each = local.schedules

  rule      = aws_cloudwatch_event_rule.schedule[each.key].name
  target_id = each.value.function
  arn       = aws_lambda_function.this[each.value.function].arn
  input     = jsonencode(each.value.input)
}

resource "aws_lambda_permission" "schedule" {
  for_each = local.schedules

  statement_id  = "AllowSchedule-${each.key}" # two of one function may not share an id
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.value.function].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[each.key].arn
}

# ---------------------------------------------------------------------------------------------------------------------
# Events: a PDF in pending/ wakes the poster.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_lambda_permission" "bucket" {
  statement_id   = "AllowDocumentsBucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this["qb-poster"].function_name
  principal      = "s3.amazonaws.com"
  source_account = local.account_id # a bucket's ARN does not name its account, and a deleted name can be taken by others
  source_arn     = aws_s3_bucket.documents.arn
}

resource "aws_s3_bucket_notification" "pending" {
  bucket = aws_s3_bucket.documents.id

  # Posted PDFs move out of pending/, so the poster never wakes itself.
  lambda_function {
    id                  = "pending-pdf"
    lambda_function_arn = aws_lambda_function.this["qb-poster"].arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = "pending/"
    filter_suffix       = ".pdf"
  }

  depends_on = [aws_lambda_permission.bucket]
}
