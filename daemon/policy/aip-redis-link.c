/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-redis"

#include "policy/aip-redis-link.h"

#include <gio/gio.h>
#include <hiredis/async.h>
#include <string.h>

#include "base/aip-clock.h"
#include "config/aip-config-redis-url.h"
#include "policy/aip-redis-refusals.h"
#include "policy/aip-redis-source.h"

#define FIRST_DELAY 100 /* ms */
#define LAST_DELAY 5000
#define MAX_FAULT 200
/* As late as that, this thread was busy with something else, and may not have sent or read anything since. */
#define BUSY (50 * G_TIME_SPAN_MILLISECOND)
/* So much of a password gives it away; a server may repeat no more of it. */
#define GIVEAWAY 8

/*
 *            .--- delay <--------------------------.
 *            v                                     |
 *   resolve --> connect --> greet --> up --> lost, or late
 *
 * Greeting is AUTH, SELECT and SCRIPT LOAD, in one go. Whoever is late is let go of: what is behind it in the
 * pipe would be late too.
 */
struct _AipRedisLink
{
  AipRedisAddress address;
  AipSecret *password; /* (nullable) */
  guint timeout;       /* ms */
  AipRedisLinkFunc changed;
  void *user_data;

  GMainContext *context;
  GCancellable *cancellable; /* (nullable): of a look-up */
  redisAsyncContext *redis;  /* (nullable): there is none now */
  gboolean up;
  guint greetings; /* that are not answered */
  GQueue calls;    /* of AipRedisCall, in the order they were sent */
  GSource *alarm;  /* (nullable): of the oldest call, or of the greeting */
  GSource *retry;  /* (nullable) */
  guint delay;     /* of the next retry, ms */
  char *fault;     /* (nullable): why it is not up */
  gint64 since;    /* wall's microseconds: in this state */
  AipRedisRefusals *refusals;
};

typedef struct
{
  AipRedisLink *link;
  AipRedisScriptId script;
  GPtrArray *words; /* of the command */
  AipRedisReplyFunc func;
  void *user_data;
  gint64 deadline; /* monotonic microseconds */
  GList node;
} AipRedisCall;

static void begin (AipRedisLink *self);

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
set_alarm (AipRedisLink *self, GSource **source, guint delay, GSourceFunc func)
{
  clear_source (source);
  *source = g_timeout_source_new (delay);
  g_source_set_callback (*source, func, self, NULL);
  g_source_attach (*source, self->context);
}

static gboolean
retry_cb (gpointer user_data)
{
  AipRedisLink *self = user_data;

  clear_source (&self->retry);
  begin (self);
  return G_SOURCE_REMOVE;
}

/* What a server says may be anything. */
static char *
clean_text (const char *text)
{
  g_autofree char *cut = g_strndup (text, MAX_FAULT);
  char *valid = g_utf8_make_valid (cut, -1);

  for (char *letter = valid; *letter != '\0'; letter++)
    if (g_ascii_iscntrl (*letter))
      *letter = ' ';
  return valid;
}

static void
set_up (AipRedisLink *self, gboolean up, const char *fault)
{
  gboolean was_up = self->up;
  g_autofree char *text = up ? NULL : clean_text (fault);

  if (up == was_up && g_strcmp0 (text, self->fault) == 0)
    return;
  if (up != was_up || self->since == 0)
    self->since = aip_clock_wall ();
  self->up = up;
  g_free (self->fault);
  self->fault = g_steal_pointer (&text);
  self->changed (self, self->user_data);
}

/* Tries again later: each time after twice the delay, with some of it left to chance, so that daemons which
 * lost the same Redis do not come back in step. */
static void
come_back (AipRedisLink *self)
{
  guint delay = self->delay / 2 + (guint) g_random_int_range (0, (gint32) self->delay / 2 + 1);

  self->delay = MIN (self->delay * 2, LAST_DELAY);
  set_alarm (self, &self->retry, delay, retry_cb);
}

static void
stop_looking_up (AipRedisLink *self)
{
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
}

/* The connection is gone already, or goes now. */
static void
lose (AipRedisLink *self, const char *fault)
{
  redisAsyncContext *redis = g_steal_pointer (&self->redis);
  g_autofree char *kept = g_strdup (fault);

  clear_source (&self->alarm);
  stop_looking_up (self);
  self->greetings = 0;
  aip_redis_refusals_forget (self->refusals);
  set_up (self, FALSE, kept);
  come_back (self);
  if (redis == NULL)
    return;
  redis->data = NULL;
  /* Answers each call that is under way with NULL. */
  redisAsyncFree (redis);
}

