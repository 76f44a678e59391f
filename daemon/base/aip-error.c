/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-error"

#include "base/aip-error.h"

#include <gio/gio.h>

#define ERROR_NAME(name) "org.example.AIProxy1.Error." name

static const GDBusErrorEntry error_entries[] = {
  { AIP_ERROR_FAILED, ERROR_NAME ("Failed") },
  { AIP_ERROR_INVALID_ARGUMENT, ERROR_NAME ("InvalidArgument") },
  { AIP_ERROR_INVALID_CONFIG, ERROR_NAME ("InvalidConfig") },
  { AIP_ERROR_NOT_FOUND, ERROR_NAME ("NotFound") },
  { AIP_ERROR_EXISTS, ERROR_NAME ("Exists") },
  { AIP_ERROR_IN_USE, ERROR_NAME ("InUse") },
  { AIP_ERROR_UNAUTHENTICATED, ERROR_NAME ("Unauthenticated") },
  { AIP_ERROR_FORBIDDEN, ERROR_NAME ("Forbidden") },
  { AIP_ERROR_TIMED_OUT, ERROR_NAME ("TimedOut") },
  { AIP_ERROR_TOO_LARGE, ERROR_NAME ("TooLarge") },
  { AIP_ERROR_RATE_LIMITED, ERROR_NAME ("RateLimited") },
  { AIP_ERROR_LOCKED, ERROR_NAME ("Locked") },
  { AIP_ERROR_UNAVAILABLE, ERROR_NAME ("Unavailable") },
  { AIP_ERROR_PROTOCOL, ERROR_NAME ("Protocol") },
  { AIP_ERROR_CANCELLED, ERROR_NAME ("Cancelled") },
  { AIP_ERROR_NOT_SUPPORTED, ERROR_NAME ("NotSupported") },
};

G_STATIC_ASSERT (G_N_ELEMENTS (error_entries) == AIP_N_ERRORS);

/**
 * aip_error_quark:
 *
 * The error domain of the project. The first call also registers the D-Bus name of each code, so
 * that GDBus translates these errors in both directions.
 *
 * Returns: the quark of AIP_ERROR
 */
GQuark
aip_error_quark (void)
{
  static gsize quark = 0;

  g_dbus_error_register_error_domain ("aip-error-quark", &quark, error_entries, G_N_ELEMENTS (error_entries));
  return (GQuark) quark;
}
