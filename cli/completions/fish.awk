# SPDX-License-Identifier: GPL-2.0-only
function quote(text) {
	gsub(/\\/, "\\\\", text)
	gsub(/'/, "\\'", text)
	return "'" text "'"
}

BEGIN {
	print "# Completion of vnetdx for fish, made from its --help.\n"
	print "# The command that has been typed is $argv, and no \"--\" after it."
	print "function __vnetdx_in"
	print "    set -l words (commandline -opc)"
	print "    test (count $words) -ge 2; and test $words[2] = $argv[1]; and not contains -- -- $words"
	print "end\n"
	print "# The load after \"--\": completed as the command line that it is."
	print "function __vnetdx_load"
	print "    set -l words (commandline -opc)"
	print "    set -l at (contains -i -- -- $words); or return"
	print "    complete -C \"\"(string join ' ' -- (string escape -- $words[(math $at + 1)..] (commandline -ct)))"
	print "end\n"
	print "function __vnetdx_after_dashes"
	print "    set -l words (commandline -opc)"
	print "    test (count $words) -ge 2; and test $words[2] = $argv[1]; and contains -- -- $words"
	print "end\n"
	print "complete -c vnetdx -f"
	print "complete -c vnetdx -n __fish_use_subcommand -l help -d 'what there is'"
	print "complete -c vnetdx -n __fish_use_subcommand -l version -d 'the version'"
}

$1 == "command" {
	print "\ncomplete -c vnetdx -n __fish_use_subcommand -a " $2 " -d " quote($4)
	if ($3 == "load")
		print "complete -c vnetdx -n '__vnetdx_after_dashes " $2 "' -a '(__vnetdx_load)'"
	if ($3 == "file")
		print "complete -c vnetdx -n '__vnetdx_in " $2 "' -F"
}

$1 == "option" {
	line = "complete -c vnetdx -n '__vnetdx_in " $2 "' -l " $4 ($3 ? " -s " $3 : "")
	if ($5 == "words" || $5 == "metric")
		line = line " -x -a '" $6 "'"
	else if ($5 == "dir")
		line = line " -x -a '(__fish_complete_directories)'"
	else if ($5 == "file")
		line = line ($6 ? " -x -k -a '(__fish_complete_suffix " $6 ")'" : " -r -F")
	else if ($5 == "text")
		line = line " -x"
	print line " -d " quote($7)
}
