# SPDX-License-Identifier: GPL-2.0-only
# complete.fish COMPLETION: as complete.bash, with fish's own complete -C.
source $argv[1]
while read -l line
    set -l words (complete -C "$line" | string replace -r '\t.*' '')
    string join \t -- $words; or test (count $words) -eq 1; or echo
end
