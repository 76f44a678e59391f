/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "config/aip-config.h"

G_BEGIN_DECLS

/**
 * AipLedger: what clients, tenants and upstream keys have used of their limits. It outlives configurations:
 * the limits come with each configuration, the counts stay. Of two kinds: in this process, or on a Redis that
 * several daemons share; callers see no difference but that the latter answers later.
 *
 * Made, configured and freed on the main thread; all else from any thread.
 */
typedef struct _AipLedger AipLedger;

/**
 * AipQuota: the limits of one party, a client with its tenant or an upstream key, and where they are counted.
 * Immutable and reference-counted; %NULL, here and in all functions below, is a party without limits.
 */
typedef struct _AipQuota AipQuota;

/**
 * AipReservation: what one request, or one attempt, holds of a quota. For one thread: the one that asked.
 * %NULL, in all functions below, is what a party without limits holds.
 */
typedef struct _AipReservation AipReservation;

typedef enum
{
  AIP_LEDGER_GRANTED,
  AIP_LEDGER_REFUSED,
  AIP_LEDGER_PENDING, /* the callback will tell */
} AipLedgerAnswer;

/**
 * AipLedgerFunc:
 * @reservation: (not owned): the one that was pending; its owner's as before
 * @answer: GRANTED or REFUSED
 * @user_data: as given
 *
 * Called once, from the GMainContext of the thread that asked, never from within aip_ledger_reserve ().
 */
typedef void (*AipLedgerFunc) (AipReservation *reservation, AipLedgerAnswer answer, void *user_data);

/**
 * AipLedgerChangedFunc:
 * @user_data: as given
 *
 * What aip_ledger_describe () says has changed. Called on the main thread.
 */
typedef void (*AipLedgerChangedFunc) (void *user_data);

/**
 * AipRateUnit: what the pairs of x-ratelimit-*-requests and x-ratelimit-*-tokens count.
 */
typedef enum
{
  AIP_RATE_REQUESTS,
  AIP_RATE_TOKENS,
  AIP_N_RATES,
} AipRateUnit;

/**
 * AipRate: of the limits on one unit, the one with the least room.
 * @limit: its size
 * @remaining: what is left of it
 * @reset: microseconds until all of it is there again, if nothing else is asked for
 */
typedef struct
{
  guint64 limit;
  guint64 remaining;
  gint64 reset;
} AipRate;

/* Of a client and its tenant: requests and tokens, in a while and in a day. */
#define AIP_MAX_LIMIT_USES 8

/**
 * AipLimitUse: how far one limit is used.
 * @party: static: "client", "tenant" or "key"
 * @name: (not owned): of the party
 * @limit: static: "requests", "tokens", "daily-requests" or "daily-tokens"
 * @size: of the limit
 * @used: what counts of it now, requests under way with what they may take at most
 * @window: what it is counted over, in microseconds; a day ends at midnight UTC
 * @reset: microseconds until all of it is there again, if nothing else is asked for
 */
typedef struct
{
  const char *party;
  const char *name;
  const char *limit;
  guint64 size;
  guint64 used;
  gint64 window;
  gint64 reset;
} AipLimitUse;

/* What aip_reservation_settle () is given when nobody told how many tokens it took. */
#define AIP_TOKENS_UNKNOWN G_MAXUINT64

AipLedger *aip_ledger_new (const char *state_dir);
AipLedger *aip_ledger_ref (AipLedger *self);
void aip_ledger_unref (AipLedger *self);
void aip_ledger_set_config (AipLedger *self, const AipConfig *config, AipSecret *redis_password);
void aip_ledger_close (AipLedger *self);
char *aip_ledger_describe (AipLedger *self, gboolean *healthy);
void aip_ledger_set_watch (AipLedger *self, AipLedgerChangedFunc func, void *user_data);

AipQuota *aip_ledger_get_client_quota (AipLedger *self,
                                       const AipConfig *config,
                                       const char *name,
                                       const AipClientConfig *client,
                                       const char *tenant);
AipQuota *aip_ledger_get_tenant_quota (AipLedger *self, const AipTenantConfig *tenant);
AipQuota *aip_ledger_get_key_quota (AipLedger *self, const AipKeyConfig *key);
AipQuota *aip_quota_ref (AipQuota *self);
void aip_quota_unref (AipQuota *self);
gint64 aip_quota_get_wait (const AipQuota *self, guint64 tokens);
gboolean aip_quota_check (const AipQuota *self, guint64 tokens, GError **error);
guint64 aip_quota_fit (const AipQuota *self, guint64 least, guint64 most);
double aip_quota_get_headroom (const AipQuota *self);
gboolean aip_quota_get_rate (const AipQuota *self, AipRateUnit unit, AipRate *rate);
guint aip_quota_get_uses (const AipQuota *self, AipLimitUse *uses);

AipLedgerAnswer aip_ledger_reserve (AipLedger *self,
                                    AipQuota *quota,
                                    guint64 tokens,
                                    AipLedgerFunc callback,
                                    void *user_data,
                                    AipReservation **reservation);
void aip_reservation_settle (AipReservation *self, guint64 tokens);
void aip_reservation_refund (AipReservation *self);
void aip_reservation_free (AipReservation *self);
void aip_reservation_set_error (const AipReservation *self, GError **error);
guint aip_reservation_get_retry_after (const AipReservation *self);
gboolean aip_reservation_get_rate (const AipReservation *self, AipRateUnit unit, AipRate *rate);
char *aip_rate_format_reset (gint64 reset);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipLedger, aip_ledger_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipQuota, aip_quota_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipReservation, aip_reservation_free)

G_END_DECLS
