#!/usr/bin/env bash
# action.sh install|check: the steps of the GitHub Action in action.yml, which passes its inputs as INPUT_*.
# `install` makes a virtual environment in $RUNNER_TEMP and installs btfkit from this directory; `check` runs `btfkit check`
# ($BTFKIT if set), and writes status, report and markdown to $GITHUB_OUTPUT, and the Markdown to $GITHUB_STEP_SUMMARY.
set -euo pipefail
shopt -s globstar 2>/dev/null || true # bash before 4, as on macOS, has no **

root=$(cd "$(dirname "$0")/.." && pwd)
temporary=${RUNNER_TEMP:?is set by the runner}
environment=$temporary/btfkit

install_btfkit() {
  "${INPUT_PYTHON:-python3}" -m venv "$environment"
  extra=
  if [ -n "${INPUT_HTML:-}" ]; then extra="[html]"; fi
  "$environment/bin/python" -m pip install --quiet "$root$extra"
  "$environment/bin/btfkit" --version
}

# Read the lines of $1 into the array `lines`, without blanks around them; shell patterns are expanded if $2 is "paths".
read_lines() {
  lines=()
  local line
  while IFS= read -r line; do
    line="${line#"${line%%[![:space:]]*}"}"
    line="${line%"${line##*[![:space:]]}"}"
    [ -n "$line" ] || continue
    if [ "${2:-}" = paths ]; then
      local IFS=
      # shellcheck disable=SC2206
      lines+=($line)
    else
      lines+=("$line")
    fi
  done <<<"$1"
}

check() {
  local words=() objects kernels line
  read_lines "${INPUT_OBJECTS:-}" paths
  objects=(${lines[@]+"${lines[@]}"})
  read_lines "${INPUT_KERNELS:-}" paths
  kernels=(${lines[@]+"${lines[@]}"})
  if [ ${#objects[@]} = 0 ] || [ ${#kernels[@]} = 0 ]; then
    echo "::error::btfkit check needs the inputs \"objects\" and \"kernels\""
    return 2
  fi
  read_lines "${INPUT_MODULES:-}" paths
  for line in ${lines[@]+"${lines[@]}"}; do words+=(-m "$line"); done
  read_lines "${INPUT_REQUIRE:-}"
  for line in ${lines[@]+"${lines[@]}"}; do words+=("--require=$line"); done
  read_lines "${INPUT_ALLOW:-}"
  for line in ${lines[@]+"${lines[@]}"}; do words+=("--allow=$line"); done
  if [ -n "${INPUT_HTML:-}" ]; then words+=("--html=$INPUT_HTML"); fi
  if [ -n "${INPUT_BASELINE:-}" ]; then
    if [ -e "$INPUT_BASELINE" ]; then
      words+=("--baseline=$INPUT_BASELINE")
    else
      echo "::notice::no baseline at $INPUT_BASELINE: everything that breaks counts"
    fi
  fi

  local report=$temporary/btfkit-check.json markdown=$temporary/btfkit-check.md status=0
  rm -f "$report" "$markdown"
  "${BTFKIT:-$environment/bin/btfkit}" check --markdown "--report=$report" ${words[@]+"${words[@]}"} \
    --kernels "${kernels[@]}" -- "${objects[@]}" >"$markdown" || status=$?
  cat "$markdown" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"
  {
    echo "status=$status"
    echo "report=$report"
    echo "markdown=$markdown"
  } >>"${GITHUB_OUTPUT:-/dev/stdout}"
  case $status in
  0) ;;
  1)
    if [ "${INPUT_FAIL:-true}" = false ]; then
      echo "::warning::programs break on some kernels: see the summary of the job"
      return 0
    fi
    echo "::error::programs break on some kernels: see the summary of the job"
    ;;
  *) echo "::error::btfkit check ended with status $status: see its messages above" ;;
  esac
  return "$status"
}

case ${1:-} in
install) install_btfkit ;;
check) check ;;
*)
  echo "usage: action.sh install|check" >&2
  exit 2
  ;;
esac
