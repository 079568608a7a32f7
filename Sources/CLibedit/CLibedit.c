// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

#define _GNU_SOURCE
#include "CLibedit.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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
    // libedit has what all have in common first, then each: one alone is there twice.
    int is_alone = found && (!found[1] || !found[2]);
    int length = is_alone ? (int)strlen(found[0]) : 0;
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

static sigjmp_buf before_reading;
static pthread_t reader;
static volatile sig_atomic_t is_reading;

// libedit has put the terminal in order before this is called, and begins anew with the next line.
static void interrupt(int signal) {
    if (!is_reading) return;
    // Any thread may be given the signal; only the one that reads can leave its reading.
    if (!pthread_equal(pthread_self(), reader)) {
        pthread_kill(reader, signal);
        return;
    }
    is_reading = 0;
    siglongjmp(before_reading, 1);
}

char *clibedit_line(const char *prompt, bool *was_interrupted) {
    struct sigaction own = {.sa_handler = interrupt}, usual;
    sigemptyset(&own.sa_mask);
    *was_interrupted = false;
    reader = pthread_self();
    // Threads of a pool are spared signals.
    sigset_t wanted, masked;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &wanted, &masked);
    sigaction(SIGINT, &own, &usual);
    char *volatile line = NULL;
    if (sigsetjmp(before_reading, 1) == 0) {
        is_reading = 1;
        line = readline(prompt);
        is_reading = 0;
    } else {
        *was_interrupted = true;
    }
    sigaction(SIGINT, &usual, NULL);
    pthread_sigmask(SIG_SETMASK, &masked, NULL);
    if (line && *line) add_history(line);
    return line;
}

void clibedit_close(const char *history) {
    if (history) write_history(history);
}
