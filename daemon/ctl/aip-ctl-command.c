/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-command"

#include "ctl/aip-ctl-command.h"

#include <string.h>

#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-near.h"

/* What every command takes. */
const AipCtlOption aip_ctl_global_options[] = {
  { "json", 0, NULL, "Print JSON for programs instead of text for people" },
  { "bus", 0, "BUS", "Where the daemon is: session, the default, or system" },
  { "help", 'h', NULL, "Explain the command and exit" },
  { "version", 0, NULL, "Print the version and exit" },
  { NULL },
};

static const AipCtlOption doctor_options[] = {
  { "offline", 0, NULL, "Do not ask the providers" },
  { NULL },
};

static const AipCtlOption env_options[] = {
  { "client", 0, "CLIENT", "Whose token; default or the only one where it is left out" },
  { "shell", 0, "SHELL", "For which shell: sh, the default, fish or csh" },
  { NULL },
};

static const AipCtlOption provider_add_options[] = {
  { "dialect", 0, "DIALECT", "What it speaks: openai where it is left out" },
  { "base-url", 0, "URL", "What stands before /chat/completions and the like" },
  { "set", 0, "KEY=VALUE", "Any other setting of [provider NAME]; may be given several times" },
  { NULL },
};

static const AipCtlOption provider_remove_options[] = {
  { "force", 0, NULL, "Also remove its keys and the mappings for it alone" },
  { "yes", 'y', NULL, "Do not ask" },
  { NULL },
};

static const AipCtlOption key_add_options[] = {
  { "provider", 0, "PROVIDER", "Which provider the key is for" },
  { "secret", 0, "SOURCE",
    "Where the secret lies, if it is not to be read: env:VARIABLE or credential:NAME; keyring: it comes "
    "later" },
  { "import", 0, NULL, "Move the secret from there into the keyring" },
  { "set", 0, "KEY=VALUE", "Any other setting of [key NAME]; may be given several times" },
  { NULL },
};

static const AipCtlOption key_secret_options[] = {
  { "import", 0, NULL, "Move the secret from the environment or credential into the keyring" },
  { NULL },
};

static const AipCtlOption key_remove_options[] = {
  { "keep-secret", 0, NULL, "Leave the secret in the keyring" },
  { "yes", 'y', NULL, "Do not ask" },
  { NULL },
};

static const AipCtlOption mapping_add_options[] = {
  { "provider", 0, "PROVIDER", "The rule holds for this provider alone" },
  { "strategy", 0, "STRATEGY", "In place of the one for all" },
  { NULL },
};

static const AipCtlOption client_add_options[] = {
  { "set", 0, "KEY=VALUE", "A setting of [client NAME]; may be given several times" },
  { NULL },
};

static const AipCtlOption yes_options[] = {
  { "yes", 'y', NULL, "Do not ask" },
  { NULL },
};

static const AipCtlOption route_options[] = {
  { "protocol", 0, "PROTOCOL", "What the client speaks: openai, the default, anthropic, gemini or ollama" },
  { "provider", 0, "PROVIDER", "As if the client had asked for this provider" },
  { "strategy", 0, "STRATEGY", "As if it had asked for this strategy" },
  { "client", 0, "CLIENT", "With the rights of this client alone" },
  { NULL },
};

static const AipCtlOption stats_options[] = {
  { "watch", 'w', NULL, "Show them again and again" },
  { NULL },
};

static const AipCtlOption tail_options[] = {
  { "started", 0, NULL, "Also tell what begins, with the ids that `cancel` takes" },
  { NULL },
};

#define LOG_FILTERS                                                                                          \
  { "client", 0, "CLIENT", "Those of this client alone" },                                                   \
      { "provider", 0, "PROVIDER", "Those that this provider has answered" },                                \
      { "key", 0, "KEY", "Those that were answered with this key" },                                         \
      { "model", 0, "MODEL", "Those for this model, by its name here or at the provider" },                  \
  {                                                                                                          \
    "outcome", 0, "OUTCOME",                                                                                 \
        "Those that ended so: succeeded, refused, client-fault, upstream-fault, truncated or cancelled"      \
  }

static const AipCtlOption log_list_options[] = {
  { "limit", 0, "N", "How many at most; 50 where it is left out" },
  LOG_FILTERS,
  { NULL },
};

static const AipCtlOption log_export_options[] = {
  { "limit", 0, "N", "How many at most; all where it is left out" },
  LOG_FILTERS,
  { NULL },
};

static const AipCtlOption config_show_options[] = {
  { "defaults", 0, NULL, "Also what nobody has set" },
  { NULL },
};

static const AipCtlOption config_path_options[] = {
  { "all", 0, NULL, "All files that are read, later ones over earlier ones" },
  { NULL },
};

