/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl.h"

G_BEGIN_DECLS

/**
 * AipCtlCommand: one command, or the title of the section that follows.
 *
 * @name: one word or two: "status", "key add"; NULL: a title, which is @doc
 * @arguments: what it takes, as in the help: "NAME [KEY=VALUE]..."; the names say how they are completed
 * @doc: one line without a full stop
 * @help: (nullable): more of it
 * @example: (nullable): lines, as they would be typed
 * @options: (nullable): ends with a NULL name
 * @run: does it; on an error, what it returns does not count
 */
typedef struct
{
  const char *name;
  const char *arguments;
  const char *doc;
  const char *help;
  const char *example;
  const AipCtlOption *options;
  AipCtlExit (*run) (AipCtl *ctl, const AipCtlArgs *args, GError **error);
} AipCtlCommand;

extern const AipCtlOption aip_ctl_global_options[];

const AipCtlCommand *aip_ctl_command_get_all (guint *n_commands);
const AipCtlCommand *aip_ctl_command_find (const char *const *words, guint *n_words);
gboolean aip_ctl_command_is_group (const char *word);
gboolean aip_ctl_command_is_in_group (const AipCtlCommand *self, const char *group);
void aip_ctl_command_set_unknown (GError **error, const char *const *words);

G_END_DECLS
