# The same image without a cloud: QEMU boots a disk that is there already, Ansible hardens it over ssh.
# 'tox -e packer' gives the variables (inventory/packer.yml). Written for Packer 1.6 and later, without plugins.
variable "disk" {
  type        = string
  description = "Raw disk to start from; it lets 'user' in by 'key' and asks for its address by DHCP."
}

variable "kernel" {
  type        = string
  description = "Kernel of that disk, which has no boot loader."
}

variable "initrd" {
  type        = string
  description = "Initial RAM disk of that kernel."
}

variable "user" {
  type        = string
  description = "Account of this build with sudo and no password; it is removed at the end."
}

variable "key" {
  type        = string
  description = "Private key of 'user'; the cleanup role removes its public half from the image."
}

variable "output" {
  type        = string
  description = "Folder that is made for the disk."
}

variable "console" {
  type        = string
  description = "File that the machine's console is written to."
}

source "qemu" "debian" {
  accelerator          = "none"
  iso_url              = var.disk
  iso_checksum         = "none"
  disk_image           = true
  format               = "raw"
  disk_interface       = "virtio"
  skip_resize_disk     = true
  headless             = true
  memory               = 1024
  boot_wait            = "1s"
  vm_name              = "disk.raw"
  output_directory     = var.output
  ssh_username         = var.user
  ssh_private_key_file = var.key
  ssh_timeout          = "15m"
  shutdown_timeout     = "10m"
  shutdown_command     = "sudo sh -c 'rm /etc/sudoers.d/${var.user}; userdel --remove --force ${var.user}; systemctl poweroff'"
  qemuargs = [
    ["-accel", "tcg,thread=multi"],
    ["-cpu", "max"],
    ["-smp", "2"],
    ["-kernel", var.kernel],
    ["-initrd", var.initrd],
    ["-append", "root=/dev/vda1 rw console=ttyS0"],
    ["-serial", "file:${var.console}"],
  ]
}

build {
  sources = ["source.qemu.debian"]

  provisioner "ansible" {
    playbook_file   = "ansible/site.yml"
    extra_arguments = ["--become"]
    user            = var.user

    # The proxy of Packer 1.6 has an RSA key only, and its sftp fails today's clients: files go through a pipe.
    # Pipelining: a step is one command on the machine, not three.
    ansible_env_vars = [
      "ANSIBLE_HOST_KEY_CHECKING=False",
      "ANSIBLE_PIPELINING=True",
      "ANSIBLE_SSH_TRANSFER_METHOD=piped",
      "ANSIBLE_SSH_ARGS=-o HostKeyAlgorithms=+ssh-rsa -o PubkeyAcceptedAlgorithms=+ssh-rsa -o ControlMaster=no",
    ]
  }
}
