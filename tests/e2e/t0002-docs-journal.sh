#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it compares texts
# The journal's codes: where they are written, in journal(8) and in PROTOCOL.
. "$(dirname "$0")/lib.sh"
python3 "$(dirname "$0")/docs.py" journal
