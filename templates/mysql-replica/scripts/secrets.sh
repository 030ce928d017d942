#!/bin/bash
# Fetches what the replica needs to be let in: both users from Secrets Manager, the authority of RDS's certificates.
# usage: secrets.sh ADMIN_SECRET_ARN REPLICATION_SECRET_ARN
set -euo pipefail
umask 077
folder=/etc/mysql/replica
bundle=https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem

curl --fail --silent --show-error --output "$folder/ca.pem" "$bundle"
chmod 644 "$folder/ca.pem"
for name in admin replication; do
  aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text |
    jq --raw-output --arg ca "$folder/ca.pem" \
      '"[client]\nuser=\(.username)\npassword=\"\(.password)\"\nssl-ca=\($ca)\nssl-verify-server-cert"' \
      > "$folder/$name.cnf"
  shift
done
