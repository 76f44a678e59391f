/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routing/aip-fault-class.h"

#include <string.h>

typedef struct
{
  const char *name;
  guint status;
  const char *body;
  AipFaultClass fault_class;
} Case;

#define NONE AIP_FAULT_CLASS_NONE
#define TRANSIENT AIP_FAULT_CLASS_TRANSIENT
#define RATE_LIMITED AIP_FAULT_CLASS_RATE_LIMITED
#define AUTH AIP_FAULT_CLASS_AUTH
#define BILLING AIP_FAULT_CLASS_BILLING
#define CLIENT AIP_FAULT_CLASS_CLIENT
#define CONTEXT AIP_FAULT_CLASS_CONTEXT_LENGTH
#define MISSING AIP_FAULT_CLASS_MODEL_MISSING

/* What the providers send, as they send it. */
static const Case cases[] = {
  { "openai/quota", 429,
    "{\n    \"error\": {\n        \"message\": \"You exceeded your current quota, please check your plan and "
    "billing "
    "details.\",\n        \"type\": \"insufficient_quota\",\n        \"param\": null,\n        \"code\": "
    "\"insufficient_quota\"\n    }\n}\n",
    BILLING },
  { "openai/project-limit", 429,
    "{\"error\":{\"message\":\"You exceeded your current quota, please check your plan and billing "
    "details.\","
    "\"type\":\"insufficient_quota\",\"code\":\"project_spend_limit_exceeded\"}}",
    BILLING },
  { "openai/rate", 429,
    "{\"error\":{\"message\":\"Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): "
    "Limit "
    "30000, Used 29000, Requested 2000. Please try again in "
    "2s.\",\"type\":\"tokens\",\"param\":null,\"code\":"
    "\"rate_limit_exceeded\"}}",
    RATE_LIMITED },
  { "openai/larger-than-the-limit", 429,
    "{\"error\":{\"message\":\"Request too large for gpt-4o in organization org-x on tokens per min (TPM): "
    "Limit "
    "30000, Requested 50000.\",\"type\":\"tokens\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}",
    CONTEXT },
  { "openai/key", 401,
    "{\"error\":{\"message\":\"Incorrect API key provided: "
    "sk-abc***xyz.\",\"type\":\"invalid_request_error\","
    "\"param\":null,\"code\":\"invalid_api_key\"}}",
    AUTH },
  { "openai/model", 404,
    "{\"error\":{\"message\":\"The model `gpt-9` does not exist or you do not have access to it.\",\"type\":"
    "\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}",
    MISSING },
  { "openai/model-of-project", 403,
    "{\"error\":{\"message\":\"Project `proj_x` does not have access to model `gpt-4o`\",\"type\":"
    "\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}",
    MISSING },
  { "openai/context", 400,
    "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens. However, your messages "
    "resulted in "
    "9000 tokens.\",\"type\":\"invalid_request_error\",\"param\":\"messages\",\"code\":"
    "\"context_length_exceeded\"}}",
    CONTEXT },
  { "openai/region", 403,
    "{\"error\":{\"code\":\"unsupported_country_region_territory\",\"message\":\"Country, region, or "
    "territory not "
    "supported\",\"param\":null,\"type\":\"request_forbidden\"}}",
    AUTH },
  { "openai/bad-request", 400,
    "{\"error\":{\"message\":\"Invalid value: 'insufficient "
    "balance'.\",\"type\":\"invalid_request_error\",\"param\":"
    "\"messages[0].role\",\"code\":\"invalid_value\"}}",
    CLIENT },
  { "openai/server", 500,
    "{\"error\":{\"message\":\"The server had an error while processing your request. Sorry about "
    "that!\",\"type\":"
    "\"server_error\",\"param\":null,\"code\":null}}",
    TRANSIENT },
  { "openai/broken-server-speaks-of-quota", 500,
    "{\"error\":{\"type\":\"insufficient_quota\",\"message\":\"x\"}}", TRANSIENT },
  { "openai/served", 200, "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"choices\":[]}", NONE },
  { "openai/served-responses", 200,
    "{\"id\":\"resp_1\",\"status\":\"completed\",\"error\":null,\"output\":[]}", NONE },
  { "openai/failed-inside", 200,
    "{\"id\":\"resp_1\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"x\"}}",
    TRANSIENT },
  { "openai/limited-inside", 200,
    "{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}",
    RATE_LIMITED },
  { "anthropic/overloaded", 529,
    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", TRANSIENT },
  { "anthropic/overloaded-stream", 200,
    "{\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}",
    TRANSIENT },
  { "anthropic/credit", 400,
    "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is "
    "too low to "
    "access the Anthropic API. Please go to Plans & Billing to upgrade or purchase "
    "credits.\"},\"request_id\":"
    "\"req_1\"}",
    BILLING },
  { "anthropic/own-limit", 400,
    "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"You have reached your "
    "specified "
    "API usage limits. You will regain access on 2026-01-01 at 00:00 UTC.\"}}",
    BILLING },
  { "anthropic/tier-limit", 429,
    "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"x\",\"details\":{\"error_"
    "code\":"
    "\"enforced_spend_limit_reached\"}}}",
    BILLING },
  { "anthropic/billing", 402, "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"x\"}}",
    BILLING },
  { "anthropic/rate", 429,
    "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"This request would exceed "
    "your "
    "organization's rate limit of 40,000 input tokens per minute.\"}}",
    RATE_LIMITED },
  { "anthropic/key", 401,
    "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"}}",
    AUTH },
  { "anthropic/permission", 403,
    "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"Your API key does not have "
    "permission "
    "to use the specified resource.\"}}",
    AUTH },
  { "anthropic/model", 404,
    "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"model: claude-9\"}}",
    MISSING },
  { "anthropic/context", 400,
    "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: "
    "210000 tokens "
    "> 200000 maximum\"}}",
    CONTEXT },
  { "anthropic/too-large", 413,
    "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"Request exceeds the maximum "
    "size\"}}",
    CLIENT },
  { "anthropic/conflict", 409,
    "{\"type\":\"error\",\"error\":{\"type\":\"conflict_error\",\"message\":\"x\"}}", TRANSIENT },
  { "gemini/quota", 429,
    "{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"You exceeded your current quota, please check "
    "your plan "
    "and billing details.\",\n    \"status\": \"RESOURCE_EXHAUSTED\",\n    \"details\": [\n      {\n        "
    "\"@type\": "
    "\"type.googleapis.com/google.rpc.RetryInfo\",\n        \"retryDelay\": \"34s\"\n      }\n    ]\n  "
    "}\n}\n",
    RATE_LIMITED },
  { "gemini/quota-of-stream", 429,
    "[{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"Resource exhausted. Please try again "
    "later.\",\n    "
    "\"status\": \"RESOURCE_EXHAUSTED\"\n  }\n}\n]",
    RATE_LIMITED },
  { "gemini/key", 400,
    "{\n  \"error\": {\n    \"code\": 400,\n    \"message\": \"API key not valid. Please pass a valid API "
    "key.\",\n    "
    "\"status\": \"INVALID_ARGUMENT\",\n    \"details\": [\n      {\n        \"@type\": "
    "\"type.googleapis.com/google.rpc.ErrorInfo\",\n        \"reason\": \"API_KEY_INVALID\",\n        "
    "\"domain\": "
    "\"googleapis.com\"\n      }\n    ]\n  }\n}\n",
    AUTH },
  { "gemini/model", 404,
    "{\"error\":{\"code\":404,\"message\":\"models/gemini-9 is not found for API version v1beta, or is not "
    "supported "
    "for generateContent.\",\"status\":\"NOT_FOUND\"}}",
    MISSING },
  { "gemini/context", 400,
    "{\"error\":{\"code\":400,\"message\":\"The input token count (1200000) exceeds the maximum number of "
    "tokens allowed "
    "(1048576).\",\"status\":\"INVALID_ARGUMENT\"}}",
    CONTEXT },
  { "gemini/file", 403,
    "{\"error\":{\"code\":403,\"message\":\"You do not have permission to access the File x or it may not "
    "exist.\","
    "\"status\":\"PERMISSION_DENIED\"}}",
    CLIENT },
  { "gemini/overloaded", 503,
    "{\"error\":{\"code\":503,\"message\":\"The model is overloaded. Please try again later.\",\"status\":"
    "\"UNAVAILABLE\"}}",
    TRANSIENT },
  { "deepseek/balance", 402,
    "{\"error\":{\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\",\"param\":null,\"code\":"
    "\"invalid_request_error\"}}",
    BILLING },
  { "deepseek/balance-as-bad-request", 400,
    "{\"error\":{\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\",\"param\":null,\"code\":"
    "\"invalid_request_error\"}}",
    BILLING },
  { "deepseek/key", 401,
    "{\"error\":{\"message\":\"Authentication Fails (no such "
    "user)\",\"type\":\"authentication_error\",\"param\":null,"
    "\"code\":\"invalid_request_error\"}}",
    AUTH },
  { "deepseek/model", 400,
    "{\"error\":{\"message\":\"Model Not Exist\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":"
    "\"invalid_request_error\"}}",
    MISSING },
  { "azure/deployment", 404,
    "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"The API deployment for this resource does not "
    "exist. If "
    "you created the deployment within the last 5 minutes, please wait a moment and try again.\"}}",
    MISSING },
  { "azure/key", 401,
    "{\"error\":{\"code\":\"401\",\"message\":\"Access denied due to invalid subscription key or wrong API "
    "endpoint.\"}}",
    AUTH },
  { "azure/rate", 429,
    "{\"error\":{\"code\":\"429\",\"message\":\"Requests to the ChatCompletions_Create Operation under Azure "
    "OpenAI API "
    "version 2024-02-01 have exceeded call rate limit of your current pricing tier. Please retry after 20 "
    "seconds.\"}}",
    RATE_LIMITED },
  { "azure/filter", 400,
    "{\"error\":{\"message\":\"The response was filtered\",\"type\":null,\"param\":\"prompt\",\"code\":"
    "\"content_filter\",\"status\":400}}",
    CLIENT },
  { "azure/gateway", 429,
    "{ \"statusCode\": 429, \"message\": \"Rate limit is exceeded. Try again in 20 seconds.\" }",
    RATE_LIMITED },
  { "ollama/model", 404, "{\"error\":\"model \\\"llama9\\\" not found, try pulling it first\"}", MISSING },
  { "ollama/busy", 503, "{\"error\":\"server busy, please try again.  maximum pending requests exceeded\"}",
    TRANSIENT },
  { "ollama/error-in-stream", 200, "{\"error\":\"an error was encountered while running the model\"}",
    TRANSIENT },
  { "ollama/bad-request", 400, "{\"error\":\"invalid options: foo\"}", CLIENT },
  { "baidu/1", 200, "{\"error_code\":1,\"error_msg\":\"Unknown error\",\"id\":\"as-x\"}", TRANSIENT },
  { "baidu/2", 200, "{\"error_code\":2,\"error_msg\":\"Service temporarily unavailable\",\"id\":\"as-x\"}",
    TRANSIENT },
  { "baidu/3", 200, "{\"error_code\":3,\"error_msg\":\"Unsupported openapi method\",\"id\":\"as-x\"}",
    MISSING },
  { "baidu/4", 200, "{\"error_code\":4,\"error_msg\":\"Open api request limit reached\",\"id\":\"as-x\"}",
    RATE_LIMITED },
  { "baidu/6", 200, "{\"error_code\":6,\"error_msg\":\"No permission to access data\",\"id\":\"as-x\"}",
    MISSING },
  { "baidu/13", 200, "{\"error_code\":13,\"error_msg\":\"Get service token failed\",\"id\":\"as-x\"}", AUTH },
  { "baidu/14", 200, "{\"error_code\":14,\"error_msg\":\"IAM Certification failed\",\"id\":\"as-x\"}", AUTH },
  { "baidu/15", 200, "{\"error_code\":15,\"error_msg\":\"app not exists or create failed\",\"id\":\"as-x\"}",
    TRANSIENT },
  { "baidu/17", 200,
    "{\"error_code\":17,\"error_msg\":\"Open api daily request limit reached\",\"id\":\"as-x\"}", BILLING },
  { "baidu/18", 200,
    "{\"error_code\":18,\"error_msg\":\"Open api qps request limit reached\",\"id\":\"as-x\"}",
    RATE_LIMITED },
  { "baidu/19", 200,
    "{\"error_code\":19,\"error_msg\":\"Open api total request limit reached\",\"id\":\"as-x\"}", BILLING },
  { "baidu/100", 200, "{\"error_code\":100,\"error_msg\":\"Invalid parameter\",\"id\":\"as-x\"}", AUTH },
  { "baidu/110", 200,
    "{\"error_code\":110,\"error_msg\":\"Access token invalid or no longer valid\",\"id\":\"as-x\"}", AUTH },
  { "baidu/111", 200, "{\"error_code\":111,\"error_msg\":\"Access token expired\",\"id\":\"as-x\"}", AUTH },
  { "baidu/336000", 200, "{\"error_code\":336000,\"error_msg\":\"Internal error\",\"id\":\"as-x\"}",
    TRANSIENT },
  { "baidu/336001", 200, "{\"error_code\":336001,\"error_msg\":\"Invalid argument\",\"id\":\"as-x\"}",
    CLIENT },
  { "baidu/336002", 200, "{\"error_code\":336002,\"error_msg\":\"Invalid JSON\",\"id\":\"as-x\"}", CLIENT },
  { "baidu/336003", 200,
    "{\"error_code\":336003,\"error_msg\":\"messages must be of odd length\",\"id\":\"as-x\"}", CLIENT },
  { "baidu/336004", 200, "{\"error_code\":336004,\"error_msg\":\"Permission error\",\"id\":\"as-x\"}", AUTH },
  { "baidu/336005", 200, "{\"error_code\":336005,\"error_msg\":\"API name not exist\",\"id\":\"as-x\"}",
    MISSING },
  { "baidu/336007", 200,
    "{\"error_code\":336007,\"error_msg\":\"the max input characters is 20000\",\"id\":\"as-x\"}", CONTEXT },
  { "baidu/336100", 200, "{\"error_code\":336100,\"error_msg\":\"try again later\",\"id\":\"as-x\"}",
    TRANSIENT },
  { "baidu/336101", 200, "{\"error_code\":336101,\"error_msg\":\"Invalid HTTP method\",\"id\":\"as-x\"}",
    CLIENT },
  { "baidu/336103", 200, "{\"error_code\":336103,\"error_msg\":\"Prompt tokens too long\",\"id\":\"as-x\"}",
    CONTEXT },
  { "baidu/336104", 200, "{\"error_code\":336104,\"error_msg\":\"Invalid argument: system\",\"id\":\"as-x\"}",
    CLIENT },
  { "baidu/336105", 200,
    "{\"error_code\":336105,\"error_msg\":\"Invalid argument: user_setting\",\"id\":\"as-x\"}", CLIENT },
  { "baidu/336501", 200,
    "{\"error_code\":336501,\"error_msg\":\"Rate limit reached for RPM\",\"id\":\"as-x\"}", RATE_LIMITED },
  { "baidu/336502", 200,
    "{\"error_code\":336502,\"error_msg\":\"Rate limit reached for TPM\",\"id\":\"as-x\"}", RATE_LIMITED },
  { "baidu/336503", 200, "{\"error_code\":336503,\"error_msg\":\"Rate limit reached\",\"id\":\"as-x\"}",
    RATE_LIMITED },
  { "baidu/999999", 200, "{\"error_code\":999999,\"error_msg\":\"something new\",\"id\":\"as-x\"}",
    TRANSIENT },
  { "baidu/18-of-429", 429, "{\"error_code\": 18, \"error_msg\": \"Open api qps request limit reached\"}",
    RATE_LIMITED },
  { "baidu/17-of-429", 429, "{\"error_msg\":\"Open api daily request limit reached\",\"error_code\":17}",
    BILLING },
  { "baidu/broken-server-speaks-of-quota", 500, "{\"error_code\":17,\"error_msg\":\"x\"}", TRANSIENT },
  { "baidu/served", 200, "{\"id\":\"as-x\",\"result\":\"\\\"error_code\\\":17\",\"is_end\":true}", NONE },
  { "baidu/no-error", 200, "{\"error_code\":0,\"error_msg\":\"\",\"result\":\"a\"}", NONE },
  { "baidu/deep-inside", 200, "{\"result\":{\"error_code\":17}}", NONE },
  { "baidu/no-number", 200, "{\"error_code\":\"17\",\"result\":\"a\"}", NONE },
  { "baidu/long-number", 400,
    "{\"error_code\":1777777777777777777777777777777777777777777777777777777777777777777}", CLIENT },
  /* A number of theirs means nothing as the code of somebody else. */
  { "baidu/not-theirs", 400, "{\"error\":{\"code\":17,\"message\":\"x\"}}", CLIENT },
  { "baidu/malformed_json", 400,
    "{\"error\":{\"code\":\"malformed_json\",\"message\":\"Invalid "
    "Argument\",\"type\":\"invalid_request_error\"},\"id\":\"as-x\"}",
    CLIENT },
  { "baidu/invalid_messages", 400,
    "{\"error\":{\"code\":\"invalid_messages\",\"message\":\"x\",\"type\":\"invalid_request_error\"},\"id\":"
    "\"as-x\"}",
    CLIENT },
  { "baidu/characters_too_long", 400,
    "{\"error\":{\"code\":\"characters_too_long\",\"message\":\"the max input characters is "
    "20000\",\"type\":\"invalid_request_error\"},\"id\":\"as-x\"}",
    CONTEXT },
  { "baidu/tokens_too_long", 400,
    "{\"error\":{\"code\":\"tokens_too_long\",\"message\":\"Prompt tokens too "
    "long\",\"type\":\"invalid_request_error\"},\"id\":\"as-x\"}",
    CONTEXT },
  { "baidu/invalid_argument", 400,
    "{\"error\":{\"code\":\"invalid_argument\",\"message\":\"x\",\"type\":\"invalid_request_error\"},\"id\":"
    "\"as-x\"}",
    CLIENT },
  { "baidu/image_url_unsafe", 400,
    "{\"error\":{\"code\":\"image_url_unsafe\",\"message\":\"the content of image_url.url field is "
    "unsafe\",\"type\":\"unsafe_request\"},\"id\":\"as-x\"}",
    CLIENT },
  { "baidu/no_parameter_permission", 401,
    "{\"error\":{\"code\":\"no_parameter_permission\",\"message\":\"x\",\"type\":\"access_denied\"},\"id\":"
    "\"as-x\"}",
    MISSING },
  { "baidu/invalid_model", 401,
    "{\"error\":{\"code\":\"invalid_model\",\"message\":\"The model does not exist or you do not have access "
    "to it.\",\"type\":\"invalid_request_error\"},\"id\":\"as-x\"}",
    MISSING },
  { "baidu/invalid_appid", 401,
    "{\"error\":{\"code\":\"invalid_appid\",\"message\":\"No permission to use the "
    "appid\",\"type\":\"invalid_request_error\"},\"id\":\"as-x\"}",
    AUTH },
  { "baidu/invalid_iam_token", 401,
    "{\"error\":{\"code\":\"invalid_iam_token\",\"message\":\"IAM Certification "
    "failed\",\"type\":\"invalid_request_error\"},\"id\":\"as-x\"}",
    AUTH },
  { "baidu/system_unsafe", 403,
    "{\"error\":{\"code\":\"system_unsafe\",\"message\":\"the content of system field is "
    "invalid\",\"type\":\"unsafe_request\"},\"id\":\"as-x\"}",
    CLIENT },
  { "baidu/functions_unsafe", 403,
    "{\"error\":{\"code\":\"functions_unsafe\",\"message\":\"the content of functions field is "
    "invalid\",\"type\":\"unsafe_request\"},\"id\":\"as-x\"}",
    CLIENT },
  { "baidu/account_overdue", 403,
    "{\"error\":{\"code\":\"account_overdue\",\"message\":\"Access denied due to overdue "
    "account\",\"type\":\"access_denied\"},\"id\":\"as-x\"}",
    BILLING },
  { "baidu/model_offline", 403,
    "{\"error\":{\"code\":\"model_offline\",\"message\":\"The model is "
    "offline\",\"type\":\"access_denied\"},\"id\":\"as-x\"}",
    MISSING },
  { "baidu/method_not_supported", 405,
    "{\"error\":{\"code\":\"method_not_supported\",\"message\":\"Only POST requests are "
    "accepted\",\"type\":\"invalid_request_error\"},\"id\":\"as-x\"}",
    CLIENT },
  { "baidu/rpm_rate_limit_exceeded", 429,
    "{\"error\":{\"code\":\"rpm_rate_limit_exceeded\",\"message\":\"Rate limit reached for "
    "RPM\",\"type\":\"rate_limit_exceeded\"},\"id\":\"as-x\"}",
    RATE_LIMITED },
  { "baidu/tpm_rate_limit_exceeded", 429,
    "{\"error\":{\"code\":\"tpm_rate_limit_exceeded\",\"message\":\"Rate limit reached for "
    "TPM\",\"type\":\"rate_limit_exceeded\"},\"id\":\"as-x\"}",
    RATE_LIMITED },
  { "baidu/preemptible_rate_limit_exceeded", 429,
    "{\"error\":{\"code\":\"preemptible_rate_limit_exceeded\",\"message\":\"Rate limit reached for "
    "preemptible resource\",\"type\":\"rate_limit_exceeded\"},\"id\":\"as-x\"}",
    RATE_LIMITED },
  { "baidu/user_rate_limit_exceeded", 429,
    "{\"error\":{\"code\":\"user_rate_limit_exceeded\",\"message\":\"qps request limit by APP ID "
    "reached\",\"type\":\"rate_limit_exceeded\"},\"id\":\"as-x\"}",
    RATE_LIMITED },
  { "baidu/rpm_rate_limit_exceeded-in-200", 200,
    "{\"error\":{\"code\":\"rpm_rate_limit_exceeded\",\"message\":\"Rate limit reached for "
    "RPM\",\"type\":\"rate_limit_exceeded\"},\"id\":\"as-x\"}",
    RATE_LIMITED },
  { "baidu/internal_error", 500,
    "{\"error\":{\"code\":\"internal_error\",\"message\":\"Internal "
    "error\",\"type\":\"Internal_error\"},\"id\":\"as-x\"}",
    TRANSIENT },
  { "page/success", 200, "<!DOCTYPE html><html><body>login</body></html>", TRANSIENT },
  { "page/bad-gateway", 502, "<html><head><title>502 Bad Gateway</title></head></html>", TRANSIENT },
  { "page/firewall", 403, "\n<!DOCTYPE html>\n<title>Just a moment...</title>", TRANSIENT },
  { "status/204", 204, NULL, NONE },
  { "status/302", 302, NULL, TRANSIENT },
  { "status/401", 401, "", AUTH },
  { "status/402", 402, NULL, BILLING },
  { "status/403", 403, "{}", AUTH },
  { "status/404", 404, NULL, MISSING },
  { "status/407", 407, NULL, TRANSIENT },
  { "status/408", 408, NULL, TRANSIENT },
  { "status/409", 409, NULL, TRANSIENT },
  { "status/413", 413, NULL, CLIENT },
  { "status/422", 422, NULL, CLIENT },
  { "status/429", 429, NULL, RATE_LIMITED },
  { "status/501", 501, NULL, MISSING },
  { "status/502", 502, NULL, TRANSIENT },
  { "status/504", 504, NULL, TRANSIENT },
  { "broken/json", 429, "{\"error\":{\"type\":\"insufficient_quota\"", RATE_LIMITED },
  { "broken/types", 400, "{\"error\":{\"type\":[1],\"code\":{},\"message\":7}}", CLIENT },
  { "broken/array", 200, "[]", NONE },
};

