/* SPDX-License-Identifier: MIT */
#pragma once

#include "policy/aip-clients.h"
#include "record/aip-activity.h"
#include "routing/aip-router.h"
#include "server/aip-answer.h"
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
  gint64 time;       /* when it came, in µs since the epoch; 0: nobody was told of it */
  gint64 first_byte; /* monotonic µs, of the answer; 0: not known */

  const AipClient *client;
  AipConcurrencySlot *under_way; /* (not owned) (nullable): where it counts */
  GByteArray *gathered;          /* (nullable): the body so far */
  guint64 max_body;
  guint64 received;    /* bytes of the body */
  gboolean streams_up; /* the body is passed on as it comes */
  AipUpload upload;
  AipCall call;

  guint64 timeout; /* the client's own, in milliseconds; 0: none */
  GArray *plan;    /* (nullable) of AipCandidate */
  guint attempt;
  AipTransfer *transfer; /* (nullable) */
  AipTunnel *tunnel;     /* (nullable) */

  guint status;           /* of the answer; 0: none yet */
  AipOutcomeKind outcome; /* what its status does not tell */
  guint64 bytes_out;      /* of the answer's body */
  gboolean answered_here;
  gboolean event_stream;
  gboolean unusable; /* the upstream's answer is none */
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
GString *aip_exchange_start_headers (AipExchange *self);

AipOutcome aip_exchange_preflight (AipExchange *self);
gboolean aip_exchange_is_preflight (AipExchange *self);
void aip_exchange_add_cors (AipExchange *self, GString *headers);

AipOutcome aip_exchange_list_models (AipExchange *self);
gboolean aip_exchange_wait_for_models (AipExchange *self);
void aip_exchange_route_again (AipExchange *self);

AipOutcome aip_exchange_attempt (AipExchange *self);
const AipCandidate *aip_exchange_get_candidate (const AipExchange *self);
void aip_exchange_add_proxy_headers (AipExchange *self, GString *headers);
gboolean aip_exchange_may_try_next (const AipExchange *self, AipFault fault);
void aip_exchange_refuse_fault (AipExchange *self, AipFault fault, const char *reason);

AipOutcome aip_exchange_tunnel (AipExchange *self);

AipOutcome aip_exchange_control (AipExchange *self);

gboolean aip_exchange_is_paused (const AipExchange *self);
AipOutcome aip_exchange_refuse_paused (AipExchange *self);

void aip_exchange_report_start (AipExchange *self);
void aip_exchange_report_end (AipExchange *self);
void aip_exchange_stamp_first_byte (AipExchange *self);

G_END_DECLS