/* One alarm for all calls: when it goes off, it is set again for whoever is the oldest then. */
static gboolean
alarm_cb (gpointer user_data)
{
  AipRedisLink *self = user_data;
  const AipRedisCall *oldest = g_queue_peek_head (&self->calls);
  gint64 now = g_get_monotonic_time ();
  gint64 left = oldest != NULL ? oldest->deadline - now : 0;
  g_autofree char *fault = NULL;

  if (now - g_source_get_ready_time (self->alarm) > BUSY)
    left = (gint64) self->timeout * 1000;
  clear_source (&self->alarm);
  if (self->up && oldest == NULL)
    return G_SOURCE_REMOVE;
  if (left > 0)
    {
      set_alarm (self, &self->alarm, (guint) ((left + 999) / 1000), alarm_cb);
      return G_SOURCE_REMOVE;
    }
  fault = g_strdup_printf ("it did not answer within %u ms", self->timeout);
  lose (self, fault);
  return G_SOURCE_REMOVE;
}

/* --- greeting --- */

/* Redis repeats the words of a command that it does not know. */
static char *
describe_refusal (const AipRedisLink *self, const char *command, const char *said)
{
  gsize length = 0;
  const char *password = self->password != NULL ? aip_secret_peek (self->password, &length) : NULL;

  if (length > 0 && memmem (said, strlen (said), password, MIN (length, GIVEAWAY)) != NULL)
    return g_strdup_printf ("it refuses %s", command);
  return g_strdup_printf ("it refuses %s: %s", command, said);
}

static void
greeted_cb (redisAsyncContext *redis, void *data, void *privdata)
{
  AipRedisLink *self = redis->data;
  const redisReply *reply = data;

  if (self == NULL || reply == NULL)
    return;
  if (reply->type == REDIS_REPLY_ERROR)
    {
      g_autofree char *fault = describe_refusal (self, privdata, reply->str);

      lose (self, fault);
      return;
    }
  if (--self->greetings > 0)
    return;
  clear_source (&self->alarm);
  self->delay = FIRST_DELAY;
  aip_redis_refusals_forget (self->refusals);
  set_up (self, TRUE, NULL);
}

static void
greet_with (AipRedisLink *self, int n, const char **words)
{
  /* The word itself serves as the name in messages, so a literal. */
  if (redisAsyncCommandArgv (self->redis, greeted_cb, (void *) words[0], n, words, NULL) == REDIS_OK)
    self->greetings++;
}

static void
greet (AipRedisLink *self)
{
  g_autofree char *database = g_strdup_printf ("%u", self->address.database);

  if (self->password != NULL && self->address.user != NULL)
    greet_with (self, 3,
                (const char *[]){ "AUTH", self->address.user, aip_secret_peek (self->password, NULL) });
  else if (self->password != NULL)
    greet_with (self, 2, (const char *[]){ "AUTH", aip_secret_peek (self->password, NULL) });
  if (self->address.database > 0)
    greet_with (self, 2, (const char *[]){ "SELECT", database });
  for (guint i = 0; i < AIP_N_REDIS_SCRIPTS; i++)
    greet_with (self, 3, (const char *[]){ "SCRIPT", "LOAD", aip_redis_script_get (i)->text });
}

/* --- connecting --- */

static void
connected_cb (const redisAsyncContext *redis, int status)
{
  AipRedisLink *self = redis->data;

  if (self == NULL)
    return;
  if (status == REDIS_OK)
    {
      greet (self);
      return;
    }
  /* hiredis frees it after this. */
  self->redis = NULL;
  lose (self, *redis->errstr != '\0' ? redis->errstr : "it cannot be reached");
}

static void
disconnected_cb (const redisAsyncContext *redis, int status)
{
  AipRedisLink *self = redis->data;

  if (self == NULL)
    return;
  self->redis = NULL;
  lose (self, *redis->errstr != '\0' ? redis->errstr : "it closed the connection");
}

static void
take_connection (AipRedisLink *self, redisAsyncContext *redis)
{
  if (redis == NULL || redis->err != 0)
    {
      g_autofree char *fault = g_strdup (redis != NULL ? redis->errstr : "out of memory");

      if (redis != NULL)
        redisAsyncFree (redis);
      lose (self, fault);
      return;
    }
  self->redis = redis;
  redis->data = self;
  aip_redis_source_attach (redis, self->context);
  redisAsyncSetConnectCallback (redis, connected_cb);
  redisAsyncSetDisconnectCallback (redis, disconnected_cb);
  set_alarm (self, &self->alarm, self->timeout, alarm_cb);
}

