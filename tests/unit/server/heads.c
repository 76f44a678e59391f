/* SPDX-License-Identifier: MIT */
#include "heads.h"

#include <string.h>

/**
 * heads_parse:
 * @text: a whole head that has to be accepted
 *
 * Returns: (transfer full): the head
 */
AipHead *
heads_parse (const char *text)
{
  guint status = 0;
  const char *message = NULL;
  AipHead *head = aip_head_parse (text, strlen (text), &status, &message);

  if (head == NULL)
    g_error ("refused with %u, %s: %s", status, message, text);
  return head;
}

/**
 * heads_get:
 * @headers: whole lines
 *
 * Returns: (transfer full): the head of a GET with @headers, Host included only if it is there
 */
AipHead *
heads_get (const char *headers)
{
  g_autofree char *text = g_strconcat (
      strstr (headers, "Host:") != NULL ? "GET / HTTP/1.1\r\n" : "GET / HTTP/1.0\r\n", headers, "\r\n", NULL);

  return heads_parse (text);
}
