/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl.h"

G_BEGIN_DECLS

/* What to do where there is no provider. */
#define AIP_CTL_ADD_PROVIDER "aiproxyctl provider add NAME --dialect DIALECT"

/* What the table of commands names; each runs one command, see AipCtlCommand. */

AipCtlExit aip_ctl_status (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_doctor (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_pause (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_resume (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_reload (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_unlock (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_strategy (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_cancel (AipCtl *ctl, const AipCtlArgs *args, GError **error);

AipCtlExit aip_ctl_provider_list (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_provider_show (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_provider_add (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_provider_set (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_provider_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_provider_reset (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_provider_test (AipCtl *ctl, const AipCtlArgs *args, GError **error);

AipCtlExit aip_ctl_key_list (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_show (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_add (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_set (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_secret (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_enable (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_disable (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_reset (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_key_test (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_secret_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error);

AipCtlExit aip_ctl_mapping_list (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_mapping_show (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_mapping_add (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_mapping_set (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_mapping_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error);

AipCtlExit aip_ctl_client_list (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_client_show (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_client_add (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_client_set (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_client_rotate (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_client_remove (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_client_token (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_tenant_list (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_env (AipCtl *ctl, const AipCtlArgs *args, GError **error);

AipCtlExit aip_ctl_model_list (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_route (AipCtl *ctl, const AipCtlArgs *args, GError **error);

AipCtlExit aip_ctl_stats (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_log_tail (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_log_list (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_log_search (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_log_export (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_log_show (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_log_purge (AipCtl *ctl, const AipCtlArgs *args, GError **error);

AipCtlExit aip_ctl_config_show (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_config_check (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_config_path (AipCtl *ctl, const AipCtlArgs *args, GError **error);
AipCtlExit aip_ctl_config_set (AipCtl *ctl, const AipCtlArgs *args, GError **error);

G_END_DECLS
