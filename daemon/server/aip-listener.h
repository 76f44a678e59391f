/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-loop.h"

G_BEGIN_DECLS

/**
 * AipListener: accepts on one socket of one worker. It never goes deaf: when descriptors run out it answers
 * with what it kept in reserve, and rests.
 */
typedef struct _AipListener AipListener;

/**
 * AipListenerFunc:
 * @fd: (transfer full): an accepted, non-blocking socket
 */
typedef void (*AipListenerFunc) (int fd, void *listener_data, void *user_data);
typedef gboolean (*AipListenerAdmit) (void *user_data);

/**
 * AipListenerName: Returns (transfer full): an id for a request that is turned away before it is read.
 */
typedef char *(*AipListenerName) (void *user_data);

AipListener *aip_listener_new (AipLoop *loop,
                               int fd,
                               AipListenerAdmit admit,
                               AipListenerName name,
                               AipListenerFunc accepted,
                               void *listener_data,
                               void *user_data);
void aip_listener_free (AipListener *self);

G_END_DECLS
