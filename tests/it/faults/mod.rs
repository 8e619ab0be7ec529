//! Memcacheds and clients that die, hang, lie or leave: who is told what, and who must not notice.

mod health;
mod misbehaving;
mod on_down;
mod on_error;
mod outage;
mod rig;
mod soak;
mod unanswered;
mod unsent;
mod vanishing;
