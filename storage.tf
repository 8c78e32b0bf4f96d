# What is kept: documents in the bucket, entries and orders in tables, credentials in secrets.

# ---------------------------------------------------------------------------------------------------------------------
# Documents: one bucket. pending/ is outstanding work, posted/ is the archive, documents/ what was read, config/ the mapping.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_s3_bucket" "documents" {
  #checkov:skip=CKV_AWS_18:Access is by two roles of permissions.tf only; var.audit_trail_enabled records every access where an auditor asks.
  #checkov:skip=CKV_AWS_144:Odoo holds every document; a second region would only double the places to protect.
  #checkov:skip=CKV_AWS_145:The requirement is SSE-S3; a customer key would add a cost and a way to lose access.
  bucket        = "odoo-qb-invoices-${var.environment}-${local.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "documents" {
  bucket = aws_s3_bucket.documents.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "documents" {
  bucket = aws_s3_bucket.documents.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "documents" {
  bucket = aws_s3_bucket.documents.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "documents" {
  bucket = aws_s3_bucket.documents.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Only what is posted ages. Nothing here ever removes a current object under pending/, documents/ or config/.
# The archive's class answers at once: a rebuild reads every PDF, and an auditor any. S3 leaves files below 128 kB in the
# standard class, where they cost less than archiving them would.
resource "aws_s3_bucket_lifecycle_configuration" "documents" {
  bucket = aws_s3_bucket.documents.id

  rule {
    id     = "archive-posted"
    status = "Enabled"

    filter {
      prefix = "posted/"
    }

    transition {
      days          = 90
      storage_class = "GLACIER_IR"
    }

    expiration {
      days = 2555 # seven years, as long as books are kept
    }
  }

  # A replaced or deleted object can be brought back for a while; its delete marker goes when no version is left.
  rule {
    id     = "tidy-up"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = var.object_version_retention_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.documents]
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid     = "DenyWithoutTls"
    effect  = "Deny"
    actions = ["s3:*"]
    resources = [
      aws_s3_bucket.documents.arn,
      "${aws_s3_bucket.documents.arn}/*",
    ]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "documents" {
  bucket = aws_s3_bucket.documents.id
  policy = data.aws_iam_policy_document.bucket.json

  # Two changes to a bucket's access at once conflict.
  depends_on = [aws_s3_bucket_public_access_block.documents]
}

resource "aws_s3_object" "mapping" {
  #checkov:skip=CKV_AWS_186:The requirement is SSE-S3, which the bucket applies; see aws_s3_bucket.documents.
  count = var.mapping_file == "" ? 0 : 1

  bucket       = aws_s3_bucket.documents.id
  key          = "config/mapping.toml"
  source       = var.mapping_file
  source_hash  = filesha256(var.mapping_file)
  content_type = "application/toml"

  depends_on = [aws_s3_bucket_versioning.documents, aws_s3_bucket_server_side_encryption_configuration.documents]
}

# ---------------------------------------------------------------------------------------------------------------------
# Tables: the tracking table is the work list and the guard against posting twice.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_dynamodb_table" "tracking" {
  #checkov:skip=CKV_AWS_119:Encrypted with DynamoDB's own key; a customer key would add a cost and a way to lose access.
  name                        = "odoo-qb-invoices-${var.environment}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "entry_id"
  deletion_protection_enabled = var.deletion_protection_enabled

  attribute {
    name = "entry_id"
    type = "S"
  }

  attribute {
    name = "status"
    type = "S"
  }

  attribute {
    name = "company"
    type = "S"
  }

  global_secondary_index {
    name            = "status-index"
    hash_key        = "status"
    projection_type = "ALL"
  }

  global_secondary_index {
    name            = "company-status-index"
    hash_key        = "company"
    range_key       = "status"
    projection_type = "ALL"
  }

  # Set only on what may be forgotten: an entry that guards against a second posting has no expires_at.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

resource "aws_dynamodb_table" "sale_orders" {
  #checkov:skip=CKV_AWS_119:Encrypted with DynamoDB's own key; a customer key would add a cost and a way to lose access.
  name                        = "odoo-sale-orders-${var.environment}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "order_name"
  range_key                   = "order_id"
  deletion_protection_enabled = var.deletion_protection_enabled

  attribute {
    name = "order_name"
    type = "S"
  }

  attribute {
    name = "order_id"
    type = "S"
  }

  # Where the items of an order's former names are found.
  dynamic "global_secondary_index" {
    for_each = var.order_sync_history_enabled ? ["order-id-index"] : []
    content {
      name            = global_secondary_index.value
      hash_key        = "order_id"
      projection_type = "KEYS_ONLY"
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

# ---------------------------------------------------------------------------------------------------------------------
# Secrets: the containers only. Values are put in out of band and never reach the state; the poster rotates its own.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_secretsmanager_secret" "odoo" {
  #checkov:skip=CKV_AWS_149:Encrypted with the account's own key for secrets; a customer key would add a way to lose access.
  #checkov:skip=CKV2_AWS_57:Odoo's password is changed in Odoo by a person; AWS cannot rotate it.
  name                    = "odoo-qb-integration/odoo-credentials-${var.environment}"
  description             = "Odoo: {\"database\", \"username\", \"password\"}"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret" "quickbooks" {
  #checkov:skip=CKV_AWS_149:Encrypted with the account's own key for secrets; a customer key would add a way to lose access.
  #checkov:skip=CKV2_AWS_57:Intuit rotates the refresh token, and the poster writes the new one back.
  name                    = "odoo-qb-integration/quickbooks-credentials-${var.environment}"
  description             = "QuickBooks: {\"client_id\", \"client_secret\", \"refresh_token\", \"realm_ids\"}"
  recovery_window_in_days = var.secret_recovery_days
}
