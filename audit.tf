# Who did it: an optional trail of every access to documents, entries and orders. Off by default, because AWS charges for it:
# $0.10 per 100,000 events in most regions. The functions themselves cause about ten a document and five a minute, so
# 10,000 documents a month are about 300,000 events, $0.30; and the files of the trail in S3, some cents.

locals {
  audit_trail_name = "odoo-qb-audit-${var.environment}"
  audit_trail_arn  = "arn:${data.aws_partition.current.partition}:cloudtrail:${var.aws_region}:${local.account_id}:trail/${local.audit_trail_name}"
}

resource "aws_s3_bucket" "audit" {
  #checkov:skip=CKV_AWS_18:It is the log of access; a log of access to it would have no end.
  #checkov:skip=CKV_AWS_144:CloudTrail's own history of management events is in every region; data events are an extra.
  #checkov:skip=CKV_AWS_145:Encrypted with SSE-S3 as the documents are; a customer key would add a way to lose access.
  #checkov:skip=CKV2_AWS_62:Nobody waits for a file of the trail.
  count = var.audit_trail_enabled ? 1 : 0

  bucket        = "odoo-qb-audit-${var.environment}-${local.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "audit" {
  count = var.audit_trail_enabled ? 1 : 0

  bucket = aws_s3_bucket.audit[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "audit" {
  count = var.audit_trail_enabled ? 1 : 0

  bucket = aws_s3_bucket.audit[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "audit" {
  count = var.audit_trail_enabled ? 1 : 0

  bucket = aws_s3_bucket.audit[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "audit" {
  count = var.audit_trail_enabled ? 1 : 0

  bucket = aws_s3_bucket.audit[0].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "audit" {
  count = var.audit_trail_enabled ? 1 : 0

  bucket = aws_s3_bucket.audit[0].id

  rule {
    id     = "keep-as-long-as-asked"
    status = "Enabled"

    filter {}

    expiration {
      days = var.audit_trail_retention_days
    }

    noncurrent_version_expiration {
      noncurrent_days = var.audit_trail_retention_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.audit]
}

data "aws_iam_policy_document" "audit" {
  count = var.audit_trail_enabled ? 1 : 0

  statement {
    sid       = "AllowTrailToLook"
    actions   = ["s3:GetBucketAcl"]
    resources = [aws_s3_bucket.audit[0].arn]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.audit_trail_arn]
    }
  }

  statement {
    sid       = "AllowTrailToWrite"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.audit[0].arn}/AWSLogs/${local.account_id}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.audit_trail_arn]
    }
  }

  statement {
    sid     = "DenyWithoutTls"
    effect  = "Deny"
    actions = ["s3:*"]
    resources = [
      aws_s3_bucket.audit[0].arn,
      "${aws_s3_bucket.audit[0].arn}/*",
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

resource "aws_s3_bucket_policy" "audit" {
  count = var.audit_trail_enabled ? 1 : 0

  bucket = aws_s3_bucket.audit[0].id
  policy = data.aws_iam_policy_document.audit[0].json

  # Two changes to a bucket's access at once conflict.
  depends_on = [aws_s3_bucket_public_access_block.audit]
}

resource "aws_cloudtrail" "audit" {
  #checkov:skip=CKV_AWS_35:Encrypted with SSE-S3 as the documents are; a customer key would add a way to lose access.
  #checkov:skip=CKV_AWS_67:Everything it records is in one region.
  #checkov:skip=CKV_AWS_252:Nobody waits for a file of the trail.
  #checkov:skip=CKV2_AWS_10:An auditor reads it with Athena; in CloudWatch it would cost five times as much.
  count = var.audit_trail_enabled ? 1 : 0

  name                          = local.audit_trail_name
  s3_bucket_name                = aws_s3_bucket.audit[0].id
  enable_log_file_validation    = true
  include_global_service_events = false

  advanced_event_selector {
    name = "Objects of the documents"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }

    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }

    field_selector {
      field       = "resources.ARN"
      starts_with = ["${aws_s3_bucket.documents.arn}/"]
    }
  }

  advanced_event_selector {
    name = "Items of the tables"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }

    field_selector {
      field  = "resources.type"
      equals = ["AWS::DynamoDB::Table"]
    }

    field_selector {
      field  = "resources.ARN"
      equals = [aws_dynamodb_table.tracking.arn, aws_dynamodb_table.sale_orders.arn]
    }
  }

  depends_on = [aws_s3_bucket_policy.audit]
}
