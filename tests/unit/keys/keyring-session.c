/* SPDX-License-Identifier: MIT */
#include "keyring-session.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

#define SECRETS "org.freedesktop.secrets"
#define ROOT "/org/freedesktop/secrets"
#define LOGIN ROOT "/collection/login"

struct _KeyringSession
{
  GSubprocess *wrapper;
  GSubprocess *daemon; /* (nullable): a keyring that the test started */
  GSubprocess *mock;   /* (nullable) */
};

static GDBusConnection *bus;

static GSubprocess *
spawn (GSubprocessFlags flags, const char *const *command)
{
  g_autoptr (GError) error = NULL;
  GSubprocess *process = g_subprocess_newv (command, flags, &error);

  g_assert_no_error (error);
  return process;
}

static char *
read_line (GSubprocess *process)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  char *line = NULL;

  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (lines), FALSE);
  line = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (line);
  return line;
}

/* These end when their standard input does. */
static void
stop (GSubprocess **process)
{
  g_autoptr (GError) error = NULL;

  g_output_stream_close (g_subprocess_get_stdin_pipe (*process), NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait (*process, NULL, &error));
  g_clear_object (process);
}

static void
set_or_unset (const char *name, const char *value)
{
  if (*value != '\0')
    g_setenv (name, value, TRUE);
  else
    g_unsetenv (name);
}

/* Starts a session and moves this process into it. */
KeyringSession *
keyring_session_start (const char *mode)
{
  static const char script[] =
      "echo \"$HOME|$XDG_RUNTIME_DIR|$DBUS_SESSION_BUS_ADDRESS\"; exec cat >/dev/null";
  g_autofree char *wrapper = g_build_filename (g_getenv ("TEST_LIB"), "with-keyring", NULL);
  g_autofree char *option = g_strconcat ("--", mode, NULL);
  g_auto (GStrv) values = NULL;
  g_autofree char *line = NULL;
  KeyringSession *self = g_new0 (KeyringSession, 1);

  const char *const command[] = { wrapper, option, "sh", "-c", script, NULL };

  self->wrapper = spawn (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, command);
  line = read_line (self->wrapper);
  values = g_strsplit (line, "|", 3);
  g_setenv ("HOME", values[0], TRUE);
  g_setenv ("XDG_RUNTIME_DIR", values[1], TRUE);
  set_or_unset ("DBUS_SESSION_BUS_ADDRESS", values[2]);
  g_unsetenv ("DISPLAY");
  for (const char *const *name = (const char *const[]){ "DATA", "CONFIG", "CACHE", "STATE", NULL };
       *name != NULL; name++)
    {
      g_autofree char *variable = g_strdup_printf ("XDG_%s_HOME", *name);
      g_autofree char *lower = g_ascii_strdown (*name, -1);
      g_autofree char *folder = g_build_filename (values[0], lower, NULL);

      g_setenv (variable, folder, TRUE);
    }

  return self;
}

void
keyring_session_stop (KeyringSession *self)
{
  g_assert_null (self->mock);
  if (self->daemon != NULL)
    {
      g_subprocess_force_exit (self->daemon);
      g_assert_true (g_subprocess_wait (self->daemon, NULL, NULL));
      g_clear_object (&self->daemon);
    }
  g_clear_object (&bus);
  stop (&self->wrapper);
  g_free (self);
}

/* The service forgets a caller's sessions when the caller's connection goes, so that stays. */
static GDBusConnection *
get_bus (void)
{
  g_autoptr (GError) error = NULL;

  if (bus != NULL)
    return bus;

  bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error);
  g_assert_no_error (error);
  /* It may end before the test does. */
  g_dbus_connection_set_exit_on_close (bus, FALSE);
  return bus;
}

static GVariant *
call (const char *name, const char *path, const char *interface, const char *method, GVariant *parameters)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply = g_dbus_connection_call_sync (get_bus (), name, path, interface, method, parameters, NULL,
                                                 G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

  g_assert_no_error (error);
  return reply;
}

GVariant *
keyring_call (const char *path, const char *interface, const char *method, GVariant *parameters)
{
  return call (SECRETS, path, interface, method, parameters);
}

static gboolean
has_owner (void)
{
  g_autoptr (GVariant) reply = call ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "NameHasOwner", g_variant_new ("(s)", SECRETS));
  gboolean owned = FALSE;

  g_variant_get (reply, "(b)", &owned);
  return owned;
}

static void
kill_owner (const char *name)
{
  g_autoptr (GVariant) reply = call ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionUnixProcessID", g_variant_new ("(s)", name));
  guint32 pid = 0;

  g_variant_get (reply, "(u)", &pid);
  g_assert_cmpuint (pid, >, 1);
  g_assert_cmpint (kill ((pid_t) pid, SIGKILL), ==, 0);
}

/* Ends the keyring in the middle of whatever it does. */
void
keyring_daemon_kill (void)
{
  kill_owner (SECRETS);
  while (has_owner ())
    g_usleep (10000);
}

