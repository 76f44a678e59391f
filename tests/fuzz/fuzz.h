/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer and our own driver both call. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
