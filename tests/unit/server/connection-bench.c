/* SPDX-License-Identifier: MIT */
#include "connection-bench.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
request_free (Request *self)
{
  g_free (self->path);
  g_free (self);
}

static void
send_answer (Bench *self, const char *path)
{
  g_autoptr (GString) headers = g_string_new ("A: b\r\n");
  guint status = 200;
  gint64 length = (gint64) strlen (path);

  if (self->answer == ANSWER_STATUS)
    {
      status = (guint) g_ascii_strtoull (path + 1, NULL, 10);
      path = "abc";
      length = 3;
    }
  else if (self->answer == ANSWER_OWN_LENGTH)
    length = self->length;
  else if (self->answer != ANSWER_WITH_PATH)
    length = -1;
  aip_connection_send_head (self->connection, status, headers, length);
  aip_connection_send_body (self->connection, path, 1);
  aip_connection_send_body (self->connection, path + 1, strlen (path) - 1);
  aip_connection_end (self->connection, self->answer != ANSWER_BROKEN);
}

static gboolean
body_cb (AipConnection *connection, const char *data, gsize length, void *user_data)
{
  Bench *bench = ((Request *) user_data)->bench;

  g_string_append_c (bench->log, 'b');
  g_string_append_len (bench->body, data, (gssize) length);
  return !bench->pauses;
}

static void
body_end_cb (AipConnection *connection, void *user_data)
{
  Request *request = user_data;
  Bench *bench = request->bench;

  g_string_append_c (bench->log, 'e');
  if (bench->answer == ANSWER_LATER)
    return;
  send_answer (bench, request->path);
}

static void
writable_cb (AipConnection *connection, void *user_data)
{
  g_string_append_c (((Request *) user_data)->bench->log, 'w');
}

static void
answer_refusal (Bench *self, guint status, const char *message)
{
  g_autoptr (GString) headers = g_string_new (NULL);

  g_string_append_printf (self->log, "R%u", status);
  aip_connection_send_head (self->connection, status, headers, (gint64) strlen (message));
  aip_connection_send_body (self->connection, message, strlen (message));
  aip_connection_end (self->connection, TRUE);
}

static void
refuse_body_cb (AipConnection *connection, guint status, const char *message, void *user_data)
{
  answer_refusal (((Request *) user_data)->bench, status, message);
}

static void
gone_cb (AipConnection *connection, void *user_data)
{
  g_string_append_c (((Request *) user_data)->bench->log, 'g');
}

static const AipConnectionFuncs funcs = {
  .body = body_cb,
  .body_end = body_end_cb,
  .writable = writable_cb,
  .refuse = refuse_body_cb,
  .gone = gone_cb,
};

static void
request_cb (AipConnection *connection, const AipHead *head, void *user_data)
{
  Bench *self = user_data;
  Request *request;

  g_assert_true (connection == self->connection);
  g_string_append_c (self->log, 'r');
  if (self->answer == ANSWER_AT_ONCE)
    {
      g_autoptr (GString) headers = g_string_new (NULL);

      aip_connection_send_head (connection, 413, headers, 0);
      aip_connection_end (connection, TRUE);
      return;
    }
  if (self->answer == ANSWER_STOLEN)
    {
      self->stolen = aip_connection_steal (connection);
      return;
    }
  g_clear_pointer (&self->request, request_free);
  request = self->request = g_new0 (Request, 1);
  request->bench = self;
  request->path = g_strdup (head->path);
  aip_connection_set_funcs (connection, &funcs, request);
}

static void
refuse_cb (AipConnection *connection, const char *path, guint status, const char *message, void *user_data)
{
  answer_refusal (user_data, status, message);
  if (path != NULL)
    g_string_append (((Bench *) user_data)->log, path);
}

static void
closed_cb (AipConnection *connection, void *user_data)
{
  Bench *self = user_data;

  g_assert_false (self->closed);
  self->closed = TRUE;
  g_string_append_c (self->log, 'c');
}

void
bench_init (Bench *self)
{
  int fds[2];

  *self = (Bench){ .context = g_main_context_new (), .log = g_string_new (NULL) };
  self->body = g_string_new (NULL);
  self->got = g_string_new (NULL);
  self->owner = (AipConnectionOwner){
    .loop = aip_loop_new (self->context),
    .scratch = g_malloc (2 * AIP_HEAD_MAX_SIZE),
    .scratch_size = 2 * AIP_HEAD_MAX_SIZE,
    .request = request_cb,
    .refuse = refuse_cb,
    .closed = closed_cb,
    .user_data = self,
  };
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), ==, 0);
  self->client = fds[1];
  self->connection = aip_connection_new (&self->owner, fds[0], NULL);
}

/* Until nothing is left to do; what comes to the client is read. */
void
settle (Bench *self)
{
  char buffer[4096];
  gssize n = 0;

  do
    {
      while (g_main_context_iteration (self->context, FALSE))
        ;
      while (self->client >= 0 && (n = read (self->client, buffer, sizeof buffer)) > 0)
        g_string_append_len (self->got, buffer, n);
    }
  while (g_main_context_pending (self->context));
}

void
leave (Bench *self)
{
  close (self->client);
  self->client = -1;
  settle (self);
}

void
bench_clear (Bench *self)
{
  if (self->client >= 0)
    leave (self);
  if (!self->closed)
    aip_connection_close (self->connection);
  settle (self);
  g_assert_true (self->closed);
  aip_loop_free (self->owner.loop);
  g_main_context_unref (self->context);
  g_free (self->owner.scratch);
  if (self->owner.spare != NULL)
    g_string_free (self->owner.spare, TRUE);
  g_clear_pointer (&self->request, request_free);
  g_string_free (self->log, TRUE);
  g_string_free (self->body, TRUE);
  g_string_free (self->got, TRUE);
}

void
say_bytes (Bench *self, const char *data, gsize length)
{
  while (length > 0)
    {
      gssize n = send (self->client, data, length, MSG_NOSIGNAL);

      if (n > 0)
        {
          data += n;
          length -= (gsize) n;
        }
      settle (self);
    }
}

void
say (Bench *self, const char *text)
{
  say_bytes (self, text, strlen (text));
}

void
say_each_byte (Bench *self, const char *text)
{
  for (; *text != '\0'; text++)
    say_bytes (self, text, 1);
}

/* And forgets it. */
void
check_got (Bench *self, const char *expected)
{
  settle (self);
  g_assert_cmpstr (self->got->str, ==, expected);
  g_string_truncate (self->got, 0);
}

void
check_log (Bench *self, const char *expected)
{
  settle (self);
  g_assert_cmpstr (self->log->str, ==, expected);
  g_string_truncate (self->log, 0);
}

/* The client's side of the connection's end. */
void
check_ended (Bench *self)
{
  char byte;

  settle (self);
  g_assert_cmpint (recv (self->client, &byte, 1, 0), ==, 0);
}