#define SETTINGS_HELP                                                                                        \
  "The settings are those of aiproxy.conf(5), written as they would stand in the file; an empty value "      \
  "takes "                                                                                                   \
  "a setting out of it, so that its default holds."

static const AipCtlCommand commands[] = {
  { NULL, NULL, "The daemon" },
  { "status", "", "Show whether the daemon runs, where it listens, and what is wrong", NULL, NULL, NULL,
    aip_ctl_status },
  { "doctor", "", "Look at everything and say how to mend what is wrong",
    "Looks at bus, keyring, config, ports, files, clock, and each provider. Where no daemon "
    "runs, tells what may keep it from starting. Exits with 1 if a check failed.",
    NULL, doctor_options, aip_ctl_doctor },
  { "pause", "", "Cut what runs and refuse what comes, until `resume`", NULL, NULL, NULL, aip_ctl_pause },
  { "resume", "", "End `pause`", NULL, NULL, NULL, aip_ctl_resume },
  { "reload", "", "Read configuration and secrets again", NULL, NULL, NULL, aip_ctl_reload },
  { "unlock", "", "Ask the keyring to unlock", NULL, NULL, NULL, aip_ctl_unlock },
  { "strategy", "[STRATEGY]", "Show or choose how a key is picked", NULL, "aiproxyctl strategy failover",
    NULL, aip_ctl_strategy },

  { NULL, NULL, "Apps that use it" },
  { "env", "", "Print what makes the usual SDKs use the daemon",
    "Prints OPENAI_BASE_URL, OPENAI_API_KEY, ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY with a client's token.",
    "eval \"$(aiproxyctl env)\"\n  aiproxyctl env --shell fish | source", env_options, aip_ctl_env },
  { "token", "[CLIENT]", "Show a client's token",
    "Without CLIENT: that of the client \"default\", or of the only one.", NULL, NULL, aip_ctl_client_token },
  { "client list", "", "List the clients", NULL, NULL, NULL, aip_ctl_client_list },
  { "client show", "NAME", "Show all of a client but its token, and how far its limits are used", NULL, NULL,
    NULL, aip_ctl_client_show },
  { "client add", "NAME", "Add a client and print its token", SETTINGS_HELP,
    "aiproxyctl client add editor --set rpm=60 --set 'models=gpt-*'", client_add_options,
    aip_ctl_client_add },
  { "client set", "NAME KEY=VALUE...", "Change settings of a client", SETTINGS_HELP,
    "aiproxyctl client set editor daily-requests=1000", NULL, aip_ctl_client_set },
  { "client token", "[CLIENT]", "Show a client's token", NULL, NULL, NULL, aip_ctl_client_token },
  { "client rotate", "NAME", "Make a new token; the old one is refused from now on", NULL, NULL, yes_options,
    aip_ctl_client_rotate },
  { "client remove", "NAME", "Remove a client; its token is refused from now on", NULL, NULL, yes_options,
    aip_ctl_client_remove },
  { "tenant list", "", "List the tenants, and how far their limits are used", NULL, NULL, NULL,
    aip_ctl_tenant_list },

  { NULL, NULL, "Providers and keys" },
  { "provider list", "", "List the providers", NULL, NULL, NULL, aip_ctl_provider_list },
  { "provider show", "NAME", "Show all of a provider", NULL, NULL, NULL, aip_ctl_provider_show },
  { "provider add", "NAME", "Add a provider", SETTINGS_HELP,
    "aiproxyctl provider add openai --dialect openai --base-url https://api.openai.com/v1",
    provider_add_options, aip_ctl_provider_add },
  { "provider set", "NAME KEY=VALUE...", "Change settings of a provider", SETTINGS_HELP,
    "aiproxyctl provider set openai priority=1 'models=gpt-*;o3'", NULL, aip_ctl_provider_set },
  { "provider reset", "NAME", "Close the breaker of a provider that needs no key",
    "It is used again at once. Each key has a breaker of its own, see `key reset`.", NULL, NULL,
    aip_ctl_provider_reset },
  { "provider test", "NAME", "Ask a provider for its models",
    "Exits with 1 unless it answers, and tells a refused key from a broken network.", NULL, NULL,
    aip_ctl_provider_test },
  { "provider remove", "NAME", "Remove a provider",
    "What is still in use is not removed, unless --force takes along what uses it.", NULL,
    provider_remove_options, aip_ctl_provider_remove },
  { "key list", "", "List the keys", NULL, NULL, NULL, aip_ctl_key_list },
  { "key show", "NAME", "Show all of a key but its secret", NULL, NULL, NULL, aip_ctl_key_show },
  { "key add", "NAME", "Add a key; its secret is asked for, or read from stdin",
    "The secret goes into the keyring and nowhere else. It is never an argument, which every user of the "
    "machine could see. " SETTINGS_HELP,
    "aiproxyctl key add main --provider openai\n  secret-tool lookup service openai | aiproxyctl key add "
    "main --provider openai\n"
    "  aiproxyctl key add main --provider openai --secret env:OPENAI_API_KEY --import\n"
    "  aiproxyctl key add main --import          (it stands in clear in the config file)",
    key_add_options, aip_ctl_key_add },
  { "key set", "NAME KEY=VALUE...", "Change settings of a key", SETTINGS_HELP,
    "aiproxyctl key set main weight=3 rpm=500", NULL, aip_ctl_key_set },
  { "key secret", "NAME", "Put a new secret into the keyring; it is asked for, or read from stdin", NULL,
    "aiproxyctl key secret main\n  aiproxyctl key secret main <secret-file", key_secret_options,
    aip_ctl_key_secret },
  { "key enable", "NAME", "Use a key again", NULL, NULL, NULL, aip_ctl_key_enable },
  { "key disable", "NAME", "Leave a key out", NULL, NULL, NULL, aip_ctl_key_disable },
  { "key reset", "NAME", "Close a key's breaker, so that it is used again at once", NULL, NULL, NULL,
    aip_ctl_key_reset },
  { "key test", "NAME", "Make one cheap real call with a key",
    "Exits with 1 unless it works, and tells a refused key, a broken network and a used-up quota apart.",
    NULL, NULL, aip_ctl_key_test },
  { "key remove", "NAME", "Remove a key and its secret in the keyring", NULL, NULL, key_remove_options,
    aip_ctl_key_remove },
  { "secret remove", "NAME", "Remove from the keyring what no key or client has",
    "NAME is as `doctor` tells it. A daemon with another configuration may still use it: nobody but you "
    "can "
    "tell.",
    "aiproxyctl secret remove old-key\n  aiproxyctl secret remove client:old-client", yes_options,
    aip_ctl_secret_remove },

  { NULL, NULL, "Models and routing" },
  { "model list", "", "List the models and aliases that clients may ask for", NULL, NULL, NULL,
    aip_ctl_model_list },
  { "mapping list", "", "List the aliases", NULL, NULL, NULL, aip_ctl_mapping_list },
  { "mapping show", "ALIAS", "Show all of an alias", NULL, NULL, NULL, aip_ctl_mapping_show },
  { "mapping add", "NEW-ALIAS TARGET...", "Make an alias of one or more models",
    "The targets are tried in this order. With --provider, the alias is ALIAS@PROVIDER in other commands.",
    "aiproxyctl mapping add fast gpt-4o-mini claude-3-5-haiku", mapping_add_options, aip_ctl_mapping_add },
  { "mapping set", "ALIAS KEY=VALUE...", "Change settings of an alias", SETTINGS_HELP,
    "aiproxyctl mapping set fast 'target=gpt-4.1-mini;gpt-4o-mini'", NULL, aip_ctl_mapping_set },
  { "mapping remove", "ALIAS", "Remove an alias", NULL, NULL, NULL, aip_ctl_mapping_remove },
  { "route", "MODEL", "Tell which key would serve a model, and why the others would not",
    "Changes nothing and asks nobody. Exits with 1 where nothing would serve it.", "aiproxyctl route gpt-4o",
    route_options, aip_ctl_route },

  { NULL, NULL, "What happens" },
  { "stats", "[SECONDS]", "Show the counters",
    "With SECONDS, they are shown that often until Ctrl-C; with --watch alone, every second.",
    "aiproxyctl stats 5", stats_options, aip_ctl_stats },
  { "log tail", "", "Print one line for each request as it ends, until Ctrl-C", NULL,
    "aiproxyctl log tail --json | jq .model", tail_options, aip_ctl_log_tail },
  { "log list", "", "List the last requests that are over, the newest one last",
    "The daemon keeps the last 500 in memory, without what was said.",
    "aiproxyctl log list --outcome upstream-fault --limit 10", log_list_options, aip_ctl_log_list },
  { "log search", "TEXT", "List those of them that have a text in an id, a name, the path or the outcome",
    "Capital letters count as small ones. The last 500 are looked at, whatever --limit says.",
    "aiproxyctl log search gpt-4o --outcome truncated", log_list_options, aip_ctl_log_search },
  { "log export", "", "Print all of them for another program, one JSON document a line",
    "With --limit, the newest ones alone. The newest one is last.",
    "aiproxyctl log export --client editor >requests.jsonl", log_export_options, aip_ctl_log_export },
  { "log show", "ID", "Tell how a request has ended, and why it went where it went",
    "The id is that of `log list` and X-Request-Id.", NULL, NULL, aip_ctl_log_show },
  { "log purge", "", "Forget all requests that are over", NULL, NULL, yes_options, aip_ctl_log_purge },
  { "cancel", "ID", "End a request that is under way, or waits for a key",
    "The id is that of `log tail --started` and X-Request-Id.", NULL, NULL, aip_ctl_cancel },

  { NULL, NULL, "Configuration" },
  { "config show", "", "Print the configuration in force, without secrets", NULL, NULL, config_show_options,
    aip_ctl_config_show },
  { "config check", "", "Tell whether the config files can be used as they are now", NULL, NULL, NULL,
    aip_ctl_config_check },
  { "config path", "", "Print which file changes are written to", NULL,
    "editor \"$(aiproxyctl config path)\"", config_path_options, aip_ctl_config_path },
  { "config set", "GROUP KEY=VALUE...", "Change settings of a group", SETTINGS_HELP,
    "aiproxyctl config set timeouts first-byte=60s", NULL, aip_ctl_config_set },
};

