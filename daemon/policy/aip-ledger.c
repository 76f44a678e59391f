/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "policy/aip-ledger.h"

#include "base/aip-clock.h"
#include "policy/aip-ledger-local.h"
#include "policy/aip-ledger-private.h"
#include "policy/aip-ledger-redis.h"
#include "policy/aip-ledger-store.h"

/* Where limits are decided. Read by all threads, set by the main one. */
typedef enum
{
  PLACE_HERE,  /* there is no Redis, or it is gone and local limits hold */
  PLACE_REDIS, /* on the Redis that daemons share */
  PLACE_NONE,  /* it is gone and nothing is granted */
} Place;

struct _AipLedger
{
  gatomicrefcount refs;
  AipLedgerLocal *local;
  AipLedgerStore *store;
  GMainContext *context; /* the main thread's */
  int place;             /* atomic: Place */

  /* For the main thread. */
  AipRedisConfig redis;         /* url NULL: none */
  AipSecret *password;          /* (nullable) */
  AipRedisLink *link;           /* (nullable) */
  gboolean connecting;          /* for the first time: what is asked waits for how that ends */
  GQueue waiting;               /* of AipLedgerCall */
  gboolean refusing;            /* it is there, and does not keep limits */
  AipLedgerChangedFunc changed; /* (nullable) */
  void *user_data;

  GAsyncQueue *corrections; /* of Correction, each announced to the main thread */
  GMutex lock;
  char *description; /* under the lock; so is the next */
  gboolean healthy;
};

/*
 * A question to Redis and its answer: made by the asking thread, carried by the main thread, given back in
 * the asking thread. @reservation is read and written by the asking thread alone, so that it may leave at any
 * time.
 */
struct _AipLedgerCall
{
  AipLedger *ledger;
  AipQuota *quota;
  guint64 tokens;
  AipTally tally;
  GMainContext *asker;
  AipReservation *reservation; /* (nullable) (not owned): it was abandoned */
};

static void
post (GMainContext *context, GSourceFunc func, void *data, GDestroyNotify destroy)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, destroy);
  g_source_attach (source, context);
}

static void
describe (AipLedger *self, gboolean healthy, char *description)
{
  g_mutex_lock (&self->lock);
  g_free (self->description);
  self->description = description;
  self->healthy = healthy;
  g_mutex_unlock (&self->lock);
  if (self->changed != NULL)
    self->changed (self->user_data);
}

/* --- asking Redis --- */

static void
call_free (void *data)
{
  AipLedgerCall *call = data;

  aip_quota_unref (call->quota);
  aip_ledger_unref (call->ledger);
  g_main_context_unref (call->asker);
  g_free (call);
}

/**
 * aip_ledger_call_abandon:
 * @call: a call whose answer nobody waits for any more
 *
 * What it is granted goes back.
 */
void
aip_ledger_call_abandon (AipLedgerCall *call)
{
  g_assert (call != NULL);

  call->reservation = NULL;
}

/* In the asking thread. */
static gboolean
answer_cb (gpointer user_data)
{
  AipLedgerCall *call = user_data;
  AipReservation *reservation = call->reservation;

  if (reservation == NULL)
    {
      if (call->tally.granted)
        {
          aip_ledger_local_refund (call->quota, &call->tally, call->tokens);
          aip_ledger_local_release (call->quota, call->tokens);
          aip_ledger_correct (call->ledger, call->quota, &call->tally, -1, -(gint64) call->tokens);
        }
      return G_SOURCE_REMOVE;
    }
  reservation->call = NULL;
  reservation->tally = call->tally;
  reservation->callback (reservation, call->tally.granted ? AIP_LEDGER_GRANTED : AIP_LEDGER_REFUSED,
                         reservation->user_data);
  return G_SOURCE_REMOVE;
}

/* Whether limits hold without Redis, and if so what they say. */
static void
decide_alone (AipLedger *self, const AipQuota *quota, guint64 tokens, AipTally *tally)
{
  if (g_atomic_int_get (&self->place) == PLACE_NONE)
    *tally = (AipTally){ .unavailable = TRUE };
  else
    aip_ledger_local_reserve (quota, tokens, tally);
  if (tally->granted)
    aip_ledger_touch (self, quota);
}

/* A call that is still under way when Redis goes is decided as the ones that come after it. */
static void
decide_without_redis (AipLedgerCall *call)
{
  AipLedger *self = call->ledger;

  if (g_strcmp0 (self->redis.on_failure, "closed") == 0)
    call->tally = (AipTally){ .unavailable = TRUE };
  else
    aip_ledger_local_reserve (call->quota, call->tokens, &call->tally);
}

