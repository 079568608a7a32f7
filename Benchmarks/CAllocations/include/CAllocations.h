// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

// Counts what a program allocates. A program that is linked with this has every call of malloc and its kin counted,
// those of the Swift runtime too.

#ifndef APUS_CALLOCATIONS_H
#define APUS_CALLOCATIONS_H

#include <stdint.h>

// Allocations by this thread since the program began.
uint64_t callocations_count(void);

#endif
