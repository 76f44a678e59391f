/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AIP_NUMBER_SIZE 21 /* 2^64 - 1 in decimal, and a NUL */

const char *aip_number_write (char digits[AIP_NUMBER_SIZE], guint64 number, guint base);
void aip_number_append (GString *out, guint64 number, guint base);

G_END_DECLS
