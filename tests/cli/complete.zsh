# SPDX-License-Identifier: GPL-2.0-only
# Read by an interactive zsh of a pseudo terminal, with $OUT and $FPATH_ADD set. Ctrl-T completes
# what has been typed and writes what compadd was given, a line each, to $OUT; "." ends it.
fpath=($FPATH_ADD $fpath)
autoload -U compinit && compinit -u -D
zstyle ':completion:*' list-separator ''
LISTMAX=10000
compadd() {
	# Calls that fill arrays are the completion system's own.
	if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
		builtin compadd "$@"
		return
	fi
	local -a hits
	builtin compadd -A hits "$@"
	(( $#hits )) && print -rl -- $hits >>$OUT
	builtin compadd "$@"
}
capture() {
	zle list-choices
	print -r -- . >>$OUT
	BUFFER=
}
zle -N capture
bindkey '^T' capture
print -r -- . >>$OUT
