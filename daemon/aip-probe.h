/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-host.h"
#include "upstream/aip-upstream.h"

G_BEGIN_DECLS

/**
 * AipProbe: tries providers with a call that costs nothing, the list of models, and keys with one more that
 * costs a token. On the main thread.
 */
typedef struct _AipProbe AipProbe;

typedef AipSecret *(*AipProbeSecretFunc) (const AipKeyConfig *key, void *user_data);

/* Returns: (nullable): why the key has no secret, static text */
typedef const char *(*AipProbeExplainFunc) (const AipKeyConfig *key, void *user_data);

AipProbe *aip_probe_new (AipLiveKeys *live,
                         AipProbeSecretFunc find_secret,
                         AipProbeExplainFunc explain,
                         void *user_data);
void aip_probe_free (AipProbe *self);
void aip_probe_start (AipProbe *self,
                      AipConfig *config,
                      const char *provider,
                      const char *key,
                      AipTestFunc func,
                      void *user_data,
                      GDestroyNotify dropped);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipProbe, aip_probe_free)

G_END_DECLS
