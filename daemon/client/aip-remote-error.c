/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-remote-error"

#include "client/aip-remote-error.h"

#include <gio/gio.h>
#include <string.h>

#include "base/aip-error.h"

static gboolean
is_unreachable_on_bus (int code)
{
  switch (code)
    {
    case G_DBUS_ERROR_SERVICE_UNKNOWN:
    case G_DBUS_ERROR_NAME_HAS_NO_OWNER:
    case G_DBUS_ERROR_NO_REPLY:
    case G_DBUS_ERROR_DISCONNECTED:
    case G_DBUS_ERROR_TIMEOUT:
    case G_DBUS_ERROR_TIMED_OUT:
    case G_DBUS_ERROR_NO_SERVER:
      return TRUE;
    default:
      return FALSE;
    }
}

/**
 * aip_remote_error_is_unreachable:
 * @error: what a call to the daemon failed with
 *
 * Returns: whether the daemon or the bus is not there, went away or is silent, or the bus does not let us
 * ask, so that the call came to nobody
 */
gboolean
aip_remote_error_is_unreachable (const GError *error)
{
  g_return_val_if_fail (error != NULL, FALSE);

  if (error->domain == G_DBUS_ERROR)
    return is_unreachable_on_bus (error->code);
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

/**
 * aip_remote_error_tidy:
 * @error: what a call to the daemon failed with
 *
 * Brings the message into a form for people: without the D-Bus error's name before it, and without words of
 * GDBus where the daemon is not there.
 */
void
aip_remote_error_tidy (GError *error)
{
  g_return_if_fail (error != NULL);

  /* GDBus's own word; ours says more. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) && strchr (error->message, ';') == NULL)
    {
      g_free (error->message);
      error->message = g_strdup ("the daemon does not answer");
    }
  /* Errors of our own say what to do already. */
  if (!g_dbus_error_strip_remote_error (error) || !aip_remote_error_is_unreachable (error))
    return;
  g_free (error->message);
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    error->message = g_strdup ("the bus does not let this user ask that of the daemon");
  else
    error->message =
        g_strdup (error->code == G_DBUS_ERROR_NO_REPLY ? "the daemon went away without an answer"
                                                       : "the daemon is not on the bus any more");
}
