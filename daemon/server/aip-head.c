/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-head"

#include "server/aip-head.h"

#include <string.h>

#include "base/aip-ascii.h"

/*
 * libsoup's parser is lenient: it takes folded lines, blanks before colons, lone line feeds, "+2" as a
 * length, and two lengths at once. Whatever two parties could read differently is refused here (RFC 9112,
 * sections 2.2, 3, 5 and 6.3). What is left means the same to both, so that libsoup has no need to read it
 * again: it gets the headers one by one.
 */

typedef struct
{
  guint status;
  const char *message;
  guint n_fields;
  guint n_connection_names;
  guint n_hosts;
  guint n_lengths;
  guint n_encodings;
  guint n_origins;
  guint n_authorizations;
  guint n_types;
} Check;

/* One line in bytes that may be written to. */
typedef struct
{
  char *name;
  gsize name_length;
  char *value;
  gsize value_length;
} Field;

static gboolean
refuse (Check *check, guint status, const char *message)
{
  check->status = status;
  check->message = message;
  return FALSE;
}

static void
trim (char **value, gsize *length)
{
  while (*length > 0 && (**value == ' ' || **value == '\t'))
    (*value)++, (*length)--;
  while (*length > 0 && ((*value)[*length - 1] == ' ' || (*value)[*length - 1] == '\t'))
    (*length)--;
}

static gboolean
check_content_length (Check *check, const char *value, gsize length)
{
  if (check->n_lengths++ > 0)
    return refuse (check, 400, "more than one Content-Length");
  if (length == 0 || length > 18)
    return refuse (check, 400, "Content-Length is not a number that makes sense");
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isdigit (value[i]))
      return refuse (check, 400, "Content-Length may hold digits alone");
  return TRUE;
}

static gboolean
check_transfer_encoding (Check *check, const char *value, gsize length)
{
  if (check->n_encodings++ > 0)
    return refuse (check, 400, "more than one Transfer-Encoding");
  if (!aip_ascii_equal (value, length, "chunked"))
    return refuse (check, 501, "the only Transfer-Encoding served is chunked");
  return TRUE;
}

/* What Connection names is looked up for each field: both numbers have to be small. */
static gboolean
check_connection (Check *check, const char *value, gsize length)
{
  const char *end = value + length;

  check->n_connection_names++;
  for (const char *p = value; (p = memchr (p, ',', end - p)) != NULL; p++)
    check->n_connection_names++;
  if (check->n_connection_names > AIP_HEAD_MAX_CONNECTION_NAMES)
    return refuse (check, 431, "Connection names more than 32 headers");
  return TRUE;
}

static gboolean
split_field (Field *field, Check *check, char *line, gsize length)
{
  char *colon = memchr (line, ':', length);
  gsize name_length = colon != NULL ? (gsize) (colon - line) : 0;

  *field = (Field){ line, name_length, line + name_length + 1, length - name_length - 1 };
  if (++check->n_fields > AIP_HEAD_MAX_FIELDS)
    return refuse (check, 431, "the request's head has more than 128 headers");
  if (length > 0 && (line[0] == ' ' || line[0] == '\t'))
    return refuse (check, 400, "folded header lines are not accepted");
  if (name_length == 0)
    return refuse (check, 400, "a header line has no name");
  if (!aip_ascii_is_token (line, name_length))
    return refuse (check, 400, "a header's name holds a character that is not allowed");
  if (aip_ascii_has_control (field->value, field->value_length))
    return refuse (check, 400, "a header's value holds a control character");
  trim (&field->value, &field->value_length);
  return TRUE;
}

