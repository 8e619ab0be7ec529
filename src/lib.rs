//! nodeproxy: a memcache reverse proxy.
