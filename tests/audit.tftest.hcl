# The trail of an auditor, applied to a mocked provider: what refers to what is known only then.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::a-bucket"
    }
  }

  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn = "arn:aws:dynamodb:us-west-2:123456789012:table/a-table"
    }
  }

  mock_resource "aws_sns_topic" {
    defaults = {
      arn = "arn:aws:sns:us-west-2:123456789012:a-topic"
    }
  }

  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:us-west-2:123456789012:a-queue"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/a-role"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn = "arn:aws:lambda:us-west-2:123456789012:function:a-function"
    }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = {
      arn = "arn:aws:events:us-west-2:123456789012:rule/a-rule"
    }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = {
      arn = "arn:aws:secretsmanager:us-west-2:123456789012:secret:a-secret"
    }
  }
}

run "audit_trail" {
  command = apply

  variables {
    alert_email                = "accounting@example.com"
    audit_trail_enabled        = true
    audit_trail_retention_days = 365
  }

  assert {
    condition = {
      for selector in one(aws_cloudtrail.audit).advanced_event_selector :
      join(" ", flatten([for field in selector.field_selector : field.equals if field.field == "resources.type"])) =>
      join(" ", flatten([
        for field in selector.field_selector :
        [for values in [field.equals, field.starts_with] : values if values != null] if field.field == "resources.ARN"
      ]))
      } == {
      "AWS::S3::Object"      = "arn:aws:s3:::a-bucket/"
      "AWS::DynamoDB::Table" = "arn:aws:dynamodb:us-west-2:123456789012:table/a-table arn:aws:dynamodb:us-west-2:123456789012:table/a-table"
    }
    error_message = "The trail records the objects of the bucket and the items of both tables."
  }

  assert {
    condition = alltrue([
      for selector in one(aws_cloudtrail.audit).advanced_event_selector :
      contains(flatten([for field in selector.field_selector : field.equals if field.field == "eventCategory"]), "Data")
    ])
    error_message = "The trail records data events."
  }

  assert {
    condition     = one(aws_cloudtrail.audit).s3_bucket_name == one(aws_s3_bucket.audit).id && one(aws_cloudtrail.audit).enable_logging != false
    error_message = "The trail is on, and its files go to its own bucket."
  }

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.audit[0].statement : join(" ", concat(
        [coalesce(statement.effect, "Allow")],
        tolist(statement.actions),
        flatten([for principal in statement.principals : tolist(principal.identifiers)]),
        flatten([for condition in statement.condition : [condition.test, condition.variable]]),
        [for resource in statement.resources : replace(resource, "arn:aws:s3:::a-bucket", "")],
      ))
      ] == [
      "Allow s3:GetBucketAcl cloudtrail.amazonaws.com StringEquals aws:SourceArn ",
      "Allow s3:PutObject cloudtrail.amazonaws.com StringEquals aws:SourceArn /AWSLogs/123456789012/*",
      "Deny s3:* * Bool aws:SecureTransport  /*",
    ]
    error_message = "CloudTrail may write there for this trail alone, and nobody without TLS."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.audit).rule != null && one(one(aws_s3_bucket_server_side_encryption_configuration.audit).rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "Its bucket is encrypted."
  }

  assert {
    condition = alltrue([
      one(aws_s3_bucket_public_access_block.audit).block_public_acls,
      one(aws_s3_bucket_public_access_block.audit).block_public_policy,
      one(aws_s3_bucket_public_access_block.audit).ignore_public_acls,
      one(aws_s3_bucket_public_access_block.audit).restrict_public_buckets,
      one(aws_s3_bucket_ownership_controls.audit).rule[0].object_ownership == "BucketOwnerEnforced",
      one(aws_s3_bucket_policy.audit).bucket == one(aws_s3_bucket.audit).id,
    ])
    error_message = "Its bucket is closed to the public, and the account owns every object."
  }

  assert {
    condition = alltrue([
      for rule in one(aws_s3_bucket_lifecycle_configuration.audit).rule :
      rule.expiration[0].days == 365 && rule.noncurrent_version_expiration[0].noncurrent_days == 365
    ])
    error_message = "A file of the trail, and each of its versions, is kept as long as asked."
  }
}
