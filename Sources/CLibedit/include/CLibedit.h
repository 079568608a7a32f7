// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

// libedit (Debian: libedit-dev), whose state is global variables that Swift does not let one touch.

#ifndef APUS_CLIBEDIT_H
#define APUS_CLIBEDIT_H

#include <stdbool.h>

// What the word before the cursor can become: number `index`, allocated by malloc, or NULL past the last.
typedef char *(*clibedit_completer)(const char *line, int index);

// Prepares the editor and reads the history in `history`, which may be NULL, of at most `lines` lines.
void clibedit_open(const char *history, int lines, clibedit_completer completer);

// The next line, to be freed; NULL at the end of input, or where the user pressed ^C, which drops what was typed.
char *clibedit_line(const char *prompt, bool *was_interrupted);

// Writes the history, where `history` is not NULL.
void clibedit_close(const char *history);

#endif
