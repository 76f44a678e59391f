/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-clients.h"
#include "record/aip-activity.h"
#include "routing/aip-attempt-budget.h"
#include "routing/aip-router.h"
#include "server/aip-answer.h"
#include "server/aip-attempt.h"
#include "server/aip-call.h"
#include "server/aip-exchange.h"
#include "server/aip-routes.h"
#include "server/aip-short-answer.h"
#include "server/aip-upload.h"
#include "server/aip-websocket-frames.h"
#include "upstream/aip-tunnel.h"
#include "upstream/aip-upstream.h"
#include "wire/aip-usage-scan.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_STEP_GUARD,
  AIP_STEP_CLIENT,
  AIP_STEP_BODY,
  AIP_STEP_PEEK,
  AIP_STEP_ROUTE,
  AIP_STEP_ATTEMPT,
  AIP_STEP_RELAY,
  AIP_STEP_SETTLE,
  AIP_STEP_OVER,
} AipStep;

/**
 * AipOutcome: what a step says when it returns.
 */
typedef enum
{
  AIP_OUTCOME_NEXT,   /* on to the next step */
  AIP_OUTCOME_WAIT,   /* something will call aip_exchange_advance () */
  AIP_OUTCOME_ANSWER, /* answered here, or about to be refused: settle */
} AipOutcome;

/* Private to the files aip-exchange*. */
struct _AipExchange
{
  AipWorker *worker;
  AipConnection *connection; /* (not owned); NULL: the client is gone */
  AipSnapshot *snapshot;
  const AipHead *head; /* (not owned) */
  AipRoute route;
  AipStep step;
  char *request_id;
  GList link;      /* in the worker's list of those that can be cut */
  int pause_epoch; /* that it came in */
  gint64 arrived;  /* monotonic µs; so are the next two */
  gint64 begun;
  gint64 sent;
  gint64 time;       /* when it came, in µs since the epoch; 0: nobody has asked yet */
  gboolean told;     /* those who watch know that it has begun */
  gint64 first_byte; /* monotonic µs, of the answer; 0: not known */
  char *upstream_id; /* (nullable): what the provider calls it, in its last answer */
  guint retry_after; /* to tell a client that is refused, in seconds; 0: not known */

  const AipClient *client;
  AipConcurrencySlot *under_way; /* (not owned) (nullable): where it counts */
  GByteArray *gathered;          /* (nullable): the body so far */
  guint64 max_body;
  guint64 received;   /* bytes of the body */
  guint64 max_output; /* tokens that the answer may have; 0: it does not tell */
  gboolean knows_max_output;
  gboolean streams_up; /* the body is passed on as it comes */
  AipUpload upload;
  AipCall call;

  guint64 timeout; /* the client's own, in milliseconds; 0: none */
  gint64 asked;    /* aip_clock_now (): since when that runs; 0: it does not yet */
  gboolean asked_limits;
  gboolean never_fits;         /* into the client's limits: it is no use to ask again */
  gboolean has_limits;         /* of the client's */
  AipReservation *reservation; /* (nullable): of the client's limits */
  gboolean queued;             /* it waits for a candidate */
  gint64 queued_since;         /* aip_clock_now (): when it first had to; 0: it never had */
  gint64 not_before;           /* aip_clock_now (): until then nobody is asked again */
  AipTimer queue_timer;

  GArray *plan;           /* (nullable) of AipCandidate */
  guint next;             /* of the plan */
  const char *strategy;   /* static: what put it in order */
  AipRequestTrace *trace; /* (nullable): there was no plan yet */
  GPtrArray *refused;     /* (nullable) of AipRouteExplanation: what the trace has borrowed */
  guint n_plans_again;
  gboolean found_full;  /* limits have refused a key of this plan */
  gboolean passed_over; /* somebody in this plan was not tried although it was his turn */
  GError *no_room;      /* (nullable): how the limits of the last key that was passed over have refused it */
  guint no_room_wait;   /* seconds until it is of use to ask that key again; 0: it never is */
  gboolean plan_is_cut; /* there may be more than it has */
  guint n_attempts;
  AipAttemptBudget budget;
  gboolean may_follow;     /* its last attempt has failed, and another one may do better */
  gboolean may_be_checked; /* a health check may find the key of that one well before its time */
  gboolean may_pass;       /* one of this round has failed in a way that may pass by itself */
  gint64 refused_until;    /* aip_clock_now (): when the breaker of one that is refused lets go; 0: none is */
  gint64 floor;            /* aip_clock_now (): the latest Retry-After of those that have failed */
  gint64 first_sent;       /* aip_clock_now () */
  AipAttempt attempt;
  const AipCandidate *sent_to; /* (nullable): whose answer there is, whoever was passed over since */
  AipTimer attempt_timer;      /* until the next one, or until its answer is not held back any longer */
  AipIdle question;            /* what is to become of an error */
  gboolean held_for_long;
  AipTransfer *transfer; /* (nullable) */
  AipTunnel *tunnel;     /* (nullable) */
  AipTooLong too_long;   /* the models that cannot take so much */
  GPtrArray *old_plans;  /* (nullable) of GArray of AipCandidate: those of each whose turn has come */
  guint n_plans_over;    /* of them, those of earlier rounds: whom they name may be tried again */
  GArray *hopeless;      /* (nullable) of AipCandidate: those that no wait makes better */
  GPtrArray *snapshots;  /* (nullable) of AipSnapshot: other ones that candidates are borrowed from */
  gboolean has_planned;  /* by the snapshot that it has */
  char *reason;          /* (nullable): why there is no answer to pass on; the next two belong to it */
  guint reason_status;
  const char *reason_code;