static const char *
what_holds (const AipLedger *self)
{
  return g_strcmp0 (self->redis.on_failure, "closed") == 0 ? "requests with limits are refused"
                                                           : "local limits hold";
}

/* A Redis that is there may still not do what it is asked: it is full, or another one's replica. */
static void
note_whether_it_keeps (AipLedger *self, gboolean keeps)
{
  if (self->link == NULL || !aip_redis_link_is_up (self->link) || keeps == !self->refusing)
    return;
  self->refusing = !keeps;
  describe (self, keeps,
            keeps
                ? g_strdup ("redis: connected")
                : g_strdup_printf ("redis: connected, but it refuses to keep limits, %s", what_holds (self)));
}

static void
reserved_cb (const AipTally *tally, void *user_data)
{
  AipLedgerCall *call = user_data;

  note_whether_it_keeps (call->ledger, tally != NULL);
  if (tally != NULL)
    call->tally = *tally;
  else
    decide_without_redis (call);
  if (tally != NULL && tally->granted)
    aip_ledger_local_charge (call->quota, call->tokens, &call->tally);
  else if (tally != NULL)
    aip_ledger_local_note_refusal (call->quota, call->tokens, &call->tally);
  aip_ledger_touch (call->ledger, call->quota);
  post (call->asker, answer_cb, call, call_free);
}

static void
ask (AipLedgerCall *call)
{
  AipLedger *self = call->ledger;

  if (self->link != NULL)
    aip_ledger_redis_reserve (self->link, self->redis.prefix, call->quota, call->tokens, reserved_cb, call);
  else
    reserved_cb (NULL, call);
}

static gboolean
ask_cb (gpointer user_data)
{
  AipLedgerCall *call = user_data;

  if (call->ledger->connecting)
    g_queue_push_tail (&call->ledger->waiting, call);
  else
    ask (call);
  return G_SOURCE_REMOVE;
}

static void
stop_waiting (AipLedger *self)
{
  AipLedgerCall *call;

  self->connecting = FALSE;
  while ((call = g_queue_pop_head (&self->waiting)) != NULL)
    ask (call);
}

static void
ask_redis (AipLedger *self, AipReservation *reservation)
{
  AipLedgerCall *call = g_new0 (AipLedgerCall, 1);

  call->ledger = aip_ledger_ref (self);
  call->quota = aip_quota_ref (reservation->quota);
  call->tokens = reservation->tokens;
  call->asker = g_main_context_ref_thread_default ();
  call->reservation = reservation;
  reservation->call = call;
  post (self->context, ask_cb, call, NULL);
}

typedef struct
{
  AipQuota *quota;
  AipTally tally;
  gint64 requests;
  gint64 tokens;
} Correction;

static void
correction_free (void *data)
{
  Correction *correction = data;

  aip_quota_unref (correction->quota);
  g_free (correction);
}

/* Returns whether there was one to send. */
static gboolean
send_correction (AipLedger *self)
{
  Correction *correction = g_async_queue_try_pop (self->corrections);

  if (correction == NULL)
    return FALSE;
  if (self->link != NULL)
    aip_ledger_redis_correct (self->link, self->redis.prefix, correction->quota, &correction->tally,
                              correction->requests, correction->tokens);
  correction_free (correction);
  return TRUE;
}

static gboolean
correct_cb (gpointer user_data)
{
  send_correction (user_data);
  return G_SOURCE_REMOVE;
}

static void
unref_cb (void *data)
{
  aip_ledger_unref (data);
}

/**
 * aip_ledger_correct:
 * @self: a ledger
 * @quota: the limits
 * @tally: where a request was charged
 * @requests: what to charge more; less, where negative
 * @tokens: the same
 *
 * Corrects what was charged on Redis, if it was.
 */
void
aip_ledger_correct (AipLedger *self, AipQuota *quota, const AipTally *tally, gint64 requests, gint64 tokens)
{
  Correction *correction;

  g_assert (self != NULL && quota != NULL && tally != NULL);

  if (!tally->shared || (requests == 0 && tokens == 0))
    return;
  correction = g_new0 (Correction, 1);
  correction->quota = aip_quota_ref (quota);
  correction->tally = *tally;
  correction->requests = requests;
  correction->tokens = tokens;
  g_async_queue_push (self->corrections, correction);
  post (self->context, correct_cb, aip_ledger_ref (self), unref_cb);
}

/* --- reserving --- */

/**
 * aip_ledger_reserve:
 * @self: a ledger
 * @quota: (nullable): whose limits; %NULL: there are none, and nothing is done
 * @tokens: the most that the request is thought to take
 * @callback: called where the answer is %AIP_LEDGER_PENDING, in the thread's default GMainContext
 * @user_data: for @callback
 * @reservation: (out) (transfer full) (nullable): what is held; also of one that is pending, which is
 *   abandoned when it is freed, and of one that was refused, which tells why
 *
 * Asks for room for one request and @tokens. All accounts of @quota are charged, or none; what is granted at
 * the same time, on all threads and daemons, never adds up to more than any limit. From any thread.
 *
 * Returns: whether it was granted
 */
