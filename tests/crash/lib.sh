# SPDX-License-Identifier: ISC
# lib.sh: one part of tests/crash/run in its short form, as TAP.
crash() { # crash PART
	_here=$(dirname "$0")
	exec timeout -k 20 "${LIMIT_CRASH:-900}" python3 "$_here/run" --quick \
	    --tap --build "${B:-build}" --only "$1"
}