static gboolean
check_field (Check *check, const Field *field)
{
  const char *name = field->name;
  gsize length = field->name_length;

  if (aip_ascii_equal (name, length, "content-length"))
    return check_content_length (check, field->value, field->value_length);
  if (aip_ascii_equal (name, length, "transfer-encoding"))
    return check_transfer_encoding (check, field->value, field->value_length);
  if (aip_ascii_equal (name, length, "connection"))
    return check_connection (check, field->value, field->value_length);
  if (aip_ascii_equal (name, length, "host") && check->n_hosts++ > 0)
    return refuse (check, 400, "more than one Host");
  if (aip_ascii_equal (name, length, "origin") && check->n_origins++ > 0)
    return refuse (check, 400, "more than one Origin");
  if (aip_ascii_equal (name, length, "authorization") && check->n_authorizations++ > 0)
    return refuse (check, 400, "more than one Authorization");
  if (aip_ascii_equal (name, length, "content-type") && check->n_types++ > 0)
    return refuse (check, 400, "more than one Content-Type");
  return TRUE;
}

/* What an SDK tells of the machine it runs on is half of what it sends, and nobody here reads it. */
static void
keep_field (AipHead *self, const Field *field)
{
  if (aip_ascii_has_prefix (field->name, field->name_length, "X-Stainless-"))
    return;
  field->name[field->name_length] = '\0';
  field->value[field->value_length] = '\0';
  if (g_utf8_validate (field->value, (gssize) field->value_length, NULL))
    soup_message_headers_append (self->headers, field->name, field->value);
  else
    {
      g_autofree char *valid = g_utf8_make_valid (field->value, (gssize) field->value_length);

      soup_message_headers_append (self->headers, field->name, valid);
    }
}

static gboolean
take_field (AipHead *self, Check *check, char *line, gsize length)
{
  Field field;

  if (!split_field (&field, check, line, length) || !check_field (check, &field))
    return FALSE;
  keep_field (self, &field);
  return TRUE;
}

