/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-fault-class.h"

typedef struct
{
  const char *name;
  gboolean counts;
  gboolean fails_over;
  gboolean opens;
  const char *reason;
} ClassTraits;

static const ClassTraits traits[AIP_N_FAULT_CLASSES] = {
  [AIP_FAULT_CLASS_NONE] = { "none", FALSE, FALSE, FALSE, "no fault" },
  [AIP_FAULT_CLASS_TRANSIENT] = { "transient", TRUE, TRUE, FALSE, "upstream fault" },
  [AIP_FAULT_CLASS_RATE_LIMITED] = { "rate-limited", TRUE, TRUE, FALSE, "rate limit" },
  [AIP_FAULT_CLASS_AUTH] = { "auth", TRUE, TRUE, TRUE, "the provider refuses the key" },
  [AIP_FAULT_CLASS_BILLING] = { "billing", TRUE, TRUE, TRUE, "the account has no credit or quota left" },
  [AIP_FAULT_CLASS_CLIENT] = { "client", FALSE, FALSE, FALSE, "bad request" },
  [AIP_FAULT_CLASS_CONTEXT_LENGTH] = { "context-length", FALSE, TRUE, FALSE, "too long for the model" },
  [AIP_FAULT_CLASS_MODEL_MISSING] = { "model-missing", FALSE, TRUE, FALSE, "not served there" },
  [AIP_FAULT_CLASS_CANCELLED] = { "cancelled", FALSE, FALSE, FALSE, "given up" },
};

/**
 * aip_fault_class_counts:
 * @fault_class: a class
 *
 * Returns: whether it speaks against the key, so that the breaker counts it
 */
gboolean
aip_fault_class_counts (AipFaultClass fault_class)
{
  g_return_val_if_fail ((guint) fault_class < AIP_N_FAULT_CLASSES, FALSE);

  return traits[fault_class].counts;
}

/**
 * aip_fault_class_fails_over:
 * @fault_class: a class
 *
 * Returns: whether another candidate may do better
 */
gboolean
aip_fault_class_fails_over (AipFaultClass fault_class)
{
  g_return_val_if_fail ((guint) fault_class < AIP_N_FAULT_CLASSES, FALSE);

  return traits[fault_class].fails_over;
}

/**
 * aip_fault_class_opens:
 * @fault_class: a class
 *
 * Returns: whether one such fault opens the breaker, without waiting for more
 */
gboolean
aip_fault_class_opens (AipFaultClass fault_class)
{
  g_return_val_if_fail ((guint) fault_class < AIP_N_FAULT_CLASSES, FALSE);

  return traits[fault_class].opens;
}

/**
 * aip_fault_class_to_string:
 * @fault_class: a class
 *
 * Returns: (transfer none): its name for records and the bus: "rate-limited"
 */
const char *
aip_fault_class_to_string (AipFaultClass fault_class)
{
  g_return_val_if_fail ((guint) fault_class < AIP_N_FAULT_CLASSES, NULL);

  return traits[fault_class].name;
}

/**
 * aip_fault_class_get_reason:
 * @fault_class: a class
 *
 * Returns: (transfer none): what to tell people where nothing closer is known
 */
const char *
aip_fault_class_get_reason (AipFaultClass fault_class)
{
  g_return_val_if_fail ((guint) fault_class < AIP_N_FAULT_CLASSES, NULL);

  return traits[fault_class].reason;
}

/* --- the second stage --- */

typedef struct
{
  const char *code;
  AipFaultClass fault_class;
} Code;

