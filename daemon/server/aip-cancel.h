/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipCancel: the search of all workers for one request. Each answers once; the last answer brings the result
 * to the main thread.
 */
typedef struct _AipCancel AipCancel;

typedef void (*AipCancelFunc) (AipCancel *cancel, gboolean found, void *user_data);

AipCancel *aip_cancel_new (const char *request_id, guint n_workers, AipCancelFunc done, void *user_data);
void aip_cancel_free (AipCancel *self);
void aip_cancel_finish (AipCancel *self);

gboolean aip_cancel_matches (const AipCancel *self, const char *request_id);
void aip_cancel_found (AipCancel *self);
void aip_cancel_answer (AipCancel *self);

G_END_DECLS
