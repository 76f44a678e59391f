/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipSecret:
 *
 * An upstream key or a token: immutable, reference counted, kept in locked memory that is left out
 * of core dumps, and zeroed when the last reference goes. There is no printf format for it.
 */
typedef struct _AipSecret AipSecret;

AipSecret *aip_secret_new (const char *text, gssize length);
AipSecret *aip_secret_ref (AipSecret *secret);
void aip_secret_unref (AipSecret *secret);
const char *aip_secret_peek (const AipSecret *secret, gsize *length);
char *aip_secret_dup_digest (const AipSecret *secret);
char *aip_secret_dup_fingerprint (const AipSecret *secret);
void aip_secret_wipe (void *memory, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipSecret, aip_secret_unref)

G_END_DECLS
