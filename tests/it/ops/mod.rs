//! The program in an operator's hands: flags, file, log, signals, sockets, statistics, placements.

mod config;
mod deaf_log;
mod flags;
mod log_lines;
mod parity;
mod run_script;
mod shutdown;
mod statistics;
mod unix_sockets;