/**
 * aip_ctl_command_get_all:
 * @n_commands: (out): how many there are
 *
 * Returns: (transfer none): all commands and titles, in the order of the help
 */
const AipCtlCommand *
aip_ctl_command_get_all (guint *n_commands)
{
  g_return_val_if_fail (n_commands != NULL, NULL);

  *n_commands = G_N_ELEMENTS (commands);
  return commands;
}

/**
 * aip_ctl_command_find:
 * @words: (array zero-terminated=1): words beside options
 * @n_words: (out): how many of them name the command
 *
 * Returns: (transfer none) (nullable): the command
 */
const AipCtlCommand *
aip_ctl_command_find (const char *const *words, guint *n_words)
{
  g_autofree char *two = NULL;

  g_return_val_if_fail (words != NULL, NULL);
  g_return_val_if_fail (n_words != NULL, NULL);

  if (words[0] == NULL)
    return NULL;
  two = words[1] != NULL ? g_strconcat (words[0], " ", words[1], NULL) : NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      const char *name = commands[i].name;

      if (name == NULL || (!g_str_equal (name, words[0]) && g_strcmp0 (name, two) != 0))
        continue;
      *n_words = strchr (name, ' ') != NULL ? 2 : 1;
      return &commands[i];
    }
  return NULL;
}

