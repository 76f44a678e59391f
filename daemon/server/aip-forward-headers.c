/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-forward-headers"

#include "server/aip-forward-headers.h"

#include <string.h>

#include "base/aip-ascii.h"
#include "server/aip-guard.h"
#include "server/aip-reply.h"

/* What of a client's headers an upstream may see. Everything else, credentials and cookies first of all,
 * stays here. */
static const AipAsciiName allowed[] = {
  AIP_ASCII_NAME ("Accept"),
  AIP_ASCII_NAME ("Accept-Language"),
  AIP_ASCII_NAME ("Anthropic-Beta"),
  AIP_ASCII_NAME ("Anthropic-Dangerous-Direct-Browser-Access"),
  AIP_ASCII_NAME ("Anthropic-Version"),
  AIP_ASCII_NAME ("Content-Encoding"),
  AIP_ASCII_NAME ("Content-Type"),
  AIP_ASCII_NAME ("HTTP-Referer"),
  AIP_ASCII_NAME ("Idempotency-Key"),
  AIP_ASCII_NAME ("If-Match"),
  AIP_ASCII_NAME ("If-None-Match"),
  AIP_ASCII_NAME ("OpenAI-Beta"),
  AIP_ASCII_NAME ("Originator"),
  AIP_ASCII_NAME ("Prefer"),
  AIP_ASCII_NAME ("Range"),
  AIP_ASCII_NAME ("Session_id"),
  AIP_ASCII_NAME ("Traceparent"),
  AIP_ASCII_NAME ("Tracestate"),
  AIP_ASCII_NAME ("User-Agent"),
  AIP_ASCII_NAME ("X-Client-Request-Id"),
  AIP_ASCII_NAME ("X-Title"),
};

/* What of an upstream's headers is about its own connection, its own site, or ours to say. */
static const AipAsciiName dropped[] = {
  AIP_ASCII_NAME ("Alt-Svc"),
  AIP_ASCII_NAME ("Connection"),
  AIP_ASCII_NAME ("Content-Length"),
  AIP_ASCII_NAME ("Keep-Alive"),
  AIP_ASCII_NAME ("NEL"),
  AIP_ASCII_NAME ("Proxy-Authenticate"),
  AIP_ASCII_NAME ("Proxy-Connection"),
  AIP_ASCII_NAME ("Report-To"),
  AIP_ASCII_NAME ("Server"),
  AIP_ASCII_NAME ("Set-Cookie"),
  AIP_ASCII_NAME ("Strict-Transport-Security"),
  AIP_ASCII_NAME ("TE"),
  AIP_ASCII_NAME ("Trailer"),
  AIP_ASCII_NAME ("Transfer-Encoding"),
  AIP_ASCII_NAME ("Upgrade"),
  AIP_ASCII_NAME ("Vary"),
  AIP_ASCII_NAME ("Via"),
  AIP_ASCII_NAME ("WWW-Authenticate"),
};

static const char *const dropped_prefixes[] = { "Access-Control-", "X-Proxy-" };
static const char *const limit_prefixes[] = { "x-ratelimit-", "anthropic-ratelimit-" };

static gboolean
is_listed (const char *name, gsize length, const AipAsciiName *names, gsize n_names)
{
  for (gsize i = 0; i < n_names; i++)
    if (aip_ascii_is (name, length, &names[i]))
      return TRUE;
  return FALSE;
}

static gboolean
has_listed_prefix (const char *name, gsize length, const char *const *prefixes, gsize n_prefixes)
{
  for (gsize i = 0; i < n_prefixes; i++)
    if (aip_ascii_has_prefix (name, length, prefixes[i]))
      return TRUE;
  return FALSE;
}

/* Nearly always, Connection says nothing of other headers. */
static const char *
names_in (const char *connection)
{
  if (connection == NULL || g_ascii_strcasecmp (connection, "keep-alive") == 0 ||
      g_ascii_strcasecmp (connection, "close") == 0)
    return NULL;
  return connection;
}

/* RFC 9110, 7.6.1: a header that Connection names belongs to this connection alone. */
static gboolean
is_hop_by_hop (const char *connection, const char *name)
{
  return connection != NULL && soup_header_contains (connection, name);
}

/* One line: "name: prefix value", without the last blank. */
typedef struct
{
  const char *name;
  const char *prefix;
  const char *value;
} Part;

