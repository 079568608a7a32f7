// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

#include "CLibedit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <editline/readline.h>

static clibedit_completer source;
static char *typed;
static int next_match;

static char *next_candidate(const char *word, int state) {
    (void)word;
    if (state == 0) next_match = 0;
    return source(typed, next_match++);
}

static char **matches(const char *word, int start, int end) {
    (void)start;
    (void)end;
    // Never the names of files, where we know nothing.
    rl_attempted_completion_over = 1;
    free(typed);
    typed = strndup(rl_line_buffer, (size_t)rl_point);
    char **found = rl_completion_matches(word, next_candidate);
    // One path that has children goes on without a blank.
    int length = found && !found[1] ? (int)strlen(found[0]) : 0;
    char last = length > 0 ? found[0][length - 1] : ' ';
    rl_completion_append_character = last == '/' || last == '=' ? '\0' : ' ';
    return found;
}

void clibedit_open(const char *history, int lines, clibedit_completer completer) {
    source = completer;
    rl_readline_name = "apus";
    rl_basic_word_break_characters = strdup(" \t\n");
    rl_attempted_completion_function = matches;
    using_history();
    stifle_history(lines);
    // The first run has none.
    if (history) read_history(history);
}

char *clibedit_line(const char *prompt) {
    char *line = readline(prompt);
    if (line && *line) add_history(line);
    return line;
}

void clibedit_close(const char *history) {
    if (history) write_history(history);
}
