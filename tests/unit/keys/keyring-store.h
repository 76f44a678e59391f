/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-error.h"
#include "keys/aip-key-store.h"

/* Calls of a key store that wait for their end, and what is to be said of them. */

gboolean load (AipKeyStore *store, GError **error);
gboolean store_secret (AipKeyStore *store, const char *ref, const char *text, gssize length, GError **error);
gboolean remove_secret (AipKeyStore *store, const char *ref, GError **error);
gboolean check_remove (AipKeyStore *store, const char *ref, GError **error);
gboolean unlock (AipKeyStore *store, GCancellable *cancellable, GError **error);
void wait_for_state (AipKeyStore *store, AipKeyStoreState state);
void wait_for_secret (AipKeyStore *store, const char *ref, const char *text);
void assert_secret (AipKeyStore *store, const char *ref, const char *text);
void result_cb (GObject *source, GAsyncResult *result, void *user_data);
GAsyncResult *wait_for_result (GAsyncResult **result);

AipKeyStore *new_loaded_store (void);
void store_or_fail (AipKeyStore *store, const char *ref, const char *text);
void remove_or_fail (AipKeyStore *store, const char *ref);
void assert_load_fails (AipKeyStore *store, AipError code, AipKeyStoreState state);
void assert_store_fails (AipKeyStore *store, const char *ref, const char *text, gssize length, AipError code);
void assert_remove_fails (AipKeyStore *store, const char *ref, AipError code);
void assert_unlock_fails (AipKeyStore *store, AipError code);
