# SPDX-License-Identifier: GPL-2.0-only
# complete.bash COMPLETION: each line of standard input is a command line up to the cursor; prints
# what bash would offer there, parted by tabs.
# $2, where it is given, is bash-completion itself. What compopt tunes needs a real line editor.
[[ ${2-} ]] && . "$2"
. "$1"
compopt() { :; }
while IFS= read -r COMP_LINE; do
	COMP_POINT=${#COMP_LINE}
	# As bash parts words: at blanks and at "=".
	line=${COMP_LINE//=/ = }
	read -ra COMP_WORDS <<<"$line"
	[[ $line == *' ' && $COMP_LINE != *= ]] && COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_vnetdx vnetdx "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	(IFS=$'\t' && echo "${COMPREPLY[*]}")
done
