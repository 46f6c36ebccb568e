# SPDX-License-Identifier: GPL-2.0-only
# Text within single quotes of a shell, and of _arguments' brackets or _describe's colons.
function quote(text) {
	gsub(/\\/, "\\\\", text)
	gsub(/[\[\]:]/, "\\\\&", text)
	gsub(/'/, "'\\''", text)
	return text
}

$1 == "command" {
	names[++n] = $2
	operand[$2] = $3
	list = list "\n\t\t'" $2 ":" quote($4) "'"
}

$1 == "option" {
	help = "[" quote($7) "]"
	if ($5 == "words")
		action = ":value:(" $6 ")"
	else if ($5 == "metric")
		action = ":METRIC=HOOK:_vnetdx_metrics"
	else if ($5 == "dir")
		action = ":folder:_files -/"
	else if ($5 == "file")
		action = ":file:_files" ($6 ? " -g \"*" $6 "(-.)\"" : "")
	else if ($5 == "text")
		action = ":value: "
	else
		action = ""
	specs[$2] = specs[$2] " \\\n\t\t\t'*--" $4 help action "'"
	if ($3)
		specs[$2] = specs[$2] " \\\n\t\t\t'*-" $3 help action "'"
	if ($5 == "metric")
		metrics = $6
}

END {
	print "#compdef vnetdx"
	print "# Completion of vnetdx for zsh, made from its --help.\n"
	print "_vnetdx_metrics() {\n\tcompadd -S '' -- " metrics "\n}\n"
	print "_vnetdx() {"
	print "\tlocal -a offered"
	print "\tlocal context state state_descr line dashes"
	print "\ttypeset -A opt_args"
	print "\toffered=(" list "\n\t)"
	print "\tif (( CURRENT == 2 )); then"
	print "\t\t_describe -t commands 'vnetdx command' offered"
	print "\t\t_arguments '--help[what there is]' '--version[the version]'\n\t\treturn\n\tfi"
	print "\tshift words\n\t(( CURRENT-- ))"
	print "\tdashes=${words[(i)--]}"
	print "\tcase $words[1] in"
	for (i = 1; i <= n; i++) {
		c = names[i]
		print "\t" c ")"
		if (operand[c] == "load") {
			print "\t\tif (( dashes < CURRENT )); then"
			print "\t\t\tshift $dashes words\n\t\t\t(( CURRENT -= dashes ))\n\t\t\t_normal\n\t\t\treturn\n\t\tfi"
		}
		print "\t\t_arguments -s -S" specs[c] (operand[c] == "file" ? " \\\n\t\t\t'*:input:_files'" : "")
		print "\t\t;;"
	}
	print "\tesac\n}\n\n_vnetdx \"$@\""
}
