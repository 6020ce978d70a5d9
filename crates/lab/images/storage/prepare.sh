#!/bin/sh
# prepare.sh CONTEXT IMAGES: installs the S3 service from the Python index into CONTEXT/moto, for Debian 12's Python.
set -eu
python3 -m pip install --quiet --disable-pip-version-check --only-binary :all: --python-version 3.11 \
  --target "$1/moto" 'moto[server,s3,iam]==5.2.5'
find "$1/moto" -name __pycache__ -prune -exec rm -rf {} +
