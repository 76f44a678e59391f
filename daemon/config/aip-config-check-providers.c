/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include <errno.h>
#include <unistd.h>

#include "config/aip-config-draft.h"
#include "config/aip-config-url.h"

/**
 * aip_config_find_default_url:
 * @dialect: a dialect
 *
 * Returns: (transfer none) (nullable): where the dialect's own service is; azure has one for each customer
 */
const char *
aip_config_find_default_url (const char *dialect)
{
  static const struct
  {
    const char *dialect;
    const char *url;
  } services[] = {
    { "openai", "https://api.openai.com/v1" },    { "deepseek", "https://api.deepseek.com/v1" },
    { "anthropic", "https://api.anthropic.com" }, { "gemini", "https://generativelanguage.googleapis.com" },
    { "ollama", "http://127.0.0.1:11434" },       { "baidu", "https://qianfan.baidubce.com/v2" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (services); i++)
    if (g_str_equal (services[i].dialect, dialect))
      return services[i].url;
  return NULL;
}

static void
check_base_url (AipConfigDraft *draft, AipProviderConfig *provider, const char *group)
{
  g_autoptr (GError) error = NULL;
  gboolean in_clear = FALSE;
  char *checked =
      aip_config_url_check (provider->base_url, g_str_equal (provider->dialect, "azure"), &in_clear, &error);

  if (checked == NULL)
    {
      aip_config_draft_report (draft, TRUE, group, "base-url", "%s", error->message);
      return;
    }
  g_free (provider->base_url);
  provider->base_url = checked;
  if (in_clear)
    aip_config_draft_report (
        draft, FALSE, group, "base-url",
        "is plain http: keys and prompts cross the network unencrypted; write https where the "
        "upstream has it");
}

static void
check_provider (AipConfigDraft *draft, AipProviderConfig *provider)
{
  g_autofree char *group = g_strconcat ("provider ", provider->name, NULL);
  const char *default_url = aip_config_find_default_url (provider->dialect);

  if (provider->ca_file != NULL && access (provider->ca_file, R_OK) != 0)
    aip_config_draft_report (draft, TRUE, group, "ca-file",
                             "cannot be read: %s; write the path of a file that this user may read",
                             g_strerror (errno));

  if (g_str_equal (provider->dialect, "builtin"))
    {
      if (*provider->base_url != '\0')
        aip_config_draft_report (draft, FALSE, group, "base-url",
                                 "is not used by dialect builtin, which needs no upstream; leave it out");
      *provider->base_url = '\0';
    }
  else if (*provider->base_url != '\0')
    check_base_url (draft, provider, group);
  else if (default_url != NULL)
    {
      g_free (provider->base_url);
      provider->base_url = g_strdup (default_url);
    }
  else
    aip_config_draft_report (draft, TRUE, group, "base-url",
                             "is missing; dialect azure needs its resource: https://NAME.openai.azure.com");
}

/**
 * aip_config_check_providers:
 * @draft: what was read
 * @config: what became of it
 * @base: (nullable): as for aip_config_check ()
 *
 * Checks the providers and fills in the base URLs that their dialects imply.
 */
void
aip_config_check_providers (AipConfigDraft *draft, AipConfig *config, const AipConfig *base)
{
  for (guint i = 0; i < config->providers->len; i++)
    if (base == NULL || config->providers->pdata[i] != base->providers->pdata[i])
      check_provider (draft, g_ptr_array_index (config->providers, i));
}
