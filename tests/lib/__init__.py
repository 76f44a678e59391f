# SPDX-License-Identifier: MIT
"""What the tests of the running programs share: a raw HTTP client, a fake upstream, the daemon itself."""
