#!/usr/bin/env bash
# Prints the id of the image that a build log (or Packer's manifest beside it) names, and puts the event that
# announces it. Without an id it says so and fails: post_build runs after a failed build, too.
set -euo pipefail
log=${1:?usage: announce.sh build.log}
id=$(grep -Eo '\bami-([0-9a-f]{17}|[0-9a-f]{8})\b' "$log" | tail -n 1 || true)
if [ -z "$id" ] || [ "${CODEBUILD_BUILD_SUCCEEDING:-1}" != 1 ]; then
  echo "no image was built: $log names none" >&2
  exit 1
fi
entry=$(printf '[{"Source": "com.ami.builder", "DetailType": "AmiBuilder", "Resources": ["%s"], "Detail": "{\\"AmiStatus\\": \\"Created\\"}"}]' "$id")
failed=$(aws events put-events --entries "$entry" --query FailedEntryCount --output text)
if [ "$failed" != 0 ]; then
  echo "the event of image $id was not taken" >&2
  exit 1
fi
echo "$id"
