/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

/* A session of its own with tests/lib/with-keyring, and what the tests of the keyring do in it. */

typedef struct _KeyringSession KeyringSession;

KeyringSession *keyring_session_start (const char *mode);
void keyring_session_stop (KeyringSession *self);

GVariant *keyring_call (const char *path, const char *interface, const char *method, GVariant *parameters);

void keyring_daemon_kill (void);
void keyring_bus_kill (void);
void keyring_daemon_start (KeyringSession *self);
void keyring_lock (void);
void keyring_unlock (void);
char *keyring_open_plain_session (void);
void keyring_create_item (const char *collection, const char *session, const char *key, const char *secret);

void mock_start (KeyringSession *self);
void mock_stop (KeyringSession *self);
void mock_set (const char *name, const char *value);
gboolean mock_was_called (const char *method);

char *run_tool (const char *input, const char *first, ...) G_GNUC_NULL_TERMINATED;
