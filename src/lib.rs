//! nodeproxy: a memcache reverse proxy.

pub mod scan;
pub mod stock;
pub mod time;

pub mod ring;
pub mod table;

pub mod memcache;

pub mod hash;

pub mod proxy;

pub mod config;

pub mod reactor;
