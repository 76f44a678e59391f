/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The daemon reads no longer secret. */
#define AIP_REMOTE_MAX_SECRET (8 * 1024)
/* What comes with the longest one, "\r\n", and one byte more, which tells that it is too long. */
#define AIP_REMOTE_SECRET_ROOM (AIP_REMOTE_MAX_SECRET + 3)

/**
 * AipRemoteSecretText: text that is wiped before it is freed. For g_autoptr.
 */
typedef char AipRemoteSecretText;

char *aip_remote_secret_new_buffer (void);
void aip_remote_secret_free (char *secret);
int aip_remote_secret_to_pipe (const char *secret, gsize length, GError **error);
char *aip_remote_secret_from_pipe (int fd, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRemoteSecretText, aip_remote_secret_free)

G_END_DECLS