/* METHOD SP target SP HTTP/1.x, each of visible ASCII, with exactly one blank between. */
static gboolean
check_request_line (Check *check, const char *line, gsize length)
{
  const char *end = line + length;
  const char *target = memchr (line, ' ', length);
  const char *version;

  if (target == NULL || target == line || target - line > 32)
    return refuse (check, 400, "the request line is malformed");
  for (const char *p = line; p < target; p++)
    if (!g_ascii_isupper (*p))
      return refuse (check, 400, "the method is malformed");
  target++;
  version = memchr (target, ' ', end - target);
  if (version == NULL || version == target)
    return refuse (check, 400, "the request line is malformed");
  for (const char *p = target; p < version; p++)
    if ((guchar) *p <= 0x20 || (guchar) *p >= 0x7f || *p == '#')
      return refuse (check, 400, "the request's target holds a character that has to be percent-encoded");
  version++;
  if (end - version != 8 || memcmp (version, "HTTP/", 5) != 0 || version[6] != '.' ||
      !g_ascii_isdigit (version[5]) || !g_ascii_isdigit (version[7]))
    return refuse (check, 400, "the request line is malformed");
  if (version[5] != '1' || version[7] > '1')
    return refuse (check, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  return TRUE;
}

static gboolean
take_request_line (AipHead *self, Check *check, char *line, gsize length, char **target)
{
  char *end;

  if (!check_request_line (check, line, length))
    return FALSE;
  *target = (char *) memchr (line, ' ', length) + 1;
  end = memchr (*target, ' ', line + length - *target);
  *end = '\0';
  self->method = g_strndup (line, *target - 1 - line);
  self->minor = line[length - 1] - '0';
  return TRUE;
}

/* @data is written to; @target is a part of it. */
static gboolean
take_lines (AipHead *self, Check *check, char *data, gsize length, char **target)
{
  char *end = data + length - 2; /* without the empty line */
  char *line = data;

  if (memchr (data, '\0', length) != NULL)
    return refuse (check, 400, "the head holds a NUL byte");
  while (line < end)
    {
      char *lf = memchr (line, '\n', end - line);
      char *cr = lf != NULL ? lf - 1 : NULL;

      /* A CR elsewhere is a control character in a name, a value or the request line. */
      if (cr == NULL || cr < line || *cr != '\r')
        return refuse (check, 400, "a line ends without CR LF");
      if (!(line == data ? take_request_line (self, check, line, cr - line, target)
                         : take_field (self, check, line, cr - line)))
        return FALSE;
      line = cr + 2;
    }
  if (check->n_lengths > 0 && check->n_encodings > 0)
    return refuse (check, 400, "both Content-Length and Transfer-Encoding are given");
  return TRUE;
}

/* Whoever passed on a request of HTTP/1.0 may not have known what its Connection means: RFC 9110, 7.6.1. */
static void
drop_what_connection_names (AipHead *self)
{
  const char *connection = soup_message_headers_get_list (self->headers, "Connection");
  GSList *names = connection != NULL ? soup_header_parse_list (connection) : NULL;

  for (GSList *link = names; link != NULL; link = link->next)
    soup_message_headers_remove (self->headers, link->data);
  soup_header_free_list (names);
}

/**
 * aip_head_find_end:
 * @data: what came so far
 * @length: of @data, in bytes
 * @scanned: (inout): how much of it earlier calls have looked at; 0 at first
 * @end: (out): the head's length with its empty line
 *
 * Looks for the empty line. A lone line feed is refused at once: its sender may take it for a
 * line's end and would wait for an answer.
 *
 * Returns: whether the head is there
 */
AipHeadResult
aip_head_find_end (const char *data, gsize length, gsize *scanned, gsize *end)
{
  gsize from = *scanned;
  const char *lf;

  while (from < length && (lf = memchr (data + from, '\n', length - from)) != NULL)
    {
      gsize at = lf - data;

      if (at == 0 || data[at - 1] != '\r')
        return AIP_HEAD_REFUSED;
      if (at >= 3 && data[at - 2] == '\n')
        {
          *end = at + 1;
          return *end > AIP_HEAD_MAX_SIZE ? AIP_HEAD_INCOMPLETE : AIP_HEAD_COMPLETE;
        }
      from = at + 1;
    }
  *scanned = length;
  return AIP_HEAD_INCOMPLETE;
}

static gboolean
set_target (AipHead *self, Check *check, const char *target)
{
  const char *path = target;
  const char *question;

  /* absolute-form (RFC 9112, 3.2.2): its authority counts instead of Host, and is checked like it. */
  if (aip_ascii_has_prefix (target, G_MAXSIZE, "http://") ||
      aip_ascii_has_prefix (target, G_MAXSIZE, "https://"))
    {
      const char *authority = strstr (target, "//") + 2;
      gsize length = strcspn (authority, "/?");
      g_autofree char *host = g_strndup (authority, length);

      if (length == 0 || strchr (host, '@') != NULL)
        return refuse (check, 400, "the authority in the request's target is malformed");
      soup_message_headers_replace (self->headers, "Host", host);
      path = authority + length;
      if (*path == '\0')
        path = "/";
    }
  if (*path != '/' && !(g_str_equal (path, "*") && g_str_equal (self->method, "OPTIONS")))
    return refuse (check, 400, "the request's target has to begin with a slash");
  question = strchr (path, '?');
  self->path = question != NULL ? g_strndup (path, question - path) : g_strdup (path);
  self->query = question != NULL ? g_strdup (question + 1) : NULL;
  return TRUE;
}

/**
 * aip_head_dup_path:
 * @data: (array length=length): what came of a head that is refused
 * @length: of @data, in bytes
 *
 * Returns: (transfer full) (nullable): the path of what is asked for, if its first line is whole and
 * well-formed
 */
char *
aip_head_dup_path (const char *data, gsize length)
{
  Check check = { 0 };
  const char *cr = length > 0 ? memchr (data, '\r', length) : NULL;
  const char *target;

  if (cr == NULL || !check_request_line (&check, data, cr - data))
    return NULL;
  target = (const char *) memchr (data, ' ', length) + 1;
  return *target == '/' ? g_strndup (target, strcspn (target, "? ")) : NULL;
}

static gboolean
set_connection (AipHead *self, Check *check)
{
  const char *connection = soup_message_headers_get_list (self->headers, "Connection");
  const char *expect = soup_message_headers_get_list (self->headers, "Expect");

  self->keep_alive = self->minor >= 1;
  if (connection != NULL && soup_header_contains (connection, "close"))
    self->keep_alive = FALSE;
  else if (connection != NULL && self->minor == 0)
    self->keep_alive = soup_header_contains (connection, "keep-alive");

  if (expect != NULL && g_ascii_strcasecmp (expect, "100-continue") != 0)
    return refuse (check, 417, "the only Expect served is 100-continue");
  self->expect_continue = expect != NULL && self->minor >= 1;
  return TRUE;
}

static gboolean
set_framing (AipHead *self, Check *check)
{
  const char *length = aip_head_get (self, "Content-Length");

  self->content_length = length != NULL ? g_ascii_strtoll (length, NULL, 10) : -1;
  self->chunked = check->n_encodings > 0;
  /* What Connection names is no longer in a head of HTTP/1.0. */
  if ((check->n_lengths > 0 && length == NULL) ||
      (check->n_hosts > 0 && aip_head_get (self, "Host") == NULL) ||
      (check->n_origins > 0 && aip_head_get (self, "Origin") == NULL))
    return refuse (check, 400, "Connection names a header that is not about the connection");
  if (self->chunked && self->minor == 0)
    return refuse (check, 400, "HTTP/1.0 knows no chunks");
  return TRUE;
}

/**
 * aip_head_parse:
 * @data: one whole head with its empty line, as aip_head_find_end () found it
 * @length: of @data, in bytes
 * @status: (out): the HTTP status to refuse it with
 * @message: (out) (transfer none): why, static text
 *
 * Returns: (transfer full) (nullable): the head, or NULL when it is refused; the connection has to be
 *   closed then, since where the next request begins is not sure
 */
AipHead *
aip_head_parse (const char *data, gsize length, guint *status, const char **message)
{
  Check check = { 0 };
  g_autoptr (AipHead) self = g_new0 (AipHead, 1);
  g_autofree char *copy = NULL;
  char *target = NULL;

  g_return_val_if_fail (length >= 4 && status != NULL && message != NULL, NULL);

  self->headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  copy = g_memdup2 (data, length);
  if (take_lines (self, &check, copy, length, &target))
    {
      if (self->minor == 0)
        drop_what_connection_names (self);
      if (set_connection (self, &check) && set_target (self, &check, target) && set_framing (self, &check))
        self->host = aip_head_get (self, "Host");
      if (check.status == 0 && self->host == NULL && self->minor >= 1)
        refuse (&check, 400, "the Host header is missing");
    }

  *status = check.status;
  *message = check.message;
  return check.status == 0 ? g_steal_pointer (&self) : NULL;
}

/**
 * aip_head_free:
 * @self: (transfer full): a head
 */
void
aip_head_free (AipHead *self)
{
  g_clear_pointer (&self->headers, soup_message_headers_unref);
  g_free (self->method);
  g_free (self->path);
  g_free (self->query);
  g_free (self);
}

/**
 * aip_head_get:
 * @self: a head
 * @name: a header's name, in any case
 *
 * Returns: (nullable): its value, or its last one where several were sent
 */
const char *
aip_head_get (const AipHead *self, const char *name)
{
  return soup_message_headers_get_one (self->headers, name);
}

/**
 * aip_head_has_body:
 * @self: a head
 *
 * Returns: whether bytes of a body follow it
 */
gboolean
aip_head_has_body (const AipHead *self)
{
  return self->chunked || self->content_length > 0;
}
