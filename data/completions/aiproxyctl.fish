# SPDX-License-Identifier: MIT
# Completion of aiproxyctl for fish. The program itself knows what may come next.

function __aiproxyctl_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l typed (commandline --current-token --cut-at-cursor)
    $words[1] __complete $words[2..-1] "$typed" 2>/dev/null
end

complete --command aiproxyctl --no-files --arguments '(__aiproxyctl_complete)'