static void
resolved_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GList *addresses = g_resolver_lookup_by_name_finish (G_RESOLVER (source), result, &error);
  AipRedisLink *self = user_data;
  g_autofree char *address = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->cancellable);
  if (addresses == NULL)
    {
      lose (self, error->message);
      return;
    }
  address = g_inet_address_to_string (addresses->data);
  g_resolver_free_addresses (addresses);
  take_connection (self, redisAsyncConnect (address, self->address.port));
}

static void
begin (AipRedisLink *self)
{
  g_autoptr (GResolver) resolver = NULL;
  g_autoptr (GInetAddress) number = NULL;

  if (self->address.path != NULL)
    {
      take_connection (self, redisAsyncConnectUnix (self->address.path));
      return;
    }
  number = g_inet_address_new_from_string (self->address.host);
  if (number != NULL)
    {
      take_connection (self, redisAsyncConnect (self->address.host, self->address.port));
      return;
    }
  /* hiredis would wait for the name server, and all of the main loop with it. */
  resolver = g_resolver_get_default ();
  set_alarm (self, &self->alarm, self->timeout, alarm_cb);
  self->cancellable = g_cancellable_new ();
  g_resolver_lookup_by_name_async (resolver, self->address.host, self->cancellable, resolved_cb, self);
}

/* --- calls --- */

/* Returns: whether the answer makes sense to whoever asked */
static gboolean
call_finish (AipRedisCall *call, const redisReply *reply)
{
  gboolean sensible;

  g_queue_unlink (&call->link->calls, &call->node);
  sensible = call->func (reply, call->user_data);
  g_ptr_array_unref (call->words);
  g_free (call);
  return sensible;
}

static void
call_set_word (AipRedisCall *call, guint index, const char *word)
{
  g_free (call->words->pdata[index]);
  call->words->pdata[index] = g_strdup (word);
}

static void replied_cb (redisAsyncContext *redis, void *data, void *privdata);

static gboolean
call_send (AipRedisCall *call)
{
  AipRedisLink *self = call->link;

  if (self->redis == NULL || redisAsyncCommandArgv (self->redis, replied_cb, call, (int) call->words->len,
                                                    (const char **) call->words->pdata, NULL) != REDIS_OK)
    return FALSE;
  call->deadline = g_get_monotonic_time () + (gint64) self->timeout * 1000;
  g_queue_push_tail_link (&self->calls, &call->node);
  if (self->alarm == NULL)
    set_alarm (self, &self->alarm, self->timeout, alarm_cb);
  return TRUE;
}

/* Somebody has flushed the scripts: this brings the one that is missing back. */
static gboolean
call_send_text (AipRedisCall *call)
{
  g_queue_unlink (&call->link->calls, &call->node);
  call_set_word (call, 0, "EVAL");
  call_set_word (call, 1, aip_redis_script_get (call->script)->text);
  if (call_send (call))
    return TRUE;
  g_queue_push_tail_link (&call->link->calls, &call->node);
  return FALSE;
}

static void
refused (AipRedisCall *call, const char *text)
{
  g_autofree char *why = clean_text (text);

  aip_redis_refusals_note (call->link->refusals, why);
  call_finish (call, NULL);
}

static void
replied_cb (redisAsyncContext *redis, void *data, void *privdata)
{
  AipRedisCall *call = privdata;
  AipRedisRefusals *refusals = call->link->refusals;
  const redisReply *reply = data;

  if (reply == NULL)
    call_finish (call, NULL);
  else if (reply->type != REDIS_REPLY_ERROR)
    {
      if (call_finish (call, reply))
        aip_redis_refusals_note_success (refusals);
      else
        aip_redis_refusals_note (refusals, "its answer makes no sense");
    }
  else if (!g_str_has_prefix (reply->str, "NOSCRIPT") || !call_send_text (call))
    refused (call, reply->str);
}

/**
 * aip_redis_link_run:
 * @self: a link
 * @script: what to run
 * @keys: (element-type utf8): its KEYS
 * @arguments: (element-type utf8): its ARGV
 * @func: called with the answer; before this returns if the link is down
 * @user_data: for @func
 */
