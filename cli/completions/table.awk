# SPDX-License-Identifier: GPL-2.0-only
# Help texts in, a table out, columns parted by tabs:
#   command NAME OPERAND SUMMARY        OPERAND: file, load (a command after --) or none
#   option COMMAND LETTER NAME KIND VALUES HELP
# KIND is how the argument completes: flag, words (VALUES), dir, file (VALUES: a suffix or nothing),
# metric (METRIC=HOOK) or text, of which nothing is known.

/^Usage: vnetdx COMMAND/ { overview = 1; next }

/^Usage: vnetdx / {
	overview = 0
	command = $3
	operand = "none"
	if (/ INPUT/)
		operand = "file"
	if (/-- COMMAND/)
		operand = "load"
	print "command", command, operand, summaries[command]
	next
}

overview && /^  [a-z]+ / {
	name = $1
	sub(/^ *[a-z]+ */, "")
	summaries[name] = $0
}

# "a, b or c", also behind a colon, is a list of values.
function values_of(help) {
	sub(/^.*: /, "", help)
	if (help !~ /^[a-z][a-z-]*(, [a-z][a-z-]*)* or [a-z][a-z-]*$/)
		return ""
	gsub(/, | or /, " ", help)
	return help
}

# The lower-case words of an argument's name: "search" of TIME|search.
function literals(arg,    i, n, part, found) {
	n = split(arg, part, "|")
	for (i = 1; i <= n; i++)
		if (part[i] ~ /^[a-z-]+$/)
			found = found (found ? " " : "") part[i]
	return found
}

function describe(arg, help) {
	kind = "text"
	values = values_of(help)
	if (arg == "")
		kind = "flag"
	else if (values != "" || (values = literals(arg)) != "")
		kind = "words"
	else if (arg == "DIR")
		kind = "dir"
	else if (arg ~ /^(REC|FILE)/) {
		kind = "file"
		values = arg
		sub(/^[A-Z]*/, "", values)
	} else if (arg ~ /^METRIC=/) {
		kind = "metric"
		values = "handle_tx= handle_rx= vcpu_enter= vcpu_halt="
	}
	if (kind == "flag")
		values = ""
}

/^  (-.,|   ) --/ && !overview {
	letter = substr($0, 3, 1) == "-" ? substr($0, 4, 1) : ""
	rest = substr($0, 9)
	name = rest
	sub(/ .*/, "", name)
	rest = substr(rest, length(name) + 1)
	arg = ""
	# An argument is one blank away, the help of a flag at least two.
	if (match(rest, /^ [^ ]+/)) {
		arg = substr(rest, 2, RLENGTH - 1)
		rest = substr(rest, RLENGTH + 1)
	}
	sub(/^ +/, "", rest)
	sub(/;$/, "", rest)
	describe(arg, rest)
	print "option", command, letter, name, kind, values, rest
}

BEGIN { OFS = "\t" }
