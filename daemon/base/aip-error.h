/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipError:
 *
 * The one error domain of the project. Each code becomes a D-Bus error name
 * (org.example.AIProxy1.Error.*) and, on the way in, an HTTP status.
 */
typedef enum
{
  AIP_ERROR_FAILED,           /* something of ours went wrong (500) */
  AIP_ERROR_INVALID_ARGUMENT, /* the caller's input is malformed (400) */
  AIP_ERROR_INVALID_CONFIG,   /* a setting is malformed or contradicts another */
  AIP_ERROR_NOT_FOUND,        /* no such model, path, key, ... (404) */
  AIP_ERROR_EXISTS,           /* the name is taken */
  AIP_ERROR_IN_USE,           /* cannot be removed: something refers to it */
  AIP_ERROR_UNAUTHENTICATED,  /* no token, or a wrong one (401) */
  AIP_ERROR_FORBIDDEN,        /* known, but not allowed (403) */
  AIP_ERROR_TIMED_OUT,        /* (408 for clients, 504 for upstreams) */
  AIP_ERROR_TOO_LARGE,        /* a limit on size (413) */
  AIP_ERROR_RATE_LIMITED,     /* a limit on rate, quota or budget (429) */
  AIP_ERROR_LOCKED,           /* the keyring is locked (503) */
  AIP_ERROR_UNAVAILABLE,      /* nothing is there to serve it now (503) */
  AIP_ERROR_PROTOCOL,         /* an upstream's answer is unusable (502) */
  AIP_ERROR_CANCELLED,        /* the caller left */
  AIP_ERROR_NOT_SUPPORTED,    /* this build or backend cannot do it */
  AIP_N_ERRORS,
} AipError;

#define AIP_ERROR (aip_error_quark ())

GQuark aip_error_quark (void);

G_END_DECLS
