//! Requests to models: understood, redacted, paid for, asked from one provider after the other, and passed back.

mod breaker;
mod chain;
mod dialect;
mod ending;
mod gather;
mod manner;
mod meter;
mod relay;
mod upstream;
mod wish;

pub(crate) use self::{
    breaker::Breakers,
    chain::{Asker, Held},
    dialect::readable,
    manner::Manners,
    wish::{Form, Wish},
};
