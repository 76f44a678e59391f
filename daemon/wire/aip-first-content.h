/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipFirstContent: what the first events of a stream say.
 */
typedef enum
{
  AIP_FIRST_CONTENT_NONE,  /* nothing yet: comments, pings, what opens an answer */
  AIP_FIRST_CONTENT_TEXT,  /* something that the client waits for */
  AIP_FIRST_CONTENT_ERROR, /* it has failed before there was any */
} AipFirstContent;

AipFirstContent
aip_first_content_find (const char *events, gsize length, const char **error, gsize *error_length);

G_END_DECLS
