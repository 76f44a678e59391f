/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipCtlSchemaRow: what completion knows of one setting. The rows are made from the daemon's own schema.
 *
 * @group: "server", or "provider" for [provider NAME]
 * @named: whether the group has a name of its own
 * @key: the setting
 * @choices: what it may be, with ";" between; "": anything
 * @doc: one line
 */
typedef struct
{
  const char *group;
  gboolean named;
  const char *key;
  const char *choices;
  const char *doc;
} AipCtlSchemaRow;

/* Ends with a NULL group. */
extern const AipCtlSchemaRow aip_ctl_schema[];

G_END_DECLS
