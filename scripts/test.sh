#!/usr/bin/env bash
# make lint, make test, make browser, make check. Every step runs, also after one has failed; the summary is the last
# thing printed before the verdict, and the exit status is 0 only if all held. More arguments go to pytest.
set -uo pipefail
cd "$(dirname "$0")/.."
what=${1:-test}
shift || true

scripts/setup.sh dev || exit 1
[ "$what" != check ] || scripts/check-tools.sh
[ "$what" != browser ] || scripts/check-tools.sh browser
bin=.venv/bin
summary=""
failed=0

step() { # NAME COMMAND…
  local name=$1 began=$SECONDS status=0
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  "$@" || status=$?
  if [ $status = 0 ]; then
    summary+="$(printf '  ok      %4d s  %s' $((SECONDS - began)) "$name")"$'\n'
  else
    summary+="$(printf '  FAILED  %4d s  %s (exit %d)' $((SECONDS - began)) "$name" $status)"$'\n'
    failed=1
  fi
}

tests_in() { # FOLDER: are there any?
  [ -n "$(find "$1" -name 'test_*.py' -print -quit 2>/dev/null)" ]
}

if [ "$what" != browser ]; then
  step "lint" $bin/ruff check .
  step "layout" $bin/ruff format --check .
  step "types" $bin/mypy
  step "architecture" $bin/lint-imports
fi
if [ "$what" = test ] || [ "$what" = check ]; then
  # -v takes back the -q of pyproject.toml: whole closing lines; -rs names every skipped test and why.
  pytest=("$bin/pytest" -v -rs --durations=10)
  processes=(tests/e2e tests/interop tests/net) # real ones, which mostly wait for one another: two tests at a time
  elsewhere=("${processes[@]}" tests/browser tests/transcripts tests/faults)
  if [ $# != 0 ]; then
    step "tests" "${pytest[@]}" --ignore=tests/{browser,transcripts,faults} tests "$@"
  else
    step "tests" "${pytest[@]}" -n auto --dist worksteal -m "not longer" "${elsewhere[@]/#/--ignore=}" tests
    step "processes" "${pytest[@]}" -n 2 --dist worksteal -m "not longer" "${processes[@]}"
    if [ "$what" = check ]; then
      step "longer" "${pytest[@]}" -n auto --dist worksteal -m longer "${elsewhere[@]/#/--ignore=}" tests
      step "longer processes" "${pytest[@]}" -n 2 --dist worksteal -m longer "${processes[@]}"
    fi
  fi
fi
if [ "$what" = browser ]; then
  step "browser" $bin/pytest -v -rs --durations=10 tests/browser "$@"
fi
if [ "$what" = check ]; then
  for folder in browser transcripts faults; do
    if tests_in tests/$folder; then
      two=()
      [ $folder != transcripts ] || two=(-n 2 --dist worksteal)
      step "$folder" $bin/pytest -v -rs "${two[@]}" "tests/$folder"
    else
      summary+="  none yet        $folder"$'\n'
    fi
  done
fi

printf '\n== make %s\n%s' "$what" "$summary"
[ $failed = 0 ] || { echo "make $what: FAILED" && exit 1; }
echo "make $what: ok"