AipLedgerAnswer
aip_ledger_reserve (AipLedger *self,
                    AipQuota *quota,
                    guint64 tokens,
                    AipLedgerFunc callback,
                    void *user_data,
                    AipReservation **reservation)
{
  AipReservation *made;

  g_return_val_if_fail (self != NULL && reservation != NULL, AIP_LEDGER_REFUSED);

  *reservation = NULL;
  if (quota == NULL)
    return AIP_LEDGER_GRANTED;
  made = g_new0 (AipReservation, 1);
  made->ledger = aip_ledger_ref (self);
  made->quota = aip_quota_ref (quota);
  made->tokens = MIN (tokens, G_MAXINT64);
  *reservation = made;
  if (callback != NULL && g_atomic_int_get (&self->place) == PLACE_REDIS)
    {
      made->callback = callback;
      made->user_data = user_data;
      ask_redis (self, made);
      return AIP_LEDGER_PENDING;
    }
  decide_alone (self, quota, made->tokens, &made->tally);
  return made->tally.granted ? AIP_LEDGER_GRANTED : AIP_LEDGER_REFUSED;
}

/* --- the ledger --- */

/**
 * aip_ledger_open_part:
 * @self: a ledger
 * @part: of a quota, with its limits
 * @kind: of the account: "client", "tenant", "key"
 * @account: its name among those of its kind
 *
 * Finds out where the part is counted. From any thread.
 */
void
aip_ledger_open_part (AipLedger *self, AipQuotaPart *part, const char *kind, const char *account)
{
  g_autofree char *name = NULL;

  g_assert (self != NULL && part != NULL && kind != NULL && account != NULL);

  name = g_strconcat (kind, ":", account, NULL);
  part->account = aip_ledger_local_get_account (self->local, name);
  aip_ledger_local_open_windows (part);
}

/**
 * aip_ledger_touch:
 * @self: a ledger
 * @quota: what was charged, or given back
 *
 * Sees to it that what has changed is written down before long. From any thread.
 */
void
aip_ledger_touch (AipLedger *self, const AipQuota *quota)
{
  aip_ledger_store_note (self->store, quota);
}

static GBytes *
dump (void *user_data)
{
  return aip_ledger_local_dump (((AipLedger *) user_data)->local);
}

/**
 * aip_ledger_new:
 * @state_dir: (nullable): the daemon's folder, where counts are kept over a restart; %NULL: they are not
 *
 * For the main thread, whose default GMainContext it uses. When the process is killed, what has changed
 * within the last milliseconds is forgotten.
 *
 * Returns: (transfer full): a ledger with the counts of the last run, in this process
 */
AipLedger *
aip_ledger_new (const char *state_dir)
{
  AipLedger *self = g_new0 (AipLedger, 1);

  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  self->context = g_main_context_ref_thread_default ();
  self->corrections = g_async_queue_new_full (correction_free);
  self->local = aip_ledger_local_new ();
  self->store = aip_ledger_store_new (state_dir, self->context, dump, self);
  aip_ledger_store_load (self->store, self->local);
  describe (self, TRUE, g_strdup ("in this process"));
  return self;
}

/**
 * aip_ledger_ref:
 * @self: a ledger
 *
 * From any thread.
 *
 * Returns: (transfer full): the same
 */
AipLedger *
aip_ledger_ref (AipLedger *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->refs);
  return self;
}

static void
clear_redis (AipLedger *self)
{
  AipRedisLink *link = g_steal_pointer (&self->link);

  if (link != NULL)
    aip_redis_link_free (link);
  stop_waiting (self);
  self->refusing = FALSE;
  g_clear_pointer (&self->redis.url, g_free);
  g_clear_pointer (&self->redis.prefix, g_free);
  g_clear_pointer (&self->redis.on_failure, g_free);
  g_clear_pointer (&self->password, aip_secret_unref);
}

/**
 * aip_ledger_unref:
 * @self: (transfer full): a ledger, closed before the last reference goes
 *
 * From any thread.
 */
void
aip_ledger_unref (AipLedger *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  clear_redis (self);
  aip_ledger_store_free (self->store);
  aip_ledger_local_free (self->local);
  g_async_queue_unref (self->corrections);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  g_free (self->description);
  g_free (self);
}

