# The image on EC2. Packer makes a key pair and a security group of its own and removes both at the end.
variable "vpc_id" {
  type = string
}

variable "subnet_id" {
  type = string
}

locals {
  tags = {
    System      = "ami-builder"
    Environment = "tooling"
    Owner       = "platform"
    CostCenter  = "4100"
  }
}

source "amazon-ebs" "al2023" {
  ami_name                  = "hardened-al2023-{{timestamp}}"
  instance_type             = "t3.small"
  vpc_id                    = var.vpc_id
  subnet_id                 = var.subnet_id
  encrypt_boot              = true
  imds_support              = "v2.0"
  ssh_username              = "ec2-user"
  ssh_clear_authorized_keys = true
  temporary_key_pair_type   = "ed25519"
  tags                      = local.tags
  run_tags                  = local.tags
  run_volume_tags           = local.tags
  snapshot_tags             = local.tags

  source_ami_filter {
    owners      = ["amazon"]
    most_recent = true
    filters = {
      name                = "al2023-ami-2023.*-x86_64"
      virtualization-type = "hvm"
      root-device-type    = "ebs"
    }
  }

  metadata_options {
    http_tokens                 = "required"
    http_endpoint               = "enabled"
    http_put_response_hop_limit = 1
  }
}

build {
  sources = ["source.amazon-ebs.al2023"]

  provisioner "ansible" {
    playbook_file   = "ansible/site.yml"
    extra_arguments = ["--become"]
  }

  post-processor "manifest" {
    output = "manifest.json"
  }
}
