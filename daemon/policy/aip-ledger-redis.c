/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "policy/aip-ledger-redis.h"

#include <hiredis/hiredis.h>

#define MAX_NUMBER (G_GINT64_CONSTANT (1) << 53) /* Lua's numbers are exact up to here */
#define N_FIELDS 4                               /* of an answer, for each limit */

static const char *const kind_names[AIP_N_LIMITS] = {
  [AIP_LIMIT_REQUESTS] = "requests",
  [AIP_LIMIT_TOKENS] = "tokens",
  [AIP_LIMIT_DAY_REQUESTS] = "requests",
  [AIP_LIMIT_DAY_TOKENS] = "tokens",
};

static gint64
slot_length_of (const AipQuotaPart *part, AipLimitKind kind)
{
  gint64 window = kind == AIP_LIMIT_REQUESTS ? part->window : 60 * G_USEC_PER_SEC;

  if (aip_limit_is_daily (kind))
    return AIP_WINDOW_DAY;
  return (window + AIP_WINDOW_MAX_SLOTS - 1) / AIP_WINDOW_MAX_SLOTS;
}

static void
add_number (GPtrArray *arguments, gint64 number)
{
  g_ptr_array_add (arguments, g_strdup_printf ("%" G_GINT64_FORMAT, CLAMP (number, -MAX_NUMBER, MAX_NUMBER)));
}

/* The name of a window, and the first two of its arguments. The slot's length is in the name, as windows of
 * different lengths are different ones. */
static void
add_window (GPtrArray *keys,
            GPtrArray *arguments,
            const char *prefix,
            const AipQuotaPart *part,
            AipLimitKind kind)
{
  gint64 slot_length = slot_length_of (part, kind);

  g_ptr_array_add (keys, g_strdup_printf ("%s%s:%" G_GINT64_FORMAT ":%s", prefix, kind_names[kind],
                                          slot_length, part->account->name));
  add_number (arguments, slot_length);
  add_number (arguments, aip_limit_is_daily (kind) ? 0 : AIP_WINDOW_MAX_SLOTS);
}

typedef struct
{
  AipQuota *quota;
  AipLedgerRedisFunc func;
  void *user_data;
} Reserve;

static gint64
number_at (const redisReply *reply, gsize index)
{
  return reply->element[index]->integer;
}

/* Whoever can write to Redis must not make sums overflow: at most 35 years, in microseconds. */
static gint64
duration_at (const redisReply *reply, gsize index)
{
  return CLAMP (number_at (reply, index), -1, G_GINT64_CONSTANT (1) << 50);
}

static gboolean
is_numbers (const redisReply *reply, gsize n)
{
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != n)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if (reply->element[i]->type != REDIS_REPLY_INTEGER)
      return FALSE;
  return TRUE;
}

static void
read_limit (const redisReply *reply,
            gsize at,
            const AipQuotaPart *part,
            guint index,
            AipLimitKind kind,
            AipTally *tally)
{
  gint64 wait = duration_at (reply, at + 2);

  tally->shared_slots[index][kind] = number_at (reply, at);
  aip_tally_add_rate (tally, kind, part->limits[kind], (guint64) MAX (number_at (reply, at + 1), 0),
                      duration_at (reply, at + 3));
  if (wait != 0)
    aip_tally_add_refusal (tally, index, kind, wait < 0 ? AIP_WINDOW_NEVER : wait);
}

static guint
count_limits (const AipQuota *quota)
{
  guint n = 0;

  for (guint i = 0; i < quota->n_parts; i++)
    for (AipLimitKind kind = 0; kind < AIP_N_LIMITS; kind++)
      n += quota->parts[i].limits[kind] > 0;
  return n;
}

static gboolean
reserved_cb (const redisReply *reply, void *user_data)
{
  Reserve *reserve = user_data;
  const AipQuota *quota = reserve->quota;
  AipTally tally = { .granted = TRUE, .shared = TRUE };
  gsize at = 1;
  gboolean valid = reply != NULL && is_numbers (reply, 1 + (gsize) N_FIELDS * count_limits (quota));

  for (guint i = 0; valid && i < quota->n_parts; i++)
    for (AipLimitKind kind = 0; kind < AIP_N_LIMITS; kind++)
      if (quota->parts[i].limits[kind] > 0)
        {
          read_limit (reply, at, &quota->parts[i], i, kind, &tally);
          at += N_FIELDS;
        }
  /* What it charged and what it says have to agree. */
  valid = valid && (number_at (reply, 0) == 1) == tally.granted;
  reserve->func (valid ? &tally : NULL, reserve->user_data);
  aip_quota_unref (reserve->quota);
  g_free (reserve);
  return valid;
}

/**
 * aip_ledger_redis_reserve:
 * @link: to a Redis
 * @prefix: of all names there
 * @quota: the limits
 * @tokens: the most that the request is thought to take
 * @func: called with what came of it; before this returns if @link is down
 * @user_data: for @func
 *
 * Charges a request and @tokens to all accounts of @quota if all of their limits have room, else to none, in
 * one step for all daemons.
 */
void
aip_ledger_redis_reserve (AipRedisLink *link,
                          const char *prefix,
                          AipQuota *quota,
                          guint64 tokens,
                          AipLedgerRedisFunc func,
                          void *user_data)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);
  Reserve *reserve;

  g_return_if_fail (link != NULL && prefix != NULL && quota != NULL && func != NULL);

  for (guint i = 0; i < quota->n_parts; i++)
    for (AipLimitKind kind = 0; kind < AIP_N_LIMITS; kind++)
      if (quota->parts[i].limits[kind] > 0)
        {
          add_window (keys, arguments, prefix, &quota->parts[i], kind);
          add_number (arguments, (gint64) MIN (quota->parts[i].limits[kind], G_MAXINT64));
          add_number (arguments, aip_limit_is_on_tokens (kind) ? (gint64) MIN (tokens, G_MAXINT64) : 1);
        }
  reserve = g_new0 (Reserve, 1);
  reserve->quota = aip_quota_ref (quota);
  reserve->func = func;
  reserve->user_data = user_data;
  aip_redis_link_run (link, AIP_REDIS_SCRIPT_RESERVE, keys, arguments, reserved_cb, reserve);
}

static gboolean
corrected_cb (const redisReply *reply, void *user_data)
{
  return TRUE;
}

/**
 * aip_ledger_redis_correct:
 * @link: to a Redis
 * @prefix: of all names there
 * @quota: the limits
 * @tally: where the request was charged
 * @requests: what to charge more; less, where negative
 * @tokens: the same
 *
 * Charges what turned out later. It is lost where @link is down.
 */
void
aip_ledger_redis_correct (AipRedisLink *link,
                          const char *prefix,
                          const AipQuota *quota,
                          const AipTally *tally,
                          gint64 requests,
                          gint64 tokens)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);

  g_return_if_fail (link != NULL && prefix != NULL && quota != NULL && tally != NULL);

  for (guint i = 0; i < quota->n_parts; i++)
    for (AipLimitKind kind = 0; kind < AIP_N_LIMITS; kind++)
      {
        gint64 delta = aip_limit_is_on_tokens (kind) ? tokens : requests;

        if (quota->parts[i].limits[kind] == 0 || delta == 0)
          continue;
        add_window (keys, arguments, prefix, &quota->parts[i], kind);
        add_number (arguments, tally->shared_slots[i][kind]);
        add_number (arguments, delta);
      }
  if (keys->len > 0)
    aip_redis_link_run (link, AIP_REDIS_SCRIPT_CORRECT, keys, arguments, corrected_cb, NULL);
}
