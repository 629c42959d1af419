# Completion for btfkit in bash, made by `btfkit completion bash`.
_btfkit() {
  local current=${COMP_WORDS[COMP_CWORD]} head line
  local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  {
    IFS= read -r head || return
    while IFS= read -r line; do
      line=${line%%$'\t'*}
      [[ $line == --*=* && $current != --* ]] && line=${line#*=} # bash splits words at "="
      COMPREPLY+=("$(printf '%q' "$line")")
    done
  } < <("${COMP_WORDS[0]}" completion answer -- "${words[@]}" 2>/dev/null)
  [[ $current == = ]] && current=
  if [[ $head == *files* ]]; then
    compopt -o filenames
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
  fi
  [[ $head == *open* ]] && compopt -o nospace
  return 0
}
complete -F _btfkit btfkit