/**
 * aip_ctl_command_is_in_group:
 * @self: a command or a title
 * @group: the first word of several commands: "key"
 *
 * Returns: whether it is one of them
 */
gboolean
aip_ctl_command_is_in_group (const AipCtlCommand *self, const char *group)
{
  gsize length;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (group != NULL, FALSE);

  length = strlen (group);
  return self->name != NULL && strncmp (self->name, group, length) == 0 && self->name[length] == ' ';
}

/**
 * aip_ctl_command_is_group:
 * @word: what was typed
 *
 * Returns: whether commands of two words begin with it
 */
gboolean
aip_ctl_command_is_group (const char *word)
{
  g_return_val_if_fail (word != NULL, FALSE);

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (aip_ctl_command_is_in_group (&commands[i], word))
      return TRUE;
  return FALSE;
}

/* What may stand where a command begins, or behind @group. */
static GPtrArray *
collect_words (const char *group)
{
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      const char *name = commands[i].name;

      if (name != NULL && group == NULL)
        g_ptr_array_add (words, g_strndup (name, strcspn (name, " ")));
      else if (group != NULL && aip_ctl_command_is_in_group (&commands[i], group))
        g_ptr_array_add (words, g_strdup (strchr (name, ' ') + 1));
    }
  return words;
}

/**
 * aip_ctl_command_set_unknown:
 * @error: return location for the error
 * @words: (array zero-terminated=1): words that name no command; there is at least one
 *
 * Says so, and what was probably meant.
 */
void
aip_ctl_command_set_unknown (GError **error, const char *const *words)
{
  const char *group, *wrong, *near;
  g_autoptr (GPtrArray) known = NULL;

  g_return_if_fail (words != NULL && words[0] != NULL);

  group = aip_ctl_command_is_group (words[0]) ? words[0] : NULL;
  wrong = group != NULL ? words[1] : words[0];
  known = collect_words (group);
  if (wrong == NULL)
    {
      g_ptr_array_add (known, NULL);
      g_autofree char *all = g_strjoinv (", ", (char **) known->pdata);

      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "say what to do with \"%s\": %s",
                   group, all);
      return;
    }
  near = aip_ctl_near_find (known, wrong);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
               "there is no command \"%s%s%s\"%s%s%s%s%s", group != NULL ? group : "",
               group != NULL ? " " : "", wrong, near != NULL ? "; did you mean \"" : "",
               near != NULL && group != NULL ? group : "", near != NULL && group != NULL ? " " : "",
               near != NULL ? near : "", near != NULL ? "\"?" : "");
}
