#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it compares texts
# Options, exit codes, descriptors and promises: programs, pages and SECURITY.
. "$(dirname "$0")/lib.sh"
python3 "$(dirname "$0")/docs.py" programs "$B"