/* What is said so clearly that the status does not matter, as long as the fault is not the server's own. */
static const Code codes[] = {
  { "insufficient_quota", AIP_FAULT_CLASS_BILLING },
  { "credit_balance_exhausted", AIP_FAULT_CLASS_BILLING },
  { "organization_spend_limit_exceeded", AIP_FAULT_CLASS_BILLING },
  { "organization_usage_limit_exceeded", AIP_FAULT_CLASS_BILLING },
  { "project_spend_limit_exceeded", AIP_FAULT_CLASS_BILLING },
  { "enforced_spend_limit_reached", AIP_FAULT_CLASS_BILLING },
  { "billing_hard_limit_reached", AIP_FAULT_CLASS_BILLING },
  { "billing_not_active", AIP_FAULT_CLASS_BILLING },
  { "billing_error", AIP_FAULT_CLASS_BILLING },
  { "invalid_api_key", AIP_FAULT_CLASS_AUTH },
  { "api_key_invalid", AIP_FAULT_CLASS_AUTH },
  { "account_deactivated", AIP_FAULT_CLASS_AUTH },
  { "authentication_error", AIP_FAULT_CLASS_AUTH },
  { "unauthenticated", AIP_FAULT_CLASS_AUTH },
  { "context_length_exceeded", AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "model_not_found", AIP_FAULT_CLASS_MODEL_MISSING },
  { "deploymentnotfound", AIP_FAULT_CLASS_MODEL_MISSING },
  { "operationnotsupported", AIP_FAULT_CLASS_MODEL_MISSING },
  { "content_filter", AIP_FAULT_CLASS_CLIENT },
  { "content_policy_violation", AIP_FAULT_CLASS_CLIENT },
  /* Baidu Qianfan, by the name. */
  { "account_overdue", AIP_FAULT_CLASS_BILLING },
  { "invalid_iam_token", AIP_FAULT_CLASS_AUTH },
  { "invalid_appid", AIP_FAULT_CLASS_AUTH },
  { "characters_too_long", AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "tokens_too_long", AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "invalid_model", AIP_FAULT_CLASS_MODEL_MISSING },
  { "model_offline", AIP_FAULT_CLASS_MODEL_MISSING },
  { "no_parameter_permission", AIP_FAULT_CLASS_MODEL_MISSING },
  { "unsafe_request", AIP_FAULT_CLASS_CLIENT },
  /* And by the number, often with a status of 200. What is missing here is a fault of its own. */
  { "baidu-3", AIP_FAULT_CLASS_MODEL_MISSING }, /* the method does not exist */
  { "baidu-4", AIP_FAULT_CLASS_RATE_LIMITED },  /* the cluster is at its limit */
  { "baidu-6", AIP_FAULT_CLASS_MODEL_MISSING }, /* the application may not use this service */
  { "baidu-13", AIP_FAULT_CLASS_AUTH },         /* no token for the service */
  { "baidu-14", AIP_FAULT_CLASS_AUTH },         /* IAM certification failed */
  { "baidu-17", AIP_FAULT_CLASS_BILLING },      /* the day's free calls are used up, or the account owes */
  { "baidu-18", AIP_FAULT_CLASS_RATE_LIMITED }, /* queries per second */
  { "baidu-19", AIP_FAULT_CLASS_BILLING },      /* all calls that there were are used up */
  { "baidu-100", AIP_FAULT_CLASS_AUTH },        /* no valid access_token */
  { "baidu-110", AIP_FAULT_CLASS_AUTH },        /* the token is invalid */
  { "baidu-111", AIP_FAULT_CLASS_AUTH },        /* the token has expired */
  { "baidu-336001", AIP_FAULT_CLASS_CLIENT },   /* invalid argument */
  { "baidu-336002", AIP_FAULT_CLASS_CLIENT },   /* invalid JSON */
  { "baidu-336003", AIP_FAULT_CLASS_CLIENT },   /* invalid parameter */
  { "baidu-336004", AIP_FAULT_CLASS_AUTH },     /* permission error */
  { "baidu-336005", AIP_FAULT_CLASS_MODEL_MISSING },  /* the name of the API does not exist */
  { "baidu-336007", AIP_FAULT_CLASS_CONTEXT_LENGTH }, /* more characters than the model takes */
  { "baidu-336101", AIP_FAULT_CLASS_CLIENT },         /* invalid HTTP method */
  { "baidu-336103", AIP_FAULT_CLASS_CONTEXT_LENGTH }, /* more tokens than the model takes */
  { "baidu-336104", AIP_FAULT_CLASS_CLIENT },         /* invalid argument: system */
  { "baidu-336105", AIP_FAULT_CLASS_CLIENT },         /* invalid argument: user_setting */
  { "baidu-336501", AIP_FAULT_CLASS_RATE_LIMITED },   /* requests per minute */
  { "baidu-336502", AIP_FAULT_CLASS_RATE_LIMITED },   /* tokens per minute */
  { "baidu-336503", AIP_FAULT_CLASS_RATE_LIMITED },   /* what is shared by all is used up */
};

/* What counts only where the status tells nothing: in an answer that began as a success. */
static const Code codes_of_success[] = {
  { "rate_limit_exceeded", AIP_FAULT_CLASS_RATE_LIMITED },
  { "rate_limit_error", AIP_FAULT_CLASS_RATE_LIMITED },
  { "resource_exhausted", AIP_FAULT_CLASS_RATE_LIMITED },
  { "429", AIP_FAULT_CLASS_RATE_LIMITED },
  { "permission_error", AIP_FAULT_CLASS_AUTH },
  { "permission_denied", AIP_FAULT_CLASS_AUTH },
  { "not_found_error", AIP_FAULT_CLASS_MODEL_MISSING },
  { "request_too_large", AIP_FAULT_CLASS_CLIENT },
  { "invalid_request_error", AIP_FAULT_CLASS_CLIENT },
  { "invalid_argument", AIP_FAULT_CLASS_CLIENT },
  { "invalid_prompt", AIP_FAULT_CLASS_CLIENT },
};

static gboolean
find_code (const Code *table, gsize n, const AipFaultSigns *signs, AipFaultClass *fault_class)
{
  for (gsize i = 0; i < n; i++)
    if (g_str_equal (table[i].code, signs->code) || g_str_equal (table[i].code, signs->type))
      {
        *fault_class = table[i].fault_class;
        return TRUE;
      }
  return FALSE;
}