static void
link_changed_cb (AipRedisLink *link, void *user_data)
{
  AipLedger *self = user_data;
  gboolean closed = g_strcmp0 (self->redis.on_failure, "closed") == 0;
  const char *held = what_holds (self);
  g_autoptr (GDateTime) since =
      g_date_time_new_from_unix_local (aip_redis_link_get_since (link) / G_USEC_PER_SEC);
  g_autofree char *time = since != NULL ? g_date_time_format (since, "%F %T") : NULL;

  if (aip_redis_link_is_up (link))
    {
      g_atomic_int_set (&self->place, PLACE_REDIS);
      describe (self, TRUE, g_strdup ("redis: connected"));
      self->refusing = FALSE;
      g_message ("redis is connected: limits are shared");
      stop_waiting (self);
      return;
    }
  g_atomic_int_set (&self->place, closed ? PLACE_NONE : PLACE_HERE);
  describe (self, FALSE,
            g_strdup_printf ("redis: gone since %s (%s), %s", time, aip_redis_link_get_fault (link), held));
  g_warning ("redis is gone: %s; %s", aip_redis_link_get_fault (link), held);
  stop_waiting (self);
}

static gboolean
is_same_redis (const AipLedger *self, const AipRedisConfig *redis, const AipSecret *password)
{
  const char *old = self->password != NULL ? aip_secret_peek (self->password, NULL) : NULL;
  const char *new = password != NULL ? aip_secret_peek (password, NULL) : NULL;

  return g_strcmp0 (self->redis.url, redis->url) == 0 && g_strcmp0 (old, new) == 0 &&
         (redis->url == NULL ||
          (g_strcmp0 (self->redis.prefix, redis->prefix) == 0 && self->redis.timeout == redis->timeout &&
           g_strcmp0 (self->redis.on_failure, redis->on_failure) == 0));
}

/**
 * aip_ledger_set_config:
 * @self: a ledger
 * @config: its [redis] counts
 * @redis_password: (nullable): what its `password` refers to
 *
 * Connects to the Redis there is, or stops using one. Counts in this process stay. For the main thread.
 */
void
aip_ledger_set_config (AipLedger *self, const AipConfig *config, AipSecret *redis_password)
{
  g_return_if_fail (self != NULL && config != NULL);

  if (is_same_redis (self, &config->redis, redis_password))
    return;
  clear_redis (self);
  g_atomic_int_set (&self->place, PLACE_HERE);
  if (config->redis.url == NULL)
    {
      describe (self, TRUE, g_strdup ("in this process"));
      return;
    }
  self->redis.url = g_strdup (config->redis.url);
  self->redis.prefix = g_strdup (config->redis.prefix);
  self->redis.timeout = config->redis.timeout;
  self->redis.on_failure = g_strdup (config->redis.on_failure);
  self->password = redis_password != NULL ? aip_secret_ref (redis_password) : NULL;
  self->connecting = TRUE;
  g_atomic_int_set (&self->place, PLACE_REDIS);
  describe (self, FALSE, g_strdup ("redis: connecting"));
  self->link = aip_redis_link_new (&self->redis, self->password, link_changed_cb, self);
}

/**
 * aip_ledger_close:
 * @self: a ledger
 *
 * Writes the counts down and lets go of Redis, which is told first, within its timeout, what is due; what is
 * asked from now on is answered by this process. For the main thread, before the last reference goes.
 */
void
aip_ledger_close (AipLedger *self)
{
  g_return_if_fail (self != NULL);

  /* What the last requests took: nobody runs the main loop any more. */
  while (send_correction (self))
    continue;
  if (self->link != NULL)
    aip_redis_link_finish (self->link);
  clear_redis (self);
  g_atomic_int_set (&self->place, PLACE_HERE);
  aip_ledger_store_close (self->store);
}

/**
 * aip_ledger_describe:
 * @self: a ledger
 * @healthy: (out) (optional): whether limits are kept where the configuration wants them
 *
 * From any thread.
 *
 * Returns: (transfer full): where limits are kept and why, for people: "redis: connected"
 */
char *
aip_ledger_describe (AipLedger *self, gboolean *healthy)
{
  char *description;

  g_return_val_if_fail (self != NULL, NULL);

  g_mutex_lock (&self->lock);
  description = g_strdup (self->description);
  if (healthy != NULL)
    *healthy = self->healthy;
  g_mutex_unlock (&self->lock);
  return description;
}

/**
 * aip_ledger_set_watch:
 * @self: a ledger
 * @func: (nullable): called when its description has changed
 * @user_data: for @func
 *
 * For the main thread.
 */
void
aip_ledger_set_watch (AipLedger *self, AipLedgerChangedFunc func, void *user_data)
{
  g_return_if_fail (self != NULL);

  self->changed = func;
  self->user_data = user_data;
}
