# Completion for btfkit in fish, made by `btfkit completion fish`.
function __btfkit_answer
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l lines (command $words[1] completion answer -- $words[2..-1] "$current" 2>/dev/null)
    for line in $lines[2..-1]
        echo -- $line
    end
    if string match --quiet -- '*files*' "$lines[1]"
        __fish_complete_path "$current"
    end
end
complete --command btfkit --no-files --arguments '(__btfkit_answer)'
