# The same image without a cloud: QEMU boots a disk that is there already, Ansible hardens it over ssh.
variable "disk" {
  type        = string
  description = "Raw disk to start from; it must boot by itself and let 'user' in by 'key'."
}

variable "user" {
  type    = string
  default = "builder"
}

variable "key" {
  type        = string
  description = "Private key of 'user'; the cleanup role removes its public half from the image."
}

variable "output" {
  type    = string
  default = "output"
}

source "qemu" "debian" {
  accelerator          = "none"
  iso_url              = var.disk
  iso_checksum         = "none"
  disk_image           = true
  format               = "raw"
  headless             = true
  memory               = 1024
  output_directory     = var.output
  ssh_username         = var.user
  ssh_private_key_file = var.key
  ssh_timeout          = "15m"
  shutdown_command     = "sudo poweroff"
}

build {
  sources = ["source.qemu.debian"]

  provisioner "ansible" {
    playbook_file   = "ansible/site.yml"
    extra_arguments = ["--become"]
    user            = var.user
  }
}