static AipFaultVerdict
classify (guint status, const char *body)
{
  AipFaultInput input = {
    .status = status,
    .body = body,
    .body_length = body == NULL ? 0 : strlen (body),
    .retry_after_us = -1,
    .names_model = TRUE,
  };

  return aip_fault_classify (&input);
}

static void
test_case (const void *data)
{
  const Case *test = data;
  AipFaultVerdict verdict = classify (test->status, test->body);

  g_assert_cmpstr (aip_fault_class_to_string (verdict.fault_class), ==,
                   aip_fault_class_to_string (test->fault_class));
  g_assert_cmpuint (verdict.status, ==, test->status);
  g_assert_nonnull (verdict.reason);
}

static void
test_transport (void)
{
  static const struct
  {
    AipTransportFault transport;
    guint status;
    AipFaultClass fault_class;
    const char *reason;
  } ends[] = {
    { AIP_TRANSPORT_CONNECT, 0, TRANSIENT, "no connection" },
    { AIP_TRANSPORT_TIMEOUT, 0, TRANSIENT, "timeout" },
    { AIP_TRANSPORT_CUT, 200, TRANSIENT, "the answer broke off" },
    { AIP_TRANSPORT_PROTOCOL, 0, TRANSIENT, "the answer is not usable" },
    { AIP_TRANSPORT_OK, 0, TRANSIENT, "no answer" },
    { AIP_TRANSPORT_CUT, 401, AUTH, "the provider refuses the key" },
    { AIP_TRANSPORT_CANCELLED, 200, AIP_FAULT_CLASS_CANCELLED, "given up" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      AipFaultInput input = { .transport = ends[i].transport,
                              .status = ends[i].status,
                              .retry_after_us = -1 };
      AipFaultVerdict verdict = aip_fault_classify (&input);

      g_assert_cmpint (verdict.fault_class, ==, ends[i].fault_class);
      g_assert_cmpstr (verdict.reason, ==, ends[i].reason);
    }
}

static void
test_retry_after (void)
{
  AipFaultInput input = { .status = 429, .retry_after_us = 7 * G_USEC_PER_SEC };
  static const char body[] =
      "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"x\",\"details\":"
      "[{\"@type\":\"a\"},{\"@type\":\"b\",\"retryDelay\" : \"34.5s\"}]}}";

  g_assert_cmpint (aip_fault_classify (&input).retry_after_us, ==, 7 * G_USEC_PER_SEC);
  g_assert_cmpint (classify (429, body).retry_after_us, ==, 34500000);
  g_assert_cmpint (classify (429, "{\"error\":{\"details\":[{\"retryDelay\":\"-3s\"}]}}").retry_after_us, ==,
                   -1);
  g_assert_cmpint (classify (429, "{\"error\":{\"details\":[{\"retryDelay\":\"1e99s\"}]}}").retry_after_us,
                   ==, -1);
  g_assert_cmpint (classify (429, "{\"error\":{\"details\":[{\"retryDelay\":34}]}}").retry_after_us, ==, -1);
  g_assert_cmpint (classify (429, NULL).retry_after_us, ==, -1);
}

/* Nothing exists under that path, whatever the model. */
static void
test_not_about_a_model (void)
{
  AipFaultInput input = { .status = 404, .retry_after_us = -1 };

  g_assert_cmpint (aip_fault_classify (&input).fault_class, ==, CLIENT);
}

/* What stands in the signs may be shown: it holds words only. */
static void
test_codes_are_words (void)
{
  static const char body[] = "{\"error\":{\"code\":\"sk-secret \\u0041\",\"type\":\"Overloaded_Error\"}}";
  AipFaultInput input = { .status = 500, .body = body, .body_length = sizeof body - 1, .retry_after_us = -1 };
  AipFaultSigns signs;

  aip_fault_normalise (&input, &signs);
  g_assert_cmpstr (signs.code, ==, "");
  g_assert_cmpstr (signs.type, ==, "overloaded_error");
  g_assert_true (signs.is_error);
}

static void
test_traits (void)
{
  static const struct
  {
    AipFaultClass fault_class;
    gboolean counts, fails_over, opens;
  } expected[] = {
    { NONE, FALSE, FALSE, FALSE },
    { TRANSIENT, TRUE, TRUE, FALSE },
    { RATE_LIMITED, TRUE, TRUE, FALSE },
    { AUTH, TRUE, TRUE, TRUE },
    { BILLING, TRUE, TRUE, TRUE },
    { CLIENT, FALSE, FALSE, FALSE },
    { CONTEXT, FALSE, TRUE, FALSE },
    { MISSING, FALSE, TRUE, FALSE },
    { AIP_FAULT_CLASS_CANCELLED, FALSE, FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_assert_cmpint (aip_fault_class_counts (expected[i].fault_class), ==, expected[i].counts);
      g_assert_cmpint (aip_fault_class_fails_over (expected[i].fault_class), ==, expected[i].fails_over);
      g_assert_cmpint (aip_fault_class_opens (expected[i].fault_class), ==, expected[i].opens);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/routing/fault-class/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_case);
    }
  g_test_add_func ("/routing/fault-class/transport", test_transport);
  g_test_add_func ("/routing/fault-class/retry-after", test_retry_after);
  g_test_add_func ("/routing/fault-class/not-about-a-model", test_not_about_a_model);
  g_test_add_func ("/routing/fault-class/codes-are-words", test_codes_are_words);
  g_test_add_func ("/routing/fault-class/traits", test_traits);

  return g_test_run ();
}