static void
add_part (AipHeaderLines *lines, const char *name, const char *prefix, const char *value)
{
  Part part = { name, prefix, value };

  g_array_append_val (lines->parts, part);
}

/**
 * aip_header_lines_init:
 * @self: (out caller-allocates): no lines yet; to be cleared
 */
void
aip_header_lines_init (AipHeaderLines *self)
{
  *self = (AipHeaderLines){ .parts = g_array_sized_new (FALSE, FALSE, sizeof (Part), 16) };
}

static gboolean
is_set_by_config (const AipProviderConfig *provider, const char *name)
{
  for (const AipConfigHeader *header = provider->headers; header != NULL && header->name != NULL; header++)
    if (g_ascii_strcasecmp (header->name, name) == 0)
      return TRUE;
  return FALSE;
}

static void
add_clients (AipHeaderLines *lines, const AipHead *head, const AipProviderConfig *provider)
{
  const char *connection = names_in (soup_message_headers_get_list (head->headers, "Connection"));
  SoupMessageHeadersIter iter;
  const char *name;
  const char *value;

  soup_message_headers_iter_init (&iter, head->headers);
  while (soup_message_headers_iter_next (&iter, &name, &value))
    {
      if (!is_listed (name, strlen (name), allowed, G_N_ELEMENTS (allowed)))
        continue;
      if (!is_hop_by_hop (connection, name) && !is_set_by_config (provider, name))
        aip_header_lines_add (lines, name, value);
    }
}

static void
add_dialects (AipHeaderLines *lines, const AipHead *head, const AipCandidate *candidate)
{
  const AipDialect *dialect = candidate->dialect;

  for (gsize i = 0; dialect->headers != NULL && dialect->headers[i] != NULL; i += 2)
    if (aip_head_get (head, dialect->headers[i]) == NULL &&
        !is_set_by_config (candidate->provider, dialect->headers[i]))
      aip_header_lines_add (lines, dialect->headers[i], dialect->headers[i + 1]);
  if (candidate->secret != NULL && dialect->auth_header != NULL)
    add_part (lines, dialect->auth_header, dialect->auth_prefix, aip_secret_peek (candidate->secret, NULL));
}

/**
 * aip_forward_headers_out:
 * @lines: (out caller-allocates): the lines for the upstream; to be cleared
 * @head: what the client sent; has to last as long as @lines, and so do the next
 * @candidate: where it goes
 * @request_id: this request's id
 */
void
aip_forward_headers_out (AipHeaderLines *lines,
                         const AipHead *head,
                         const AipCandidate *candidate,
                         const char *request_id)
{
  aip_header_lines_init (lines);
  add_clients (lines, head, candidate->provider);
  add_dialects (lines, head, candidate);
  for (const AipConfigHeader *header = candidate->provider->headers; header != NULL && header->name != NULL;
       header++)
    aip_header_lines_add (lines, header->name, header->value);
  aip_header_lines_add (lines, AIP_HOP_HEADER,
                        aip_number_write (lines->hops, aip_guard_get_hops (head) + 1, 10));
  aip_header_lines_add (lines, "X-Request-Id", request_id);
  /* The answer is watched as it passes. */
  aip_header_lines_add (lines, "Accept-Encoding", "identity");
}

/**
 * aip_header_lines_add:
 * @self: lines that were not rendered yet
 * @name: a header's name; has to last as long as @self
 * @value: its value; likewise
 */
void
aip_header_lines_add (AipHeaderLines *self, const char *name, const char *value)
{
  add_part (self, name, "", value);
}

static gsize
size_of_part (const Part *part)
{
  return strlen (part->name) + 2 + strlen (part->prefix) + strlen (part->value) + 1;
}

static char *
write_part (char *to, const Part *part)
{
  to = stpcpy (stpcpy (to, part->name), ": ");
  return stpcpy (stpcpy (to, part->prefix), part->value) + 1;
}

/**
 * aip_header_lines_render:
 * @self: lines, complete; once
 *
 * Returns: (transfer none) (array zero-terminated=1): them, until aip_header_lines_clear ()
 */
