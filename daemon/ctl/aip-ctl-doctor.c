/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-doctor"

#include <string.h>

#include "aip-build.h"
#include "client/aip-remote-error.h"
#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-offline.h"

/* What was looked at: each an a{sv} as Manager.Diagnose gives. */
typedef struct
{
  AipCtl *ctl;
  GPtrArray *findings;
} Doctor;

static void
add (Doctor *self, const char *check, const char *status, const char *text, const char *remedy)
{
  g_ptr_array_add (self->findings, g_variant_ref_sink (g_variant_new_parsed (
                                       "{'check': <%s>, 'status': <%s>, 'text': <%s>, 'remedy': <%s>}", check,
                                       status, text, remedy)));
}

static void
check_version (Doctor *self, AipRemote *remote)
{
  const char *version = aip_bus_manager_get_version (aip_remote_get_manager (remote));
  g_autofree char *text = NULL;

  if (g_str_equal (version, AIP_VERSION))
    {
      text = g_strdup_printf ("daemon and aiproxyctl are %s", version);
      add (self, "version", "ok", text, "");
      return;
    }
  text = g_strdup_printf ("the daemon is %s, aiproxyctl is %s", version, AIP_VERSION);
  add (self, "version", "warning", text,
       self->ctl->bus == G_BUS_TYPE_SYSTEM ? "restart the daemon: systemctl restart aiproxy"
                                           : "restart the daemon: systemctl --user restart aiproxy");
}

/* What stands behind "; " in the message of aip_remote_new_sync () is what to do. */
static void
add_unreachable (Doctor *self, const GError *error)
{
  const char *remedy = strrchr (error->message, ';');
  g_autofree char *text = remedy != NULL ? g_strndup (error->message, (gsize) (remedy - error->message))
                                         : g_strdup (error->message);

  add (self, "bus", "failed", text, remedy != NULL ? remedy + 2 : "");
}

static void
check_daemon (Doctor *self, AipRemote *remote, gboolean network)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) findings = NULL;
  GVariantDict options;
  GVariantIter iter;
  GVariant *finding;

  g_variant_dict_init (&options, NULL);
  if (!network)
    g_variant_dict_insert (&options, "network", "b", FALSE);
  if (!aip_bus_manager_call_diagnose_sync (aip_remote_get_manager (remote), g_variant_dict_end (&options),
                                           &findings, NULL, &error))
    {
      aip_remote_error_tidy (error);
      add (self, "daemon", "failed", error->message,
           self->ctl->bus == G_BUS_TYPE_SYSTEM ? "see its log: journalctl -u aiproxy"
                                               : "see its log: journalctl --user -u aiproxy");
      return;
    }
  g_variant_iter_init (&iter, findings);
  while (g_variant_iter_next (&iter, "@a{sv}", &finding))
    g_ptr_array_add (self->findings, finding);
}

/* Why it is not there: its own program knows how to find out. */
static void
check_offline (Doctor *self)
{
  int code = 0;
  g_auto (GStrv) lines = aip_ctl_offline_run (self->ctl, "--diagnose", &code);

  if (lines == NULL)
    add (self, "program", "failed", "aiproxyd, the daemon's program, is not there or does not work",
         "install it beside aiproxyctl or in PATH");
  for (gsize i = 0; lines != NULL && lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], "\t", -1);

      if (g_strv_length (fields) == 4)
        add (self, fields[1], fields[0], fields[2], fields[3]);
    }
}

static void
check_bus (Doctor *self, gboolean network)
{
  g_autoptr (GError) error = NULL;
  AipRemote *remote = aip_ctl_connect (self->ctl, &error);
  g_autofree char *text = NULL;

  if (remote == NULL)
    {
      add_unreachable (self, error);
      if (aip_ctl_offline_is_needed (error))
        check_offline (self);
      return;
    }
  text = g_strdup_printf ("the daemon answers on the %s bus",
                          self->ctl->bus == G_BUS_TYPE_SYSTEM ? "system" : "session");
  add (self, "bus", "ok", text, "");
  check_version (self, remote);
  check_daemon (self, remote, network);
}

static void
print_findings (const Doctor *self)
{
  static const char *const titles[] = { "", "", "", NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);

  for (guint i = 0; i < self->findings->len; i++)
    {
      GVariant *finding = g_ptr_array_index (self->findings, i);
      const char *status = aip_ctl_print_lookup (finding, "status");
      const char *remedy = aip_ctl_print_lookup (finding, "remedy");
      AipCtlStyle style = g_str_equal (status, "ok")        ? AIP_CTL_STYLE_GOOD
                          : g_str_equal (status, "warning") ? AIP_CTL_STYLE_WARNING
                                                            : AIP_CTL_STYLE_BAD;

      aip_ctl_table_add_styled (table, status, style);
      aip_ctl_table_add (table, aip_ctl_print_lookup (finding, "check"));
      aip_ctl_table_add (table, aip_ctl_print_lookup (finding, "text"));
      if (remedy[0] == '\0')
        continue;
      aip_ctl_table_add (table, "");
      aip_ctl_table_add (table, "");
      aip_ctl_table_add_styled (table, remedy, AIP_CTL_STYLE_BOLD);
    }
  aip_ctl_print_table (self->ctl, table);
}

static guint
count (const Doctor *self, const char *status)
{
  guint n = 0;

  for (guint i = 0; i < self->findings->len; i++)
    n += g_str_equal (aip_ctl_print_lookup (g_ptr_array_index (self->findings, i), "status"), status);
  return n;
}

static void
print_json (const Doctor *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < self->findings->len; i++)
    g_variant_builder_add_value (&builder, g_ptr_array_index (self->findings, i));
  aip_ctl_print_json (self->ctl, g_variant_builder_end (&builder));
}

/**
 * aip_ctl_doctor:
 *
 * `doctor`: looks at everything, and says how to mend what is wrong. The bus is looked at here, the rest by
 * the daemon, or by its program where it does not run. Exits with AIP_CTL_DONE unless something failed; a
 * daemon that is not there is a finding.
 */
AipCtlExit
aip_ctl_doctor (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  g_autoptr (GPtrArray) findings = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  Doctor self = { .ctl = ctl, .findings = findings };
  guint failed, warnings;

  check_bus (&self, !aip_ctl_args_has (args, "offline"));
  failed = count (&self, "failed");
  warnings = count (&self, "warning");
  if (ctl->json)
    print_json (&self);
  else
    {
      print_findings (&self);
      aip_ctl_say (ctl, "%u failed, %u warnings, %u ok", failed, warnings, count (&self, "ok"));
    }
  return failed > 0 ? AIP_CTL_FAILED : AIP_CTL_DONE;
}
