/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The client that the token of the first start lets in. */
#define AIP_FIRST_CLIENT "default"

char *aip_first_token_make (void);
gboolean aip_first_token_exists (const char *state_dir);
char *aip_first_token_load_or_create (const char *state_dir, gboolean *created, GError **error);
void aip_first_token_remove (const char *state_dir);

G_END_DECLS
