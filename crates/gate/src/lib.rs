//! The command gate's judgement: what a call is, what may be done unasked, what waits for a person. Pure.
//!
//! It must never run anything, read a clock, or take a command apart as a shell would: commands are argument vectors.
