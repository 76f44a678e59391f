/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipTooLong: the models that have turned one request down as too long for them, and so which others cannot
 * take it either. All zero: nobody has. All fields private.
 */
typedef struct
{
  GPtrArray *models; /* (nullable) (element-type utf8): owned */
  guint context;     /* tokens: the most that did not do; 0: not known */
} AipTooLong;

void aip_too_long_add (AipTooLong *self, const char *model, guint context);
void aip_too_long_clear (AipTooLong *self);
gboolean aip_too_long_rules_out (const AipTooLong *self, const char *model, guint context);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipTooLong, aip_too_long_clear)

G_END_DECLS
