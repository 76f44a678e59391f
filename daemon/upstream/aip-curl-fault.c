/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-curl-fault"

#include "upstream/aip-curl-fault.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "upstream/aip-easy.h"

/* Whether it was sent at all, or failed on the way to a connection (through a proxy, say). */
static gboolean
was_connected (CURL *handle)
{
  curl_off_t pretransfer = 0;

  curl_easy_getinfo (handle, CURLINFO_PRETRANSFER_TIME_T, &pretransfer);
  return pretransfer > 0;
}

static int
shortage_of (int os_errno)
{
  gboolean ours = os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOBUFS || os_errno == ENOMEM;

  return ours ? os_errno : 0;
}

/* The resolver, and who reads the certificates, do not tell why they got no descriptor. */
static int
try_socket (void)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0)
    return shortage_of (errno);
  close (fd);
  return 0;
}

/* What this process was short of when @code came about, as a number of errno; 0: of nothing. */
static int
find_shortage (CURL *handle, CURLcode code)
{
  const AipEasy *easy = aip_easy_from_handle (handle);
  long os_errno = 0;

  switch ((int) code)
    {
    case CURLE_COULDNT_CONNECT:
      if (easy != NULL && shortage_of (easy->socket_errno) != 0)
        return easy->socket_errno;
      curl_easy_getinfo (handle, CURLINFO_OS_ERRNO, &os_errno);
      return shortage_of ((int) os_errno);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_SSL_CACERT_BADFILE:
      return try_socket ();
    default:
      return 0;
    }
}

/**
 * aip_curl_fault:
 * @handle: the handle of the transfer
 * @code: how it ended
 * @error_text: what libcurl wrote into CURLOPT_ERRORBUFFER
 *
 * Returns: what went wrong, in our terms
 */
AipFault
aip_curl_fault (CURL *handle, CURLcode code, const char *error_text)
{
  /* To libcurl a malformed chunk is an error of receiving. */
  if (code == CURLE_RECV_ERROR && strstr (error_text, "in chunked-encoding") != NULL)
    return AIP_FAULT_PROTOCOL;
  if (find_shortage (handle, code) != 0)
    return AIP_FAULT_SHORTAGE;

  switch ((int) code)
    {
    case CURLE_OK:
      return AIP_FAULT_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return AIP_FAULT_RESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_PROXY:
      return AIP_FAULT_CONNECT;
    case CURLE_OPERATION_TIMEDOUT: /* libcurl is told of the time to connect only */
      return AIP_FAULT_CONNECT_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_USE_SSL_FAILED:
      return AIP_FAULT_TLS;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
      return was_connected (handle) ? AIP_FAULT_CUT : AIP_FAULT_CONNECT;
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2_STREAM:
    case CURLE_SEND_FAIL_REWIND:
      return AIP_FAULT_CUT;
    case CURLE_ABORTED_BY_CALLBACK:
      return AIP_FAULT_CANCELLED;
    default: /* malformed answers and URLs; CURLE_OUT_OF_MEMORY is how it calls a line that is too long */
      return AIP_FAULT_PROTOCOL;
    }
}

/**
 * aip_curl_fault_dup_detail:
 * @handle: the handle of the transfer
 * @code: how it ended
 * @error_text: what libcurl wrote into CURLOPT_ERRORBUFFER
 *
 * Libcurl's own text is used where it cannot quote what the upstream sent.
 *
 * Returns: (transfer full): the reason, for people
 */
char *
aip_curl_fault_dup_detail (CURL *handle, CURLcode code, const char *error_text)
{
  long os_errno = 0;

  switch ((int) aip_curl_fault (handle, code, error_text))
    {
    case AIP_FAULT_SHORTAGE:
      return g_strdup (g_strerror (find_shortage (handle, code)));
    case AIP_FAULT_TLS:
      if (error_text[0] != '\0')
        return g_strdup (error_text);
      break;
    case AIP_FAULT_CONNECT:
    case AIP_FAULT_CUT:
      curl_easy_getinfo (handle, CURLINFO_OS_ERRNO, &os_errno);
      if (os_errno != 0)
        return g_strdup (g_strerror ((int) os_errno));
      break;
    default:
      break;
    }
  return g_strdup (curl_easy_strerror (code));
}

static char *
dup_peer (CURL *handle)
{
  char *url = NULL;
  char *host = NULL;
  char *port = NULL;
  char *peer;
  CURLU *parsed = curl_url ();

  curl_easy_getinfo (handle, CURLINFO_EFFECTIVE_URL, &url);
  if (url != NULL && curl_url_set (parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
      curl_url_get (parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
      curl_url_get (parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
    peer = g_strconcat (host, ":", port, NULL);
  else
    peer = g_strdup ("the upstream");
  curl_free (host);
  curl_free (port);
  curl_url_cleanup (parsed);
  return peer;
}

static char *
dup_duration (guint64 ms)
{
  return ms % 1000 == 0 ? g_strdup_printf ("%" G_GUINT64_FORMAT " s", ms / 1000)
                        : g_strdup_printf ("%" G_GUINT64_FORMAT " ms", ms);
}

/**
 * aip_curl_fault_dup_message:
 * @handle: the handle of the transfer
 * @fault: what went wrong
 * @limit_ms: for timeouts: which limit was passed
 * @detail: (nullable): the reason
 *
 * Returns: (transfer full): one sentence for people, which names host and port and nothing else of the URL
 */
char *
aip_curl_fault_dup_message (CURL *handle, AipFault fault, guint64 limit_ms, const char *detail)
{
  g_autofree char *peer = dup_peer (handle);
  g_autofree char *limit = dup_duration (limit_ms);
  const char *reason = detail == NULL ? "unknown reason" : detail;

  switch (fault)
    {
    case AIP_FAULT_RESOLVE:
      return g_strdup_printf ("no address was found for %s: %s", peer, reason);
    case AIP_FAULT_CONNECT:
      return g_strdup_printf ("%s cannot be connected to: %s", peer, reason);
    case AIP_FAULT_CONNECT_TIMEOUT:
      return g_strdup_printf ("%s could not be connected to within %s", peer, limit);
    case AIP_FAULT_TLS:
      return g_strdup_printf ("no TLS connection to %s: %s", peer, reason);
    case AIP_FAULT_FIRST_BYTE_TIMEOUT:
      return g_strdup_printf ("%s did not answer within %s", peer, limit);
    case AIP_FAULT_IDLE_TIMEOUT:
      return g_strdup_printf ("%s stopped in the middle of its answer for %s", peer, limit);
    case AIP_FAULT_TOTAL_TIMEOUT:
      return g_strdup_printf ("%s did not finish its answer within %s", peer, limit);
    case AIP_FAULT_CUT:
      return g_strdup_printf ("%s closed the connection before the end of its answer: %s", peer, reason);
    case AIP_FAULT_PROTOCOL:
      return g_strdup_printf ("the answer of %s is unusable: %s", peer, reason);
    case AIP_FAULT_SHORTAGE:
      return g_strdup_printf ("%s was not asked, as this daemon itself is short of something: %s; if it is "
                              "open files, raise its limit of them (LimitNOFILE= of its unit)",
                              peer, reason);
    case AIP_FAULT_CANCELLED:
      return g_strdup_printf ("the upload to %s was broken off", peer);
    case AIP_FAULT_NONE:
    default:
      return NULL;
    }
}
