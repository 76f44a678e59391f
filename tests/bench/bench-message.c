/* SPDX-License-Identifier: MIT */
#include "bench-message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t
smaller (uint64_t a, size_t b)
{
  return a < b ? (size_t) a : b;
}

/* The value of a field, or NULL. Heads are kept NUL-terminated. */
static const char *
find_field (const BenchMessage *self, const char *name)
{
  size_t len = strlen (name);

  for (const char *line = strstr (self->head, "\r\n"); line != NULL; line = strstr (line, "\r\n"))
    {
      line += 2;
      if (strncasecmp (line, name, len) == 0 && line[len] == ':')
        return line + len + 1;
    }

  return NULL;
}

static void
start_body (BenchMessage *self)
{
  const char *coding = find_field (self, "Transfer-Encoding");
  const char *length = find_field (self, "Content-Length");

  if (coding != NULL)
    self->state = BENCH_MESSAGE_CHUNK_SIZE;
  else
    self->state = BENCH_MESSAGE_LENGTH;

  self->left = coding == NULL && length != NULL ? strtoull (length, NULL, 10) : 0;
  if (self->state == BENCH_MESSAGE_LENGTH && self->left == 0)
    self->state = BENCH_MESSAGE_DONE;
}

static size_t
feed_head (BenchMessage *self, const char *data, size_t len)
{
  size_t old_len = self->head_len;
  size_t n = smaller (BENCH_HEAD_SIZE - 1 - old_len, len);
  size_t from = old_len < 3 ? 0 : old_len - 3;
  const char *end;

  memcpy (self->head + old_len, data, n);
  self->head_len += n;
  end = memmem (self->head + from, self->head_len - from, "\r\n\r\n", 4);
  if (end == NULL)
    {
      if (self->head_len == BENCH_HEAD_SIZE - 1)
        self->state = BENCH_MESSAGE_BROKEN;
      return n;
    }

  self->head_len = (size_t) (end - self->head) + 4;
  self->head[self->head_len] = '\0';
  start_body (self);
  return self->head_len - old_len;
}

static size_t
feed_chunk_size (BenchMessage *self, const char *data)
{
  char c = *data;

  if (c == '\n')
    self->state = self->left > 0 ? BENCH_MESSAGE_CHUNK_DATA : BENCH_MESSAGE_TRAILERS;
  else if (c >= '0' && c <= '9')
    self->left = self->left * 16 + (uint64_t) (c - '0');
  else if ((c | 32) >= 'a' && (c | 32) <= 'f')
    self->left = self->left * 16 + (uint64_t) ((c | 32) - 'a' + 10);
  else if (c != '\r')
    self->state = BENCH_MESSAGE_BROKEN;

  self->line_len = 0;
  return 1;
}

static size_t
feed_data (BenchMessage *self, const char *data, size_t len, BenchBodyFunc on_body, void *user_data)
{
  size_t n = smaller (self->left, len);

  on_body (data, n, user_data);
  self->left -= n;
  if (self->left == 0)
    self->state = self->state == BENCH_MESSAGE_LENGTH ? BENCH_MESSAGE_DONE : BENCH_MESSAGE_CHUNK_END;

  return n;
}

static size_t
feed_chunk_end (BenchMessage *self, const char *data)
{
  if (*data == '\n')
    self->state = BENCH_MESSAGE_CHUNK_SIZE;
  else if (*data != '\r')
    self->state = BENCH_MESSAGE_BROKEN;

  return 1;
}

static size_t
feed_trailers (BenchMessage *self, const char *data)
{
  if (*data == '\n' && self->line_len == 0)
    self->state = BENCH_MESSAGE_DONE;
  else if (*data == '\n')
    self->line_len = 0;
  else if (*data != '\r')
    self->line_len++;

  return 1;
}

/**
 * bench_message_reset:
 * @self: a message
 *
 * Makes ready for the next message of the connection.
 */
void
bench_message_reset (BenchMessage *self)
{
  self->state = BENCH_MESSAGE_HEAD;
  self->head_len = 0;
  self->left = 0;
  self->line_len = 0;
}

/**
 * bench_message_feed:
 * @self: a message, zeroed or reset before its first byte
 * @data: bytes from the peer
 * @len: how many
 * @on_body: takes each piece of the body, without its framing
 * @user_data: for @on_body
 *
 * Reads one HTTP/1.1 message as far as it is there. The peers are known programs, so framing is
 * followed, not checked.
 *
 * Returns: how many bytes were used; fewer than @len only when the message is done or broken
 */
size_t
bench_message_feed (BenchMessage *self, const char *data, size_t len, BenchBodyFunc on_body, void *user_data)
{
  size_t used = 0;

  while (used < len && self->state != BENCH_MESSAGE_DONE && self->state != BENCH_MESSAGE_BROKEN)
    {
      const char *p = data + used;

      if (self->state == BENCH_MESSAGE_HEAD)
        used += feed_head (self, p, len - used);
      else if (self->state == BENCH_MESSAGE_CHUNK_SIZE)
        used += feed_chunk_size (self, p);
      else if (self->state == BENCH_MESSAGE_CHUNK_END)
        used += feed_chunk_end (self, p);
      else if (self->state == BENCH_MESSAGE_TRAILERS)
        used += feed_trailers (self, p);
      else
        used += feed_data (self, p, len - used, on_body, user_data);
    }

  return used;
}

/**
 * bench_message_status:
 * @self: an answer whose head is complete
 *
 * Returns: its status code
 */
int
bench_message_status (const BenchMessage *self)
{
  return self->head_len > 12 ? atoi (self->head + 9) : 0;
}
