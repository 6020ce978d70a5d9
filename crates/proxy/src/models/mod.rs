//! Requests to models: understood, redacted, paid for, asked from one provider after the other, and passed back.

mod answer;
mod breaker;
mod chain;
mod event;
mod meter;
mod relay;
mod sse;
mod upstream;
mod wish;

pub(crate) use self::{
    breaker::Breakers,
    chain::{Asker, Held},
    wish::{Form, Wish},
};