const char *const *
aip_header_lines_render (AipHeaderLines *self)
{
  const Part *parts = (const Part *) self->parts->data;
  guint n = self->parts->len;
  char *to;

  self->size = (n + 1) * sizeof (char *);
  for (guint i = 0; i < n; i++)
    self->size += size_of_part (&parts[i]);
  self->lines = g_malloc (self->size);
  to = (char *) (self->lines + n + 1);
  for (guint i = 0; i < n; i++)
    {
      self->lines[i] = to;
      to = write_part (to, &parts[i]);
    }
  self->lines[n] = NULL;
  return (const char *const *) self->lines;
}

/**
 * aip_header_lines_clear:
 * @self: lines
 */
void
aip_header_lines_clear (AipHeaderLines *self)
{
  if (self->lines != NULL)
    aip_secret_wipe (self->lines, self->size);
  g_clear_pointer (&self->lines, g_free);
  g_clear_pointer (&self->parts, g_array_unref);
}

/**
 * aip_header_views_find:
 * @headers: (array length=n_headers): an answer's headers
 * @n_headers: how many
 * @name: which, in any case
 *
 * Returns: (transfer none) (nullable): the first of that name
 */
const AipHeaderView *
aip_header_views_find (const AipHeaderView *headers, gsize n_headers, const char *name)
{
  AipAsciiName wanted = { name, strlen (name) };

  for (gsize i = 0; i < n_headers; i++)
    if (aip_ascii_is (headers[i].name, headers[i].name_length, &wanted))
      return &headers[i];
  return NULL;
}

/**
 * aip_header_view_to_length:
 * @length: (nullable): a Content-Length
 *
 * Returns: it, in bytes; -1 when it is missing or malformed
 */
gint64
aip_header_view_to_length (const AipHeaderView *length)
{
  gint64 n = 0;

  if (length == NULL || length->value_length == 0 || length->value_length > 18)
    return -1;
  for (gsize i = 0; i < length->value_length; i++)
    {
      if (!g_ascii_isdigit (length->value[i]))
        return -1;
      n = n * 10 + g_ascii_digit_value (length->value[i]);
    }
  return n;
}

/* What all lines of Connection name; NULL: there is none. */
static char *
join_connection (const AipHeaderView *headers, gsize n_headers)
{
  GString *names = NULL;

  for (gsize i = 0; i < n_headers; i++)
    if (aip_ascii_equal (headers[i].name, headers[i].name_length, "Connection"))
      {
        names = names != NULL ? g_string_append_c (names, ',') : g_string_new (NULL);
        g_string_append_len (names, headers[i].value, (gssize) headers[i].value_length);
      }
  return names != NULL ? g_string_free (names, FALSE) : NULL;
}

/**
 * aip_forward_headers_back:
 * @out: lines of headers for the client, added to
 * @headers: (array length=n_headers): what the upstream sent
 * @n_headers: how many
 * @request_id: this request's id, used when the upstream gave none of its own that may be passed on
 * @own_limits: the client is told of limits of ours, so that the upstream's would confuse it
 */
void
aip_forward_headers_back (GString *out,
                          const AipHeaderView *headers,
                          gsize n_headers,
                          const char *request_id,
                          gboolean own_limits)
{
  g_autofree char *joined = join_connection (headers, n_headers);
  const char *named = names_in (joined);
  gboolean has_id = FALSE;

  for (gsize i = 0; i < n_headers; i++)
    {
      const AipHeaderView *header = &headers[i];

      if (!aip_ascii_is_token (header->name, header->name_length) ||
          /* what libcurl lets pass is not what every client does */
          aip_ascii_has_control (header->value, header->value_length) ||
          is_listed (header->name, header->name_length, dropped, G_N_ELEMENTS (dropped)) ||
          has_listed_prefix (header->name, header->name_length, dropped_prefixes,
                             G_N_ELEMENTS (dropped_prefixes)) ||
          (own_limits && has_listed_prefix (header->name, header->name_length, limit_prefixes,
                                            G_N_ELEMENTS (limit_prefixes))))
        continue;
      if (named != NULL)
        {
          g_autofree char *name = g_strndup (header->name, header->name_length);

          if (is_hop_by_hop (named, name))
            continue;
        }
      has_id = has_id || aip_ascii_equal (header->name, header->name_length, "X-Request-Id");
      aip_reply_add_line (out, header->name, header->name_length, header->value, header->value_length);
    }
  if (!has_id)
    aip_reply_add_header (out, "X-Request-Id", request_id);
}
