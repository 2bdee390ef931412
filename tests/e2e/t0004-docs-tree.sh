#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it compares texts
# Links, pages, the figure, settings; and words that do not belong here.
. "$(dirname "$0")/lib.sh"
make_home
python3 "$(dirname "$0")/docs.py" tree "$B" "$H"