void
aip_redis_link_run (AipRedisLink *self,
                    AipRedisScriptId script,
                    GPtrArray *keys,
                    GPtrArray *arguments,
                    AipRedisReplyFunc func,
                    void *user_data)
{
  AipRedisCall *call;

  g_return_if_fail (self != NULL && keys != NULL && arguments != NULL && func != NULL);

  if (!self->up)
    {
      func (NULL, user_data);
      return;
    }
  call = g_new0 (AipRedisCall, 1);
  call->link = self;
  call->script = script;
  call->func = func;
  call->user_data = user_data;
  call->node.data = call;
  call->words = g_ptr_array_new_full (3 + keys->len + arguments->len, g_free);
  g_ptr_array_add (call->words, g_strdup ("EVALSHA"));
  g_ptr_array_add (call->words, g_strdup (aip_redis_script_get (script)->digest));
  g_ptr_array_add (call->words, g_strdup_printf ("%u", keys->len));
  for (guint i = 0; i < keys->len; i++)
    g_ptr_array_add (call->words, g_strdup (g_ptr_array_index (keys, i)));
  for (guint i = 0; i < arguments->len; i++)
    g_ptr_array_add (call->words, g_strdup (g_ptr_array_index (arguments, i)));
  if (call_send (call))
    return;
  func (NULL, user_data);
  g_ptr_array_unref (call->words);
  g_free (call);
}

/* --- the link --- */

/**
 * aip_redis_link_new:
 * @config: with a url
 * @password: (nullable): for AUTH
 * @changed: called when the link has come up or gone down, or is down for another reason
 * @user_data: for @changed
 *
 * Begins to connect, in the thread's default GMainContext.
 *
 * Returns: (transfer full): a link that is not up yet
 */
AipRedisLink *
aip_redis_link_new (const AipRedisConfig *config,
                    AipSecret *password,
                    AipRedisLinkFunc changed,
                    void *user_data)
{
  AipRedisLink *self;

  g_return_val_if_fail (config != NULL && config->url != NULL && changed != NULL, NULL);

  self = g_new0 (AipRedisLink, 1);
  self->password = password != NULL ? aip_secret_ref (password) : NULL;
  self->timeout = (guint) config->timeout;
  self->changed = changed;
  self->user_data = user_data;
  self->context = g_main_context_ref_thread_default ();
  self->delay = FIRST_DELAY;
  self->fault = g_strdup ("it is not connected yet");
  self->since = aip_clock_wall ();
  self->refusals = aip_redis_refusals_new ();
  g_queue_init (&self->calls);
  if (aip_redis_address_parse (config->url, &self->address, NULL))
    set_alarm (self, &self->retry, 0, retry_cb);
  return self;
}

/**
 * aip_redis_link_free:
 * @self: (transfer full): a link; calls that are under way get no answer, which they are told
 */
void
aip_redis_link_free (AipRedisLink *self)
{
  redisAsyncContext *redis;

  g_return_if_fail (self != NULL);

  clear_source (&self->alarm);
  clear_source (&self->retry);
  stop_looking_up (self);
  self->up = FALSE;
  redis = g_steal_pointer (&self->redis);
  if (redis != NULL)
    {
      redis->data = NULL;
      redisAsyncFree (redis);
    }
  clear_source (&self->alarm);
  aip_redis_address_clear (&self->address);
  g_clear_pointer (&self->password, aip_secret_unref);
  aip_redis_refusals_free (self->refusals);
  g_main_context_unref (self->context);
  g_free (self->fault);
  g_free (self);
}

/**
 * aip_redis_link_finish:
 * @self: a link
 *
 * Waits, within its timeout, for the answers to all calls. Nothing else of the GMainContext is run.
 */
void
aip_redis_link_finish (AipRedisLink *self)
{
  gint64 deadline;
  gint64 left;

  g_return_if_fail (self != NULL);

  deadline = g_get_monotonic_time () + (gint64) self->timeout * 1000;
  while (self->up && !g_queue_is_empty (&self->calls) && (left = deadline - g_get_monotonic_time ()) > 0)
    {
      GPollFD poll = { .fd = self->redis->c.fd, .events = G_IO_IN };

      redisAsyncHandleWrite (self->redis);
      if (self->redis == NULL)
        break;
      if (*self->redis->c.obuf != '\0')
        poll.events |= G_IO_OUT;
      if (g_poll (&poll, 1, (int) ((left + 999) / 1000)) > 0 && (poll.revents & ~G_IO_OUT) != 0)
        redisAsyncHandleRead (self->redis);
    }
}

/**
 * aip_redis_link_is_up:
 * @self: a link
 *
 * Returns: whether it takes calls
 */
gboolean
aip_redis_link_is_up (const AipRedisLink *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->up;
}

/**
 * aip_redis_link_get_fault:
 * @self: a link
 *
 * Returns: (nullable): why it is not up, as the end of a sentence; it holds no secret
 */
const char *
aip_redis_link_get_fault (const AipRedisLink *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->fault;
}

/**
 * aip_redis_link_get_since:
 * @self: a link
 *
 * Returns: since when it has been up or down, in microseconds since 1970
 */
gint64
aip_redis_link_get_since (const AipRedisLink *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->since;
}
