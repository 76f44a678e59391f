/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-header-list"

#include "upstream/aip-header-list.h"

#include <string.h>

#include "base/aip-secret.h"

/**
 * aip_header_list_init:
 * @self: uninitialised memory
 */
void
aip_header_list_init (AipHeaderList *self)
{
  *self = (AipHeaderList){ .nodes = g_array_sized_new (FALSE, FALSE, sizeof (struct curl_slist), 16) };
}

/**
 * aip_header_list_reset:
 * @self: a list; it is empty afterwards and keeps its memory
 */
void
aip_header_list_reset (AipHeaderList *self)
{
  aip_secret_wipe (self->text, self->used);
  self->used = 0;
  g_array_set_size (self->nodes, 0);
}

/**
 * aip_header_list_clear:
 * @self: a list; frees what it holds
 */
void
aip_header_list_clear (AipHeaderList *self)
{
  aip_header_list_reset (self);
  g_clear_pointer (&self->text, g_free);
  g_clear_pointer (&self->nodes, g_array_unref);
}

/**
 * aip_header_list_reserve:
 * @self: an empty list
 * @size: bytes of all lines that will be added, with a NUL each
 *
 * Makes room at once: memory that moves as it grows would leave a copy of the key behind.
 */
void
aip_header_list_reserve (AipHeaderList *self, gsize size)
{
  g_return_if_fail (self->used == 0);

  if (size <= self->size)
    return;
  g_free (self->text);
  self->size = MAX (size, 1024);
  self->text = g_malloc (self->size);
}

/**
 * aip_header_list_add:
 * @self: a list with room
 * @text: (array length=length): a line without its end
 * @length: bytes of it
 * @end: what to put behind it
 */
void
aip_header_list_add (AipHeaderList *self, const char *text, gsize length, const char *end)
{
  gsize end_size = strlen (end) + 1;
  struct curl_slist node = { .data = GSIZE_TO_POINTER (self->used) };

  g_return_if_fail (length + end_size <= self->size - self->used);

  memcpy (self->text + self->used, text, length);
  memcpy (self->text + self->used + length, end, end_size);
  self->used += length + end_size;
  g_array_append_val (self->nodes, node);
}

/**
 * aip_header_list_link:
 * @self: a list, complete
 *
 * Returns: (transfer none) (nullable): it for libcurl, until aip_header_list_reset ()
 */
struct curl_slist *
aip_header_list_link (AipHeaderList *self)
{
  struct curl_slist *nodes = (struct curl_slist *) self->nodes->data;
  guint n = self->nodes->len;

  for (guint i = 0; i < n; i++)
    {
      nodes[i].data = self->text + GPOINTER_TO_SIZE (nodes[i].data);
      nodes[i].next = i + 1 < n ? &nodes[i + 1] : NULL;
    }
  return n > 0 ? nodes : NULL;
}
