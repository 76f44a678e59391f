/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

/* Keys made for one run of a test, by openssl, in a folder of their own. */
typedef struct
{
  char *directory;
  char *rsa; /* path of the private key; so are the next two */
  char *other_rsa;
  char *ec;
  char *rsa_public; /* path; so is the next */
  char *ec_public;
} JwtKeys;

JwtKeys *jwt_keys_new (void);
void jwt_keys_free (JwtKeys *self);
char *jwt_keys_write (JwtKeys *self, const char *name, const char *text);

char *jwt_sign (const char *algorithm, const char *key, const char *key_id, const char *claims);
char *jwt_join (const char *header, const char *claims, const char *signature);
char *jwt_make_jwk (const char *public_path, const char *key_id);
