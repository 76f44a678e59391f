/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipCtlOption: one option of a command; it is written "--name", "--name VALUE" or "--name=VALUE".
 *
 * @name: without dashes
 * @letter: "-h"; 0: there is no short form
 * @value: (nullable): what its value is called in the help, which also says how it is completed; NULL: a flag
 * @doc: one line without a full stop
 */
typedef struct
{
  const char *name;
  char letter;
  const char *value;
  const char *doc;
} AipCtlOption;

/**
 * AipCtlArgs: the words behind the program's name, taken apart.
 */
typedef struct _AipCtlArgs AipCtlArgs;

AipCtlArgs *aip_ctl_args_new (void);
void aip_ctl_args_free (AipCtlArgs *self);
gboolean
aip_ctl_args_parse (AipCtlArgs *self, const AipCtlOption *const *tables, char **words, GError **error);
const AipCtlOption *aip_ctl_args_find_option (const AipCtlOption *const *tables, const char *name);

gboolean aip_ctl_args_has (const AipCtlArgs *self, const char *option);
const char *aip_ctl_args_get (const AipCtlArgs *self, const char *option);
const char *const *aip_ctl_args_get_all (const AipCtlArgs *self, const char *option);
guint aip_ctl_args_count (const AipCtlArgs *self);
const char *aip_ctl_args_nth (const AipCtlArgs *self, guint n);
const char *const *aip_ctl_args_from (const AipCtlArgs *self, guint n);
void aip_ctl_args_drop (AipCtlArgs *self, guint n);

void aip_ctl_arguments_count (const char *arguments, guint *min, guint *max);
const char *aip_ctl_arguments_nth (const char *arguments, guint n, gsize *length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipCtlArgs, aip_ctl_args_free)

G_END_DECLS
