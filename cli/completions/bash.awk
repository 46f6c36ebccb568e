# SPDX-License-Identifier: GPL-2.0-only
$1 == "command" {
	names[++n] = $2
	operand[$2] = $3
}

$1 == "option" {
	keys = "--" $4 ($3 ? "|-" $3 : "")
	options[$2] = options[$2] " --" $4 ($3 ? " -" $3 : "")
	if ($5 == "words" || $5 == "metric")
		action = "_vnetdx_words \"" $6 "\""
	else if ($5 == "dir")
		action = "_vnetdx_files -d"
	else if ($5 == "file")
		action = "_vnetdx_files -f \"" $6 "\""
	else {
		if ($5 == "text")
			texts[$2] = texts[$2] (texts[$2] ? "|" : "") keys
		next
	}
	cases[$2] = cases[$2] "\t\t" keys ")\n\t\t\t" action "\n\t\t\treturn\n\t\t\t;;\n"
}

END {
	for (i = 1; i <= n; i++)
		all = all names[i] " "
	print "# Completion of vnetdx for bash, made from its --help.\n"
	print "_vnetdx_words()\n{"
	print "\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")"
	print "\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null\n\treturn 0\n}\n"
	print "# Folders, and with -f files whose names end in $2."
	print "_vnetdx_files()\n{\n\tlocal name"
	print "\tcompopt -o filenames 2>/dev/null"
	print "\twhile IFS= read -r name; do"
	print "\t\t[[ -d $name || ( $1 == -f && $name == *\"${2-}\" ) ]] && COMPREPLY+=(\"$name\")"
	print "\tdone < <(compgen -f -- \"$cur\")\n\treturn 0\n}\n"
	print "# The load after \"--\", whose first word is COMP_WORDS[$1]."
	print "_vnetdx_load()\n{"
	print "\tif declare -F _command_offset >/dev/null; then\n\t\t_command_offset \"$1\""
	print "\telif ((COMP_CWORD == $1)); then\n\t\tmapfile -t COMPREPLY < <(compgen -c -- \"$cur\")"
	print "\telse\n\t\t_vnetdx_files -f\n\tfi\n}\n"
	print "_vnetdx()\n{"
	print "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i load= options= files="
	print "\tCOMPREPLY=()"
	print "\tif ((COMP_CWORD == 1)); then\n\t\t_vnetdx_words \"" all "--help --version\"\n\t\treturn\n\tfi"
	print "\t# \"--name=value\" comes as three words."
	print "\tif [[ $cur == = ]]; then\n\t\tcur=\n\telif [[ $prev == = ]]; then\n\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n\tfi"
	print "\tfor ((i = 2; i < COMP_CWORD; i++)); do"
	print "\t\tif [[ ${COMP_WORDS[i]} == -- ]]; then\n\t\t\tload=$((i + 1))\n\t\t\tbreak\n\t\tfi\n\tdone"
	print "\tcase ${COMP_WORDS[1]} in"
	for (i = 1; i <= n; i++) {
		c = names[i]
		print "\t" c ")"
		if (operand[c] == "load")
			print "\t\tif [[ $load ]]; then\n\t\t\t_vnetdx_load \"$load\"\n\t\t\treturn\n\t\tfi"
		if (texts[c])
			cases[c] = cases[c] "\t\t" texts[c] ")\n\t\t\treturn\n\t\t\t;;\n"
		if (cases[c])
			printf "\t\tcase $prev in\n%s\t\tesac\n", cases[c]
		if (operand[c] == "file")
			print "\t\tfiles=1"
		print "\t\toptions=\"" substr(options[c], 2) "\"\n\t\t;;"
	}
	print "\tesac"
	print "\tif [[ $load ]]; then\n\t\t:\n\telif [[ $cur == -* ]] || [[ ! $files ]]; then\n\t\t_vnetdx_words \"$options\"\n\t\treturn\n\tfi"
	print "\t[[ $files ]] && _vnetdx_files -f\n\treturn 0\n}"
	print "complete -F _vnetdx vnetdx"
}
