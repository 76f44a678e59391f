# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of aiproxyctl for bash. The program itself knows what may come next.

_aiproxyctl () {
  local line=${COMP_LINE:0:COMP_POINT} typed before word
  local -a words
  # COMP_WORDS takes "KEY=VALUE" and "ALIAS@PROVIDER" apart, so the line is split here.
  read -ra words <<<"$line"
  [[ $line != *[[:blank:]] ]] || words+=('')
  typed=${words[-1]}
  # bash replaces only what stands behind the last character at which it takes words apart.
  before=${typed%"${typed##*["$COMP_WORDBREAKS"]}"}

  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    COMPREPLY+=("${word#"$before"}")
  done < <("${COMP_WORDS[0]}" __complete "${words[@]:1}" 2>/dev/null)
  [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=:] ]] || compopt -o nospace 2>/dev/null
  return 0
}

complete -F _aiproxyctl aiproxyctl