static gboolean
find_hint (const AipFaultSigns *signs, AipFaultClass *fault_class)
{
  for (AipFaultClass i = AIP_FAULT_CLASS_NONE + 1; i < AIP_N_FAULT_CLASSES; i++)
    if ((signs->hints & (1u << i)) != 0)
      {
        *fault_class = i;
        return TRUE;
      }
  return FALSE;
}

static AipFaultClass
judge_status (const AipFaultSigns *signs)
{
  switch (signs->status)
    {
    case 401:
      return AIP_FAULT_CLASS_AUTH;
    case 402:
      return AIP_FAULT_CLASS_BILLING;
    case 403:
      /* A page comes from a firewall in between, which knows nothing of keys. */
      return signs->html ? AIP_FAULT_CLASS_TRANSIENT : AIP_FAULT_CLASS_AUTH;
    case 404:
      return signs->names_model ? AIP_FAULT_CLASS_MODEL_MISSING : AIP_FAULT_CLASS_CLIENT;
    case 407: /* the proxy's, not the provider's */
    case 408:
    case 409:
    case 425:
      return AIP_FAULT_CLASS_TRANSIENT;
    case 429:
      return AIP_FAULT_CLASS_RATE_LIMITED;
    case 501:
      return AIP_FAULT_CLASS_MODEL_MISSING;
    default:
      return signs->status >= 400 && signs->status < 500 ? AIP_FAULT_CLASS_CLIENT : AIP_FAULT_CLASS_TRANSIENT;
    }
}

static AipFaultClass
judge_answer (const AipFaultSigns *signs)
{
  AipFaultClass fault_class = AIP_FAULT_CLASS_TRANSIENT;
  gboolean success = signs->status >= 200 && signs->status < 300;

  if (success && !signs->is_error)
    return signs->html ? AIP_FAULT_CLASS_TRANSIENT : AIP_FAULT_CLASS_NONE;
  /* A server that is broken is not believed what it says of the request or the key. */
  if (signs->status >= 500 || (!success && signs->status < 400))
    return judge_status (signs);
  if (find_code (codes, G_N_ELEMENTS (codes), signs, &fault_class) || find_hint (signs, &fault_class))
    return fault_class;
  if (!success)
    return judge_status (signs);
  find_code (codes_of_success, G_N_ELEMENTS (codes_of_success), signs, &fault_class);
  return fault_class;
}

static const char *
get_transport_reason (AipTransportFault transport)
{
  switch (transport)
    {
    case AIP_TRANSPORT_CONNECT:
      return "no connection";
    case AIP_TRANSPORT_TIMEOUT:
      return "timeout";
    case AIP_TRANSPORT_CUT:
      return "the answer broke off";
    case AIP_TRANSPORT_PROTOCOL:
      return "the answer is not usable";
    case AIP_TRANSPORT_OK:
    case AIP_TRANSPORT_CANCELLED:
    default:
      return "no answer";
    }
}

static const char *
get_transient_reason (const AipFaultSigns *signs)
{
  if (signs->html)
    return "a web page instead of an answer";
  if (signs->status >= 200 && signs->status < 300)
    return "an error inside a successful answer";
  if (signs->status >= 300 && signs->status < 400)
    return "a redirect";
  if (signs->status == 503 || signs->status == 529)
    return "overloaded";
  return signs->status >= 500 ? "server error" : "not now";
}

/**
 * aip_fault_judge:
 * @signs: what aip_fault_normalise () made of an attempt's end
 *
 * The second stage: says what it means.
 *
 * Returns: the verdict
 */
AipFaultVerdict
aip_fault_judge (const AipFaultSigns *signs)
{
  AipFaultVerdict verdict = { .fault_class = AIP_FAULT_CLASS_CANCELLED, .retry_after_us = -1 };

  g_return_val_if_fail (signs != NULL, verdict);

  gboolean lost = signs->status == 0 || (signs->transport != AIP_TRANSPORT_OK && signs->status < 400);

  verdict.status = signs->status;
  verdict.retry_after_us = signs->retry_after_us;
  if (signs->transport == AIP_TRANSPORT_CANCELLED)
    verdict.retry_after_us = -1;
  else if (lost)
    verdict.fault_class = AIP_FAULT_CLASS_TRANSIENT;
  else
    verdict.fault_class = judge_answer (signs);

  verdict.reason = traits[verdict.fault_class].reason;
  if (verdict.fault_class == AIP_FAULT_CLASS_TRANSIENT)
    verdict.reason = lost ? get_transport_reason (signs->transport) : get_transient_reason (signs);
  return verdict;
}

/**
 * aip_fault_classify:
 * @input: how an attempt ended
 *
 * Both stages. Nothing that the provider wrote is in the result, so it may be shown and logged.
 *
 * Returns: what it means
 */
AipFaultVerdict
aip_fault_classify (const AipFaultInput *input)
{
  AipFaultSigns signs;

  aip_fault_normalise (input, &signs);
  return aip_fault_judge (&signs);
}