/* Ends the bus, for good. */
void
keyring_bus_kill (void)
{
  kill_owner ("org.freedesktop.DBus");
}

/* Starts it again, on what the one before has left, and unlocked. */
void
keyring_daemon_start (KeyringSession *self)
{
  static const char *const command[] = { "gnome-keyring-daemon", "--foreground", "--unlock",
                                         "--components=secrets", NULL };

  g_assert_null (self->daemon);
  self->daemon = spawn (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
                            G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                        command);
  g_assert_true (
      g_output_stream_write_all (g_subprocess_get_stdin_pipe (self->daemon), "test", 4, NULL, NULL, NULL));
  g_assert_true (g_output_stream_close (g_subprocess_get_stdin_pipe (self->daemon), NULL, NULL));
  while (!has_owner ())
    g_usleep (10000);
}

void
keyring_lock (void)
{
  static const char *const paths[] = { LOGIN, NULL };
  G_GNUC_UNUSED g_autoptr (GVariant) reply =
      keyring_call (ROOT, "org.freedesktop.Secret.Service", "Lock", g_variant_new ("(^ao)", paths));
}

char *
keyring_open_plain_session (void)
{
  g_autoptr (GVariant) reply = keyring_call (ROOT, "org.freedesktop.Secret.Service", "OpenSession",
                                             g_variant_new ("(sv)", "plain", g_variant_new_string ("")));
  char *path = NULL;

  g_variant_get (reply, "(vo)", NULL, &path);
  return path;
}

static GVariant *
plain_secret (const char *session, const char *text)
{
  return g_variant_new ("(o@ay@ays)", session, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, "", 0, 1),
                        g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, text, strlen (text), 1),
                        "text/plain");
}

/* As a user would with the password, but without a display. */
void
keyring_unlock (void)
{
  g_autofree char *session = keyring_open_plain_session ();
  G_GNUC_UNUSED g_autoptr (GVariant) reply = keyring_call (
      ROOT, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface", "UnlockWithMasterPassword",
      g_variant_new ("(o@(oayays))", LOGIN, plain_secret (session, "test")));
}

void
keyring_create_item (const char *collection, const char *session, const char *key, const char *secret)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder attributes;
  GVariantBuilder properties;

  g_variant_builder_init (&attributes, G_VARIANT_TYPE ("a{ss}"));
  g_variant_builder_add (&attributes, "{ss}", "xdg:schema", "org.example.AIProxy.UpstreamKey");
  g_variant_builder_add (&attributes, "{ss}", "key-id", key);
  g_variant_builder_init (&properties, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&properties, "{sv}", "org.freedesktop.Secret.Item.Label",
                         g_variant_new_string (key));
  g_variant_builder_add (&properties, "{sv}", "org.freedesktop.Secret.Item.Attributes",
                         g_variant_builder_end (&attributes));
  reply =
      keyring_call (collection, "org.freedesktop.Secret.Collection", "CreateItem",
                    g_variant_new ("(a{sv}@(oayays)b)", &properties, plain_secret (session, secret), TRUE));
}

void
mock_start (KeyringSession *self)
{
  g_autofree char *script = g_build_filename (g_getenv ("TEST_LIB"), "mock_secret_service.py", NULL);
  g_autofree char *line = NULL;
  const char *const command[] = { "/usr/bin/python3", "-B", script, NULL };

  g_assert_null (self->mock);
  self->mock = spawn (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, command);
  line = read_line (self->mock);
  g_assert_cmpstr (line, ==, "ready");
}

void
mock_stop (KeyringSession *self)
{
  stop (&self->mock);
}

void
mock_set (const char *name, const char *value)
{
  G_GNUC_UNUSED g_autoptr (GVariant) reply =
      keyring_call ("/mock", "org.example.Mock", "Set", g_variant_new ("(ss)", name, value));
}

/* Whether the method was called since this was asked last. */
gboolean
mock_was_called (const char *method)
{
  g_autoptr (GVariant) reply = keyring_call ("/mock", "org.example.Mock", "Get", NULL);
  g_autofree const char **methods = NULL;

  g_variant_get (reply, "(^a&s)", &methods);
  return g_strv_contains (methods, method);
}

/* Runs secret-tool, another process. Returns: (transfer full): what it says */
char *
run_tool (const char *input, const char *first, ...)
{
  g_autoptr (GPtrArray) command = g_ptr_array_new ();
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  char *output = NULL;
  va_list more;

  g_ptr_array_add (command, (void *) "secret-tool");
  va_start (more, first);
  for (const char *word = first; word != NULL; word = va_arg (more, const char *))
    g_ptr_array_add (command, (void *) word);
  va_end (more);
  g_ptr_array_add (command, NULL);

  process =
      spawn (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
             (const char *const *) command->pdata);
  g_subprocess_communicate_utf8 (process, input, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  return output;
}