  guint status;           /* of the answer; 0: none yet */
  AipOutcomeKind outcome; /* what its status does not tell */
  guint64 bytes_out;      /* of the answer's body */
  guint64 uncounted;      /* of it, held back so far */
  char *answer_type;      /* (nullable): Content-Type of an error */
  gboolean answered_here;
  gboolean event_stream;
  gboolean unusable; /* the upstream's answer is none */
  gboolean encoded;  /* nothing can be read in it */
  gboolean upload_read;
  gboolean waits_for_models;
  gboolean has_waited;
  AipTimer models_timer;
  AipAnswer answer;
  AipUsageScan scan;
  GString *answer_head; /* (nullable): for a tunnel's client; so is the next */
  AipShortAnswer short_answer;
  AipWebsocketFrames frames; /* to the client */
};

void aip_exchange_advance (AipExchange *self);
void aip_exchange_settle (AipExchange *self);
AipOutcomeKind aip_exchange_get_outcome (const AipExchange *self);
void aip_exchange_count_out (AipExchange *self, gsize length);

AipOutcome aip_exchange_refuse (AipExchange *self, const AipFailure *failure);
AipOutcome aip_exchange_refuse_error (AipExchange *self, const GError *error);
AipOutcome aip_exchange_refuse_route (AipExchange *self);
GString *aip_exchange_start_headers (AipExchange *self);
void aip_exchange_add_number (GString *headers, const char *name, gint64 number);

AipOutcome aip_exchange_preflight (AipExchange *self);
gboolean aip_exchange_is_preflight (AipExchange *self);
void aip_exchange_add_cors (AipExchange *self, GString *headers);

AipOutcome aip_exchange_list_models (AipExchange *self);
gboolean aip_exchange_wait_for_models (AipExchange *self);
void aip_exchange_route_again (AipExchange *self);

AipOutcome aip_exchange_route (AipExchange *self);
void aip_exchange_plan_rest (AipExchange *self);
void aip_exchange_start_over (AipExchange *self);
gint64 aip_exchange_look_ahead (AipExchange *self);
AipOutcome aip_exchange_refuse_taken (AipExchange *self);
void aip_exchange_resume_route (AipExchange *self);
void aip_exchange_keep_snapshot (AipExchange *self, AipSnapshot *snapshot);

AipOutcome aip_exchange_reserve (AipExchange *self);
void aip_exchange_settle_limits (AipExchange *self);
void aip_exchange_add_limits (AipExchange *self, GString *headers);
guint64 aip_exchange_estimate_tokens (const AipExchange *self);
guint64 aip_exchange_estimate_need (AipExchange *self, const AipQuota *quota);

gboolean aip_exchange_wait_in_queue (AipExchange *self, gint64 retry_after_us, gint64 pause_us);
void aip_exchange_leave_queue (AipExchange *self);

AipOutcome aip_exchange_attempt (AipExchange *self);
AipOutcome aip_exchange_tell (AipExchange *self);
gboolean aip_exchange_is_hopeless (const AipExchange *self, const AipCandidate *candidate);
gboolean aip_exchange_judge (AipExchange *self, AipFault fault, const char *body, gsize length);
void aip_exchange_set_reason (AipExchange *self, guint status, const char *code, const char *reason);
void aip_exchange_fail_over (AipExchange *self);
void aip_exchange_end_attempt (AipExchange *self);

AipOutcome aip_exchange_send (AipExchange *self);
void aip_exchange_fail (AipExchange *self, AipFault fault, const char *reason);
void aip_exchange_pass_answer (AipExchange *self);
gint64 aip_exchange_get_patience (const AipExchange *self);
gint64 aip_exchange_get_time_left (const AipExchange *self, const AipProviderConfig *provider);
void
aip_exchange_pass_headers (AipExchange *self, GString *out, const AipHeaderView *headers, gsize n_headers);
void aip_exchange_add_proxy_headers (AipExchange *self, GString *headers);

AipOutcome aip_exchange_tunnel (AipExchange *self);
void aip_exchange_send_tunnel_answer (AipExchange *self);
void aip_exchange_forget_tunnel_answer (AipExchange *self);

AipOutcome aip_exchange_control (AipExchange *self);

gboolean aip_exchange_is_paused (const AipExchange *self);
AipOutcome aip_exchange_refuse_paused (AipExchange *self);

void aip_exchange_report_start (AipExchange *self);
void aip_exchange_report_end (AipExchange *self);
void aip_exchange_stamp_first_byte (AipExchange *self);

void aip_exchange_trace_plan (AipExchange *self);
void aip_exchange_trace_refusal (AipExchange *self, const AipRouteQuery *query);
void aip_exchange_trace_skip (AipExchange *self, const AipCandidate *candidate, gboolean limited);
void aip_exchange_trace_attempt (AipExchange *self);

G_END_DECLS
