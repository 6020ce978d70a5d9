//! Rows as they stand in the database. Private to this crate: other crates see values.
#![expect(unreachable_pub, reason = "the macros want columns public")]

pub mod agent;
pub mod approval;
pub mod backup_alarm;
pub mod backup_destination;
pub mod backup_look;
pub mod backup_proof;
pub mod claim;
pub mod command;
pub mod configuration;
pub mod drill;
pub mod effect;
pub mod escrow;
pub mod gate_head;
pub mod job;
pub mod message;
pub mod order;
pub mod payment_movement;
pub mod payment_reference;
pub mod recovery;
pub mod recovery_run;
pub mod relay_key;
pub mod relay_request;
pub mod relay_usage;
pub mod rollup;
pub mod session;
pub mod staff;
pub mod stripe_event;
pub mod task;
pub mod tenant_event;
pub mod tenant_quota;
pub mod tenant_standing;
pub mod tenant_state;
pub mod timeline;
pub mod token;
pub mod upkeep;
