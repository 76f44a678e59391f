/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The system keyring as the session bus shows it: the service org.freedesktop.secrets. */

#define AIP_KEYRING_BUS_NAME "org.freedesktop.secrets"
#define AIP_KEYRING_PATH "/org/freedesktop/secrets"
#define AIP_KEYRING_SERVICE_INTERFACE "org.freedesktop.Secret.Service"
#define AIP_KEYRING_COLLECTION_INTERFACE "org.freedesktop.Secret.Collection"
#define AIP_KEYRING_ITEM_INTERFACE "org.freedesktop.Secret.Item"

/* The path that stands for none. */
#define AIP_KEYRING_NO_PATH "/"

/* Said where there is a service, but nothing that takes secrets. */
#define AIP_KEYRING_NO_DEFAULT "the keyring service has no default keyring: unlock it to make one"

/**
 * AipKeyringEvent:
 *
 * What a watch tells. The path is the item's or the collection's; %NULL for the first two.
 */
typedef enum
{
  AIP_KEYRING_APPEARED,   /* the service is on the bus */
  AIP_KEYRING_VANISHED,   /* it is not */
  AIP_KEYRING_ITEM,       /* an item came, went or became another */
  AIP_KEYRING_COLLECTION, /* so did a collection */
  AIP_KEYRING_LOCKED,     /* a collection was locked */
} AipKeyringEvent;

typedef struct _AipKeyringWatch AipKeyringWatch;

typedef void (*AipKeyringFunc) (AipKeyringEvent event, const char *path, void *user_data);

AipKeyringWatch *aip_keyring_watch_new (GDBusConnection *connection, AipKeyringFunc func, void *user_data);
void aip_keyring_watch_free (AipKeyringWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipKeyringWatch, aip_keyring_watch_free)

void aip_keyring_bus_async (GCancellable *cancellable, GAsyncReadyCallback callback, void *user_data);
GDBusConnection *aip_keyring_bus_finish (GAsyncResult *result, GError **error);

void aip_keyring_probe_async (GCancellable *cancellable, GAsyncReadyCallback callback, void *user_data);
gboolean aip_keyring_probe_finish (GAsyncResult *result, GError **error);

void aip_keyring_call (GDBusConnection *bus,
                       const char *path,
                       const char *interface,
                       const char *method,
                       GVariant *parameters,
                       const char *reply,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       void *user_data);
void aip_keyring_get_property (GDBusConnection *bus,
                               const char *path,
                               const char *interface,
                               const char *property,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               void *user_data);
GVariant *
aip_keyring_get_property_finish (GObject *bus, GAsyncResult *result, const char *type, GError **error);

GError *aip_keyring_error_new (const GError *problem);
gboolean aip_keyring_error_is_gone (const GError *problem);

G_END_DECLS
